//! An issuer's public keys (RFC 7517), as far as they may verify an access token.
//!
//! A key that this crate cannot or must not use is left out, and the rest of the set still counts: a new kind of key at
//! the issuer takes no API down. Each key verifies with the one algorithm that it names (RFC 8725 section 3.1).

use std::collections::HashMap;

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::verification_key::VerificationKey;

/// The key set cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JWK set: {0}")]
pub struct InvalidKeySet(String);

/// The keys of one issuer, by `kid`.
#[derive(Clone, Debug, Default)]
pub struct KeySet(HashMap<String, VerificationKey>);

/// Members unknown to RFC 7517 are ignored (its section 5); `keys` must be there.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 section 5) and keeps the keys that may verify an access token.
    pub fn from_jwks(json: &str) -> Result<Self, InvalidKeySet> {
        let set: Document = serde_json::from_str(json).map_err(|error| InvalidKeySet(error.to_string()))?;
        let mut keys = HashMap::new();
        let mut ambiguous = Vec::new();
        for key in &set.keys {
            let Some((kid, key)) = key.as_object().and_then(usable) else { continue };
            if keys.insert(kid.clone(), key).is_some() {
                ambiguous.push(kid);
            }
        }
        // Two keys under one name: which one verifies would depend on the reader, so neither does.
        for kid in ambiguous {
            keys.remove(&kid);
        }
        Ok(Self(keys))
    }

    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&VerificationKey> {
        self.0.get(kid)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The key, if it is a public signature key that names itself and its algorithm.
fn usable(jwk: &Map<String, Value>) -> Option<(String, VerificationKey)> {
    let member = |name| jwk.get(name).and_then(Value::as_str);
    let kid = member("kid").filter(|kid| !kid.is_empty())?;
    if has_private_members(jwk) || !is_for_signatures(jwk) {
        return None;
    }
    let algorithm = algorithm(member("alg")?, member("kty")?, member("crv"))?;
    let parsed: Jwk = serde_json::from_value(Value::Object(jwk.clone())).ok()?;
    Some((kid.to_owned(), VerificationKey::of(algorithm, &parsed)?))
}

/// A published private key proves nothing any more (RFC 7518 sections 6.2.2, 6.3.2 and 6.4).
pub(crate) fn has_private_members(jwk: &Map<String, Value>) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| jwk.contains_key(*member))
}

/// `use` and `key_ops`, where they are there, must allow verifying (RFC 7517 sections 4.2 and 4.3).
fn is_for_signatures(jwk: &Map<String, Value>) -> bool {
    let usage = jwk.get("use").is_none_or(|usage| usage == "sig");
    let operations = jwk.get("key_ops").is_none_or(|operations| {
        operations.as_array().is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
    });
    usage && operations
}

/// The algorithms that this crate verifies with, each with the one kind of key that it is for (RFC 7518 section 3.1,
/// RFC 8037 section 3.1). Symmetric ones are not among them: whoever can verify with such a key can also sign.
pub(crate) fn algorithm(alg: &str, kty: &str, crv: Option<&str>) -> Option<Algorithm> {
    let algorithm = match (alg, kty, crv) {
        ("RS256", "RSA", None) => Algorithm::RS256,
        ("RS384", "RSA", None) => Algorithm::RS384,
        ("RS512", "RSA", None) => Algorithm::RS512,
        ("PS256", "RSA", None) => Algorithm::PS256,
        ("PS384", "RSA", None) => Algorithm::PS384,
        ("PS512", "RSA", None) => Algorithm::PS512,
        ("ES256", "EC", Some("P-256")) => Algorithm::ES256,
        ("ES384", "EC", Some("P-384")) => Algorithm::ES384,
        ("EdDSA", "OKP", Some("Ed25519")) => Algorithm::EdDSA,
        _ => return None,
    };
    Some(algorithm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minting::{ALGORITHMS, Signer};
    use rstest::rstest;
    use serde_json::json;

    /// The key ids that are left of a set of a good key, `good`, and a changed one, `other`.
    fn left_of(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut other = Signer::new(Algorithm::ES256).named("other").jwk();
        change(&mut other);
        let jwks = json!({ "keys": [other, Signer::new(Algorithm::EdDSA).named("good").jwk()] });
        let mut names: Vec<_> = KeySet::from_jwks(&jwks.to_string()).unwrap().0.into_keys().collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_key_of_every_algorithm_is_kept_with_that_algorithm() {
        for algorithm in ALGORITHMS {
            let signer = Signer::new(algorithm);
            assert_eq!(signer.key_set().find(&signer.kid).map(VerificationKey::algorithm), Some(algorithm));
        }
        assert_eq!(left_of(|_| {}), ["good", "other"]);
    }

    #[rstest]
    #[case::symmetric(json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "other" }))]
    #[case::symmetric_with_another_alg(json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "ES256", "kid": "other" }))]
    #[case::post_quantum(json!({ "kty": "AKP", "alg": "ML-DSA-65", "pub": "AAAA", "kid": "other" }))]
    #[case::no_kind(json!({ "kid": "other", "alg": "ES256" }))]
    #[case::not_an_object(json!("other"))]
    #[case::nothing(Value::Null)]
    fn a_key_that_is_not_for_us_leaves_the_rest_of_the_set(#[case] key: Value) {
        assert_eq!(left_of(|other| *other = key), ["good"]);
    }

    #[rstest]
    #[case::for_encryption("use", json!("enc"))]
    #[case::use_of_another_type("use", json!(7))]
    #[case::operations_without_verify("key_ops", json!(["encrypt"]))]
    #[case::private("d", json!("AAAA"))]
    #[case::empty_name("kid", json!(""))]
    #[case::no_name("kid", Value::Null)]
    #[case::no_algorithm("alg", Value::Null)]
    #[case::algorithm_of_another_kind("alg", json!("RS256"))]
    #[case::algorithm_of_another_curve("alg", json!("ES384"))]
    #[case::symmetric_algorithm("alg", json!("HS256"))]
    #[case::another_curve("crv", json!("P-384"))]
    #[case::not_base64("x", json!("*"))]
    fn a_key_with_a_wrong_member_is_left_out(#[case] member: &str, #[case] value: Value) {
        assert_eq!(left_of(|other| other[member] = value), ["good"]);
    }

    #[test]
    fn two_keys_under_one_name_verify_nothing() {
        assert_eq!(left_of(|other| other["kid"] = json!("good")), [""; 0]);
    }

    #[rstest]
    #[case("")]
    #[case("[]")]
    #[case("{}")]
    #[case(r#"{"keys":{}}"#)]
    #[case(r#"{"keys":"x"}"#)]
    fn what_is_not_a_key_set_is_an_error(#[case] text: &str) {
        assert!(KeySet::from_jwks(text).is_err());
    }
}
