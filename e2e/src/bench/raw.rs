//! What cannot be saved: one verification and one signature, by the library and with the kind of key that the server uses,
//! key pairs parsed once and kept.
//!
//! Measured as the server is: while its load runs, by a thread on each core that now and then takes a sample, and the median of
//! all. A core alone runs faster than one of many, and clouds change from one second to the next: what is measured before or
//! after is measured on another machine.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    VerificationAlgorithm,
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::beside::{Underway, Watch};
use super::cpu;

/// So many of each are one sample: some milliseconds, in which the first of them, whose code and key are in no cache, counts
/// little.
const TIMES: u32 = 20;

/// What part of a core's time samples take from the load beside them: a thirtieth.
const PAUSE: u32 = 30;

/// About as long as an access token's header and payload.
const MESSAGE_BYTES: usize = 900;

/// CPU time of one operation, in microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Raw {
    pub verify: f64,
    pub sign: f64,
}

impl Raw {
    pub fn both(self) -> f64 {
        self.verify + self.sign
    }
}

/// Samples of the raw work of one algorithm.
pub struct Samples {
    algorithm: String,
    verify: Vec<f64>,
    sign: Vec<f64>,
}

impl Samples {
    /// None yet.
    pub fn of(algorithm: &str) -> Self {
        Self { algorithm: algorithm.to_owned(), verify: Vec::new(), sign: Vec::new() }
    }

    /// Does `work`, and takes samples on every core for as long as that lasts.
    pub async fn beside<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let underway = Underway::default();
        let mut samplers = Vec::new();
        for _ in 0..cpu::cores() {
            let (algorithm, load) = (self.algorithm.clone(), underway.watch());
            // Made before anything counts: a key pair for RSA takes as long as some thousand signatures.
            let pair = spawn_blocking(move || Pair::of(&algorithm)).await??;
            samplers.push(spawn_blocking(move || pair.sample_while(&load)));
        }
        let done = work.await?;
        drop(underway);
        for samples in futures_util::future::try_join_all(samplers).await? {
            self.extend(samples?);
        }
        Ok(done)
    }

    pub fn median(&self) -> Raw {
        Raw { verify: median(&self.verify), sign: median(&self.sign) }
    }
}

impl Extend<Raw> for Samples {
    fn extend<T: IntoIterator<Item = Raw>>(&mut self, samples: T) {
        for Raw { verify, sign } in samples {
            self.verify.push(verify);
            self.sign.push(sign);
        }
    }
}

/// The middle one; 0 of none.
pub fn median(samples: &[f64]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

/// A key pair, and how many messages it has signed.
///
/// No message comes twice, as no new token does. Of one signature that it verifies again and again a processor learns every
/// branch: ES256 then takes 6 to 8 % less, which no server ever sees.
pub struct Pair {
    sign: Box<Sign>,
    public: ParsedPublicKey,
    signed: Cell<u64>,
}

type Sign = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send;

impl Pair {
    pub fn of(algorithm: &str) -> Result<Self> {
        let random = SystemRandom::new();
        match algorithm {
            "ES256" => {
                let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
                let public = parsed(&signature::ECDSA_P256_SHA256_FIXED, key.public_key().as_ref())?;
                Ok(Self::new(public, move |message| {
                    key.sign(&random, message).map(|signature| signature.as_ref().to_vec()).ok()
                }))
            }
            "EdDSA" => {
                let key = Ed25519KeyPair::generate()?;
                let public = parsed(&signature::ED25519, key.public_key().as_ref())?;
                Ok(Self::new(public, move |message| Some(key.sign(message).as_ref().to_vec())))
            }
            "RS256" => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
                let public = parsed(&signature::RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())?;
                Ok(Self::new(public, move |message| {
                    let mut signature = vec![0; key.public_modulus_len()];
                    key.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                    Some(signature)
                }))
            }
            other => bail!("no raw figures for {other}"),
        }
    }

    fn new(public: ParsedPublicKey, sign: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Self {
        Self { sign: Box::new(sign), public, signed: Cell::default() }
    }

    /// One sample at least.
    fn sample_while(&self, load: &Watch) -> Result<Vec<Raw>> {
        let mut samples = Vec::new();
        loop {
            let began = Instant::now();
            samples.push(self.sample()?);
            std::thread::sleep(began.elapsed() * PAUSE);
            if load.is_over() {
                return Ok(samples);
            }
        }
    }

    pub fn sample(&self) -> Result<Raw> {
        let messages: Vec<_> = (0..TIMES).map(|_| self.new_message()).collect();
        let (signatures, sign) = each(messages.iter().map(|message| (self.sign)(message)))?;
        let signed = messages.iter().zip(&signatures);
        let (_, verify) = each(signed.map(|(message, signature)| self.public.verify_sig(message, signature).ok()))?;
        Ok(Raw { verify, sign })
    }

    /// The raw work once, of a message that never was.
    pub fn sign_and_verify(&self) -> bool {
        let message = self.new_message();
        (self.sign)(&message).is_some_and(|signature| self.public.verify_sig(&message, &signature).is_ok())
    }

    fn new_message(&self) -> [u8; MESSAGE_BYTES] {
        let count = self.signed.get() + 1;
        self.signed.set(count);
        let mut message = [b'a'; MESSAGE_BYTES];
        message[..8].copy_from_slice(&count.to_be_bytes());
        message
    }
}

fn parsed(algorithm: &'static dyn VerificationAlgorithm, public: &[u8]) -> Result<ParsedPublicKey> {
    ParsedPublicKey::new(algorithm, public).map_err(|error| anyhow!("an own key is not taken: {error}"))
}

/// What operations give that are done one after another, and the CPU time of one, in microseconds.
fn each<T>(operations: impl Iterator<Item = Option<T>>) -> Result<(Vec<T>, f64)> {
    let before = cpu::of_this_thread();
    let done: Vec<T> = operations.map(black_box).collect::<Option<_>>().context("an operation failed")?;
    let spent = cpu::of_this_thread().saturating_sub(before);
    Ok((done, spent.as_secs_f64() * 1e6 / f64::from(TIMES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_algorithm_has_raw_figures() {
        for algorithm in ["ES256", "EdDSA", "RS256"] {
            let mut samples = Samples::of(algorithm);
            assert_eq!(samples.beside(async { Ok(7) }).await.unwrap(), 7);
            let Raw { verify, sign } = samples.median();
            assert!(verify > 0.0 && sign > 0.0, "{algorithm}: {verify} {sign}");
        }
    }

    #[tokio::test]
    async fn work_that_fails_ends_the_sampling() {
        let mut samples = Samples::of("EdDSA");
        assert!(samples.beside(async { Err::<(), _>(anyhow!("the server has gone")) }).await.is_err());
    }

    #[test]
    fn no_message_is_signed_twice() {
        let pair = Pair::of("EdDSA").unwrap();
        assert_ne!(pair.new_message(), pair.new_message());
    }

    #[test]
    fn the_median_does_not_care_for_outliers() {
        assert!((median(&[900.0, 2.0, 1.0]) - 2.0).abs() < f64::EPSILON);
    }
}
