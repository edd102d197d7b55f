//! ID tokens (OpenID Connect Core section 2), and reading them back as `id_token_hint` (RP-Initiated Logout section 2).

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};

use super::access_token::{GrantContext, SigningError};
use super::signing_key::ID_TOKEN;
use super::{KeyRing, SigningKey};
use crate::registry::SigningAlgorithm;

/// How long an ID token may be presented as proof of the sign-in. It is meant to be read once, at once.
pub const ID_TOKEN_LIFETIME: Duration = Duration::minutes(10);

/// What an ID token adds to the grant's context.
#[derive(Debug)]
pub struct IdTokenRequest<'a> {
    pub client_id: &'a str,
    pub nonce: Option<&'a str>,
    /// The access token that comes with it, for `at_hash`.
    pub access_token: &'a str,
    /// Claims about the user that the client gets here rather than at userinfo.
    pub profile: Map<String, Value>,
    pub algorithm: SigningAlgorithm,
}

#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    azp: &'a str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    at_hash: String,
    #[serde(flatten)]
    profile: Map<String, Value>,
}

/// Signs an ID token for a client.
pub fn sign_id_token(
    issuer: &str,
    context: &GrantContext,
    request: IdTokenRequest<'_>,
    ring: &KeyRing,
    now: OffsetDateTime,
) -> Result<String, SigningError> {
    let key = ring.signer(request.algorithm, now).ok_or(SigningError::NoKey(request.algorithm))?;
    let sign_in = context.sign_in.as_ref();
    let claims = IdTokenClaims {
        iss: issuer,
        sub: &context.sub,
        aud: request.client_id,
        azp: request.client_id,
        exp: (now + ID_TOKEN_LIFETIME).unix_timestamp(),
        iat: now.unix_timestamp(),
        auth_time: sign_in.map(|sign_in| sign_in.auth_time.unix_timestamp()),
        nonce: request.nonce,
        acr: sign_in.and_then(|sign_in| sign_in.acr.as_deref()),
        amr: sign_in.map_or(&[], |sign_in| &sign_in.amr),
        sid: sign_in.map(|sign_in| sign_in.sid.as_str()),
        at_hash: at_hash(key, request.access_token),
        profile: request.profile,
    };
    Ok(key.sign(ID_TOKEN, &claims)?)
}

/// The left half of the access token's hash, by the hash of the ID token's algorithm (Core section 3.1.3.6). `EdDSA` has
/// none of its own; Ed25519 uses SHA-512 inside, and that is what libraries compare with.
fn at_hash(key: &SigningKey, access_token: &str) -> String {
    let algorithm = match key.algorithm() {
        SigningAlgorithm::EdDSA => &SHA512,
        SigningAlgorithm::RS256 | SigningAlgorithm::PS256 | SigningAlgorithm::ES256 => &SHA256,
    };
    let hash = digest(algorithm, access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

/// What an `id_token_hint` tells: which client's ID token it is, about whom, from which session.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct IdTokenHint {
    iss: String,
    pub sub: String,
    pub aud: String,
    #[serde(default)]
    pub sid: Option<String>,
}

/// Longer than any ID token that this server signs.
const LONGEST_HINT: usize = 16 * 1024;

impl IdTokenHint {
    /// Reads a hint: an ID token of this issuer, signed by one of its keys. An expired one is a hint all the same
    /// (RP-Initiated Logout section 2); anything else, an access token included, is none.
    #[must_use]
    pub fn read(hint: &str, issuer: &str, ring: &KeyRing) -> Option<Self> {
        if hint.len() > LONGEST_HINT {
            return None;
        }
        let header = jsonwebtoken::decode_header(hint).ok()?;
        if header.typ.as_deref() != Some(ID_TOKEN) {
            return None;
        }
        let key = ring.verification().find(header.kid.as_deref()?)?;
        let mut validation = jsonwebtoken::Validation::new(key.algorithm());
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims::<&str>(&[]);
        let claims = jsonwebtoken::decode::<Self>(hint, key.decoding_key(), &validation).ok()?.claims;
        (claims.iss == issuer).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tokens::PublishedKey;
    use crate::tokens::access_token::SignIn;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn ring() -> KeyRing {
        let key = Arc::new(SigningKey::generate(SigningAlgorithm::RS256).unwrap().0);
        KeyRing::at(NOW, [PublishedKey { key, signs_from: NOW, signs_until: None, retires_at: None }]).unwrap()
    }

    fn context() -> GrantContext {
        let sign_in = SignIn { sid: "ses_1".into(), auth_time: NOW, acr: None, amr: vec!["pwd".into()] };
        GrantContext { sub: "usr_1".into(), txn: "grt_1".into(), sign_in: Some(sign_in), status: None }
    }

    fn id_token(ring: &KeyRing, nonce: Option<&str>) -> String {
        let request = IdTokenRequest {
            client_id: "app",
            nonce,
            access_token: "token",
            profile: Map::new(),
            algorithm: SigningAlgorithm::RS256,
        };
        sign_id_token("https://issuer.example", &context(), request, ring, NOW).unwrap()
    }

    fn payload(token: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_nonce_is_there_exactly_when_one_was_sent() {
        let ring = ring();
        assert_eq!(payload(&id_token(&ring, Some("n")))["nonce"], "n");
        assert!(payload(&id_token(&ring, None)).get("nonce").is_none());
    }

    #[test]
    fn the_hash_of_the_access_token_is_the_left_half_in_base64url() {
        // SHA-256("token") begins 3c469e9d6c5875d37a43f353d4f88e61.
        assert_eq!(payload(&id_token(&ring(), None))["at_hash"], "PEaenWxYddN6Q_NT1PiOYQ");
    }

    #[test]
    fn an_expired_id_token_is_still_a_hint() {
        let ring = ring();
        let hint = IdTokenHint::read(&id_token(&ring, None), "https://issuer.example", &ring).unwrap();
        assert_eq!((hint.sub.as_str(), hint.aud.as_str(), hint.sid.as_deref()), ("usr_1", "app", Some("ses_1")));
    }

    #[test]
    fn a_hint_of_another_issuer_or_key_or_kind_is_none() {
        let (own, other) = (ring(), ring());
        let token = id_token(&own, None);
        assert!(IdTokenHint::read(&token, "https://other.example", &own).is_none());
        assert!(IdTokenHint::read(&token, "https://issuer.example", &other).is_none());
        let signer = own.signer(SigningAlgorithm::RS256, NOW).unwrap();
        let access_token = signer.sign("at+jwt", &payload(&token)).unwrap();
        assert!(IdTokenHint::read(&access_token, "https://issuer.example", &own).is_none());
    }
}
