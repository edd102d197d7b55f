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

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::KeyPair;

    use super::*;

    const ISSUER: &str = "http://localhost:9000";
    const AUDIENCE: &str = "https://api-a.example";

    /// A good token, and the key set that it verifies with.
    fn issued() -> (String, Jwks) {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = key.public_key();
        let [n, e] =
            [public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero()]
                .map(|number| URL_SAFE_NO_PAD.encode(number));
        let jwk = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": n, "e": e });
        let claims = json!({
            "iss": ISSUER, "sub": "usr_1", "aud": AUDIENCE, "exp": 4_102_444_800_i64, "iat": 1_700_000_000, "jti": "j",
            "client_id": "demo-app",
        });
        let header = json!({ "typ": "at+jwt", "alg": "RS256", "kid": "k1" });
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        let keys = serde_json::from_value(json!({ "keys": [jwk] })).unwrap();
        (format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)), keys)
    }

    #[test]
    fn the_good_token_verifies_and_no_forgery_does() {
        let (good, keys) = issued();
        let verify = |token: &str| keys.verify_access_token(token, ISSUER, AUDIENCE);
        assert_eq!(verify(&good).unwrap()["sub"], "usr_1");
        let mut forgeries = vec![
            tampered(&good, "sub", json!("usr_2")).unwrap(),
            with_a_broken_signature(&good).unwrap(),
            unsigned(&good, "none").unwrap(),
            unsigned(&good, "RS256").unwrap(),
            signed_by_a_foreign_key(&good).unwrap(),
        ];
        let with_public_key = signed_with_the_public_key(&good, &keys).unwrap();
        assert_eq!(with_public_key.len(), 4);
        forgeries.extend(with_public_key);
        for forgery in forgeries {
            assert!(verify(&forgery).is_err(), "{forgery}");
        }
    }

    #[test]
    fn a_token_of_another_issuer_or_for_another_audience_does_not_verify() {
        let (good, keys) = issued();
        assert!(keys.verify_access_token(&good, "http://localhost:9000/", AUDIENCE).is_err());
        assert!(keys.verify_access_token(&good, ISSUER, "https://api-b.example").is_err());
        assert!(keys.verify_id_token(&good, ISSUER, AUDIENCE).is_err(), "an access token is no ID token");
    }

    #[test]
    fn the_public_key_reads_as_pem() {
        let (good, keys) = issued();
        let kid = Jwt::parse(&good).unwrap().header["kid"].as_str().unwrap().to_owned();
        let pem = readings_of(keys.0.find(&kid).unwrap()).unwrap().pop().unwrap();
        assert!(jsonwebtoken::DecodingKey::from_rsa_pem(&pem).is_ok());
    }
}
