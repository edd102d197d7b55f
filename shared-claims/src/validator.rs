//! Checking an access token (RFC 9068 section 4, RFC 8725). Pure: token, keys and time come in.

use std::collections::HashMap;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use time::OffsetDateTime;

use crate::AccessTokenClaims;

/// The key set cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JWK set: {0}")]
pub struct InvalidKeySet(String);

/// An expectation is empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} must not be empty")]
pub struct InvalidExpectation(&'static str);

/// A key and the one algorithm that it verifies.
#[derive(Clone, Debug)]
pub struct VerificationKey {
    algorithm: Algorithm,
    decoding_key: DecodingKey,
}

impl VerificationKey {
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    #[must_use]
    pub fn decoding_key(&self) -> &DecodingKey {
        &self.decoding_key
    }
}

/// The keys of an issuer, by `kid`.
#[derive(Clone, Debug, Default)]
pub struct KeySet(HashMap<String, VerificationKey>);

impl KeySet {
    pub fn from_jwks(json: &str) -> Result<Self, InvalidKeySet> {
        let set: serde_json::Value = serde_json::from_str(json).map_err(|e| InvalidKeySet(e.to_string()))?;
        let keys = set["keys"].as_array().ok_or_else(|| InvalidKeySet("no keys".into()))?;
        let mut known = HashMap::new();
        for key in keys {
            let (Some(kid), Some(alg)) = (key["kid"].as_str(), key["alg"].as_str()) else { continue };
            if key["kty"] == "oct" {
                continue;
            }
            let (Ok(algorithm), Ok(jwk)) = (alg.parse(), serde_json::from_value(key.clone())) else { continue };
            let Ok(decoding_key) = DecodingKey::from_jwk(&jwk) else { continue };
            known.insert(kid.to_owned(), VerificationKey { algorithm, decoding_key });
        }
        Ok(Self(known))
    }

    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&VerificationKey> {
        self.0.get(kid)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    #[error("the token is malformed")]
    Malformed,
    #[error("the token is not an access token")]
    WrongType,
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    #[error("the token's signature is wrong")]
    BadSignature,
    #[error("the token was issued by somebody else")]
    WrongIssuer,
    #[error("the token is for somebody else")]
    WrongAudience,
    #[error("the token has expired")]
    Expired,
}

/// Checks everything but the audience.
#[derive(Clone, Debug)]
pub struct AccessTokenVerifier {
    issuer: String,
    leeway: Duration,
}

impl AccessTokenVerifier {
    pub fn new(issuer: &str) -> Result<Self, InvalidExpectation> {
        if issuer.is_empty() {
            return Err(InvalidExpectation("issuer"));
        }
        Ok(Self { issuer: issuer.to_owned(), leeway: Duration::from_secs(5) })
    }

    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    pub fn verify(&self, token: &str, keys: &KeySet, now: OffsetDateTime) -> Result<AccessTokenClaims, InvalidToken> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken::Malformed)?;
        if header.typ.as_deref() != Some("at+jwt") {
            return Err(InvalidToken::WrongType);
        }
        let key = keys.find(header.kid.as_deref().unwrap_or_default()).ok_or(InvalidToken::UnknownKey)?;
        let mut validation = Validation::new(key.algorithm());
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims::<&str>(&[]);
        let claims = jsonwebtoken::decode::<AccessTokenClaims>(token, key.decoding_key(), &validation)
            .map_err(|_| InvalidToken::BadSignature)?
            .claims;
        if claims.iss != self.issuer {
            return Err(InvalidToken::WrongIssuer);
        }
        if claims.exp + self.leeway <= now {
            return Err(InvalidToken::Expired);
        }
        Ok(claims)
    }
}

/// Checks everything.
#[derive(Clone, Debug)]
pub struct Validator {
    verifier: AccessTokenVerifier,
    audience: String,
}

impl Validator {
    pub fn new(issuer: &str, audience: &str) -> Result<Self, InvalidExpectation> {
        if audience.is_empty() {
            return Err(InvalidExpectation("audience"));
        }
        Ok(Self { verifier: AccessTokenVerifier::new(issuer)?, audience: audience.to_owned() })
    }

    pub fn validate(&self, token: &str, keys: &KeySet, now: OffsetDateTime) -> Result<AccessTokenClaims, InvalidToken> {
        let claims = self.verifier.verify(token, keys, now)?;
        if claims.aud.contains(&self.audience) { Ok(claims) } else { Err(InvalidToken::WrongAudience) }
    }
}
