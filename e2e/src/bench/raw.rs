//! What cannot be saved: one verification and one signature, by the library and with the kind of key that the server uses,
//! key pairs parsed once and kept.
//!
//! Measured as the server is: with every core busy, one measuring thread on each, right before a load and right after it,
//! and the median of all. A core alone runs faster than one of many, and clouds change from minute to minute.

use std::hint::black_box;

use anyhow::{Context, Result, anyhow, bail};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    VerificationAlgorithm,
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::cpu;

/// So many of each are one sample: some milliseconds.
const TIMES: u32 = 150;

/// So many samples each core takes at a time.
const SAMPLES: usize = 5;

/// About as long as an access token's header and payload.
const MESSAGE: [u8; 900] = [b'a'; 900];

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

    /// Takes some on every core at once.
    pub async fn take(&mut self) -> Result<()> {
        let cores = (0..cpu::cores()).map(|_| {
            let algorithm = self.algorithm.clone();
            spawn_blocking(move || sample(&algorithm))
        });
        for samples in futures_util::future::try_join_all(cores).await? {
            for Raw { verify, sign } in samples? {
                self.verify.push(verify);
                self.sign.push(sign);
            }
        }
        Ok(())
    }

    pub fn median(&self) -> Raw {
        Raw { verify: median(&self.verify), sign: median(&self.sign) }
    }
}

/// The middle one; 0 of none.
pub fn median(samples: &[f64]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

fn sample(algorithm: &str) -> Result<Vec<Raw>> {
    let random = SystemRandom::new();
    match algorithm {
        "ES256" => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            let public = parsed(&signature::ECDSA_P256_SHA256_FIXED, key.public_key().as_ref())?;
            of(|| key.sign(&random, &MESSAGE).map(|signature| signature.as_ref().to_vec()).ok(), &public)
        }
        "EdDSA" => {
            let key = Ed25519KeyPair::generate()?;
            let public = parsed(&signature::ED25519, key.public_key().as_ref())?;
            of(|| Some(key.sign(&MESSAGE).as_ref().to_vec()), &public)
        }
        "RS256" => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let public = parsed(&signature::RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())?;
            let sign = || {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature).ok()?;
                Some(signature)
            };
            of(sign, &public)
        }
        other => bail!("no raw figures for {other}"),
    }
}

fn parsed(algorithm: &'static dyn VerificationAlgorithm, public: &[u8]) -> Result<ParsedPublicKey> {
    ParsedPublicKey::new(algorithm, public).map_err(|error| anyhow!("an own key is not taken: {error}"))
}

fn of(sign: impl Fn() -> Option<Vec<u8>>, public: &ParsedPublicKey) -> Result<Vec<Raw>> {
    let signature = sign().context("no signature")?;
    let one = |_| {
        let verify = each(|| black_box(public.verify_sig(&MESSAGE, &signature)).is_ok())?;
        let sign = each(|| black_box(sign()).is_some())?;
        Ok(Raw { verify, sign })
    };
    (0..SAMPLES).map(one).collect()
}

fn each(operation: impl Fn() -> bool) -> Result<f64> {
    let before = cpu::of_this_thread();
    for _ in 0..TIMES {
        if !operation() {
            bail!("an operation failed");
        }
    }
    let spent = cpu::of_this_thread().saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / f64::from(TIMES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_algorithm_has_raw_figures() {
        for algorithm in ["ES256", "EdDSA", "RS256"] {
            let mut samples = Samples::of(algorithm);
            samples.take().await.unwrap();
            let Raw { verify, sign } = samples.median();
            assert!(verify > 0.0 && sign > 0.0, "{algorithm}: {verify} {sign}");
        }
    }

    #[test]
    fn the_median_does_not_care_for_outliers() {
        assert!((median(&[900.0, 2.0, 1.0]) - 2.0).abs() < f64::EPSILON);
    }
}
