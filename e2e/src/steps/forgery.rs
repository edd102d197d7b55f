//! Tokens that nobody may accept, made from a good one (RFC 8725 section 2, RFC 9068 section 5).

use anyhow::{Context, Result};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use serde_json::{Value, json};

use super::{Jwks, Jwt};

/// The good token's signature under changed claims.
pub fn tampered(token: &str, claim: &str, value: Value) -> Result<String> {
    let mut parsed = Jwt::parse(token)?;
    parsed.claims[claim] = value;
    Ok(format!("{}.{}.{}", part(token, 0), encode(&parsed.claims), parsed.signature))
}

/// The good token with one bit of its signature flipped.
pub fn with_a_broken_signature(token: &str) -> Result<String> {
    let mut signature = URL_SAFE_NO_PAD.decode(Jwt::parse(token)?.signature)?;
    let first = signature.first_mut().context("no signature")?;
    *first ^= 1;
    Ok(format!("{}.{}.{}", part(token, 0), part(token, 1), URL_SAFE_NO_PAD.encode(signature)))
}

/// `alg: none` (RFC 8725 section 2.1), written as `alg`, without a signature.
pub fn unsigned(token: &str, alg: &str) -> Result<String> {
    let mut parsed = Jwt::parse(token)?;
    parsed.header["alg"] = json!(alg);
    Ok(format!("{}.{}.", encode(&parsed.header), part(token, 1)))
}

/// HS256 with the issuer's public key as the secret (RFC 8725 section 2.1), in each form that a library might read.
pub fn signed_with_the_public_key(token: &str, keys: &Jwks) -> Result<Vec<String>> {
    let mut parsed = Jwt::parse(token)?;
    let kid = parsed.header["kid"].as_str().context("no kid")?;
    let jwk = keys.0.find(kid).context("no such key")?;
    let secrets = readings_of(jwk)?;
    parsed.header["alg"] = json!("HS256");
    let message = format!("{}.{}", encode(&parsed.header), part(token, 1));
    Ok(secrets.iter().map(|secret| format!("{message}.{}", hs256(secret, &message))).collect())
}

/// Signed by a key of the forger, under the `kid` of the issuer's.
pub fn signed_by_a_foreign_key(token: &str) -> Result<String> {
    let mut parsed = Jwt::parse(token)?;
    parsed.header["alg"] = json!("RS256");
    let message = format!("{}.{}", encode(&parsed.header), part(token, 1));
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The public key as bytes: the JWK's text, and for RSA also DER and PEM.
fn readings_of(jwk: &Jwk) -> Result<Vec<Vec<u8>>> {
    let mut readings = vec![serde_json::to_vec(jwk)?];
    if let AlgorithmParameters::RSA(rsa) = &jwk.algorithm {
        let components = PublicKeyComponents { n: URL_SAFE_NO_PAD.decode(&rsa.n)?, e: URL_SAFE_NO_PAD.decode(&rsa.e)? };
        let der: PublicKeyX509Der = components.as_der()?;
        let pem = STANDARD.encode(der.as_ref());
        let lines: Vec<_> = pem.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        readings.extend([der.as_ref().to_vec(), pem.trim_end().into(), pem.into()]);
    }
    Ok(readings)
}

fn hs256(secret: &[u8], message: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes()))
}

fn part(token: &str, index: usize) -> &str {
    token.split('.').nth(index).unwrap_or_default()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
