//! What cannot be saved: one verification and one signature, by the library and with the kind of key that the server uses.

use std::hint::black_box;

use anyhow::{Context, Result, bail};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

use super::cpu;

/// As many as take a moment each.
const TIMES: u32 = 2000;

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

/// About as long as an access token's header and payload.
const MESSAGE: [u8; 900] = [b'a'; 900];

/// Keys are kept, not parsed each time.
pub fn measure(algorithm: &str) -> Result<Raw> {
    let random = SystemRandom::new();
    match algorithm {
        "ES256" => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            let public =
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key.public_key().as_ref().to_vec());
            of(|| key.sign(&random, &MESSAGE).map(|signature| signature.as_ref().to_vec()).ok(), &public)
        }
        "EdDSA" => {
            let key = Ed25519KeyPair::generate()?;
            let public = UnparsedPublicKey::new(&signature::ED25519, key.public_key().as_ref().to_vec());
            of(|| Some(key.sign(&MESSAGE).as_ref().to_vec()), &public)
        }
        "RS256" => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let _: Pkcs8V1Der<'_> = key.as_der()?;
            let public =
                UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref().to_vec());
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

fn of(sign: impl Fn() -> Option<Vec<u8>>, public: &UnparsedPublicKey<Vec<u8>>) -> Result<Raw> {
    let signature = sign().context("no signature")?;
    let verified = each(|| black_box(public.verify(&MESSAGE, &signature)).is_ok())?;
    let signed = each(|| black_box(sign()).is_some())?;
    Ok(Raw { verify: verified, sign: signed })
}

fn each(operation: impl Fn() -> bool) -> Result<f64> {
    let before = cpu::of_this_thread()?;
    for _ in 0..TIMES {
        if !operation() {
            bail!("an operation failed");
        }
    }
    let spent = cpu::of_this_thread()?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / f64::from(TIMES))
}
