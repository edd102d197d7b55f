//! One signing key: the pair, kept parsed, and its public half as a JWK (RFC 7517, RFC 7518, RFC 8037).
//!
//! Signing is done here and not by jsonwebtoken, which parses the private key anew for every token (docs/decisions/0005).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::registry::SigningAlgorithm;

/// The `typ` of access tokens (RFC 9068 section 2.1).
pub(super) const ACCESS_TOKEN: &str = "at+jwt";

/// The `typ` of ID tokens (RFC 7519 section 5.1).
pub(super) const ID_TOKEN: &str = "JWT";

/// What the tokens that are made most have room in: nothing is copied while it grows.
const ROOM: usize = 2048;

/// A key pair that signs tokens.
pub struct SigningKey {
    pub(super) kid: Arc<str>,
    /// The encoded headers of the tokens that are made most, by their `typ`.
    headers: [(&'static str, String); 2],
    algorithm: SigningAlgorithm,
    pair: Pair,
    public_jwk: Value,
}

enum Pair {
    Rsa { pair: RsaKeyPair, padding: &'static dyn RsaEncoding },
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm, self.kid)
    }
}

/// A key could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the cryptographic library refused to make or use a key")]
    Refused(#[from] aws_lc_rs::error::Unspecified),
    #[error("the private key is not a PKCS#8 key of its algorithm")]
    NotAPrivateKey(#[from] aws_lc_rs::error::KeyRejected),
    #[error("claims cannot be written as JSON")]
    Claims(#[from] serde_json::Error),
}

impl SigningKey {
    /// Makes a new key. Slow for RSA (about 0.1 s): not for an async thread. Returns the private half as PKCS#8 too.
    pub fn generate(algorithm: SigningAlgorithm) -> Result<(Self, Zeroizing<Vec<u8>>), KeyError> {
        let pkcs8 = match algorithm {
            SigningAlgorithm::RS256 | SigningAlgorithm::PS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
                AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?.as_ref().to_vec()
            }
            SigningAlgorithm::ES256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?.to_pkcs8v1()?.as_ref().to_vec()
            }
            SigningAlgorithm::EdDSA => Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec(),
        };
        let pkcs8 = Zeroizing::new(pkcs8);
        Ok((Self::from_pkcs8(algorithm, &pkcs8)?, pkcs8))
    }

    /// Reads the private half.
    pub fn from_pkcs8(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = match algorithm {
            SigningAlgorithm::RS256 => Pair::Rsa { pair: RsaKeyPair::from_pkcs8(pkcs8)?, padding: &RSA_PKCS1_SHA256 },
            SigningAlgorithm::PS256 => Pair::Rsa { pair: RsaKeyPair::from_pkcs8(pkcs8)?, padding: &RSA_PSS_SHA256 },
            SigningAlgorithm::ES256 => Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)?),
            SigningAlgorithm::EdDSA => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8)?),
        };
        let (kid, public_jwk) = describe(algorithm, &pair);
        let headers = [ACCESS_TOKEN, ID_TOKEN].map(|typ| (typ, header(algorithm, &kid, typ)));
        Ok(Self { kid: kid.into(), headers, algorithm, pair, public_jwk })
    }

    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The public half as it stands in the JWKS.
    #[must_use]
    pub fn public_jwk(&self) -> &Value {
        &self.public_jwk
    }

    /// A JWT in compact form (RFC 7515 section 3.1) with the given `typ`.
    pub fn sign<C: Serialize>(&self, typ: &str, claims: &C) -> Result<String, KeyError> {
        let (mut token, mut payload) = (String::with_capacity(ROOM), Vec::with_capacity(ROOM));
        match self.headers.iter().find(|(known, _)| *known == typ) {
            Some((_, header)) => token.push_str(header),
            None => token.push_str(&header(self.algorithm, &self.kid, typ)),
        }
        token.push('.');
        serde_json::to_writer(&mut payload, claims)?;
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.signature_of(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn signature_of(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        Ok(match &self.pair {
            Pair::Rsa { pair, padding } => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &random, message, &mut signature)?;
                signature
            }
            Pair::Ecdsa(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        })
    }
}

/// The JOSE header, encoded (RFC 7515 section 4).
fn header(algorithm: SigningAlgorithm, kid: &str, typ: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm.name(), "kid": kid, "typ": typ }).to_string())
}

/// The key's id and its JWK. The id is the thumbprint (RFC 7638), so that the same key has the same id everywhere.
fn describe(algorithm: SigningAlgorithm, pair: &Pair) -> (String, Value) {
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let members = match pair {
        Pair::Rsa { pair, .. } => json!({
            "e": encoded(pair.public_key().exponent().big_endian_without_leading_zero()),
            "kty": "RSA",
            "n": encoded(pair.public_key().modulus().big_endian_without_leading_zero()),
        }),
        Pair::Ecdsa(pair) => {
            // Uncompressed point: 0x04, then 32 bytes each of x and y (SEC 1 section 2.3.3).
            let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
            json!({ "crv": "P-256", "kty": "EC", "x": encoded(x), "y": encoded(y) })
        }
        Pair::Ed25519(pair) => json!({ "crv": "Ed25519", "kty": "OKP", "x": encoded(pair.public_key().as_ref()) }),
    };
    // serde_json writes object members in alphabetical order, as RFC 7638 section 3 wants them.
    let thumbprint = encoded(digest(&SHA256, members.to_string().as_bytes()).as_ref());
    // The same RSA key under two algorithms would be one key with two uses: the id tells them apart.
    let kid = format!("{}-{}", algorithm.name().to_ascii_lowercase(), &thumbprint[..22]);
    let mut jwk = members;
    jwk["kid"] = kid.clone().into();
    jwk["alg"] = algorithm.name().into();
    jwk["use"] = "sig".into();
    (kid, jwk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation};
    use rstest::rstest;
    use time::OffsetDateTime;

    #[rstest]
    #[case::rs256(SigningAlgorithm::RS256)]
    #[case::ps256(SigningAlgorithm::PS256)]
    #[case::es256(SigningAlgorithm::ES256)]
    #[case::eddsa(SigningAlgorithm::EdDSA)]
    fn what_a_key_signs_verifies_with_its_published_half(#[case] algorithm: SigningAlgorithm) {
        let (key, pkcs8) = SigningKey::generate(algorithm).unwrap();
        let reread = SigningKey::from_pkcs8(algorithm, &pkcs8).unwrap();
        assert_eq!(reread.kid(), key.kid());

        let token = reread.sign("at+jwt", &json!({ "exp": 32_503_680_000_i64 })).unwrap();
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.public_jwk().clone()).unwrap();
        let validation = Validation::new(algorithm.name().parse().unwrap());
        let read = jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(read.header.kid.as_deref(), Some(key.kid()));
    }

    #[test]
    fn the_published_half_has_no_private_member() {
        for algorithm in SigningAlgorithm::ALL {
            let (key, _) = SigningKey::generate(algorithm).unwrap();
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(key.public_jwk().get(private).is_none(), "{algorithm} {private}");
            }
        }
    }

    #[test]
    fn a_key_of_another_algorithm_is_refused() {
        let (_, pkcs8) = SigningKey::generate(SigningAlgorithm::EdDSA).unwrap();
        assert!(SigningKey::from_pkcs8(SigningAlgorithm::ES256, &pkcs8).is_err());
        let _ = OffsetDateTime::UNIX_EPOCH;
    }
}
