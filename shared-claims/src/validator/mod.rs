//! Checking an access token (RFC 9068 section 4, RFC 8725). Pure: token, keys and time come in.
//!
//! A token passes in this order: its header is read and judged (`header`), the key named by `kid` is found, the
//! algorithm compared with the key's, the signature verified, and only then the claims are read and judged
//! (`checks`). The signature library does nothing but verify signatures here: left alone it accepts tokens without
//! audience or issuer, from the future, of any type, and with critical extensions that it does not know.

mod checks;
mod error;
mod header;
mod json;
mod key_set;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
mod verification_key;

use std::time::Duration;

use time::OffsetDateTime;

use crate::AccessTokenClaims;
pub use error::{InvalidExpectation, InvalidToken};
pub(crate) use header::{MAX_TOKEN_BYTES, decode};
pub(crate) use json::from_plain_object;
pub use key_set::{InvalidKeySet, KeySet};
pub(crate) use key_set::{algorithm, has_private_members};
pub use verification_key::VerificationKey;

/// How far two clocks may be apart.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(5);

/// A larger leeway is cut to this.
const MAX_LEEWAY: Duration = Duration::from_secs(10);

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
        Ok(Self { issuer: issuer.to_owned(), leeway: DEFAULT_LEEWAY })
    }

    /// For how long a token counts beyond its expiry: 5 s unless set, 10 s at most.
    ///
    /// `iat` and `nbf` keep the default: the clocks of an issuer's replicas differ, and a token from the next second
    /// harms nobody.
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// The claims of `token`, if `keys` prove it and nothing speaks against it at `now`.
    pub fn verify(&self, token: &str, keys: &KeySet, now: OffsetDateTime) -> Result<AccessTokenClaims, InvalidToken> {
        self.verify_parts(&UnverifiedToken::read(token)?, keys, now)
    }

    fn verify_parts(
        &self,
        token: &UnverifiedToken<'_>,
        keys: &KeySet,
        now: OffsetDateTime,
    ) -> Result<AccessTokenClaims, InvalidToken> {
        let key = keys.find(token.kid()).ok_or(InvalidToken::UnknownKey)?;
        signed_with(key, &token.0)?;
        let claims = read_claims(token.0.payload)?;
        self.judge(&claims, now)?;
        Ok(claims)
    }

    /// Judges the claims of a token whose signature is known to hold, as [`verify`](Self::verify) does behind it: of one that
    /// was verified before, or that one made oneself.
    pub fn judge(&self, claims: &AccessTokenClaims, now: OffsetDateTime) -> Result<(), InvalidToken> {
        let (leeway, skew) = (within_bounds(self.leeway), within_bounds(DEFAULT_LEEWAY));
        checks::issued_by(claims, &self.issuer)?;
        checks::nothing_empty(claims)?;
        checks::actors_are_named(claims)?;
        checks::bound_at_most_once(claims)?;
        checks::issued_in_the_past(claims, now, skew)?;
        checks::begun(claims, now, skew)?;
        checks::not_expired(claims, now, leeway)
    }
}

/// Checks everything, for one API.
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

    /// See [`AccessTokenVerifier::with_leeway`].
    #[must_use]
    pub fn with_leeway(mut self, leeway: Duration) -> Self {
        self.verifier = self.verifier.with_leeway(leeway);
        self
    }

    /// The claims of `token`, if `keys` prove it, it is for this API and nothing speaks against it at `now`.
    pub fn validate(&self, token: &str, keys: &KeySet, now: OffsetDateTime) -> Result<AccessTokenClaims, InvalidToken> {
        self.validate_parts(&UnverifiedToken::read(token)?, keys, now)
    }

    pub(crate) fn validate_parts(
        &self,
        token: &UnverifiedToken<'_>,
        keys: &KeySet,
        now: OffsetDateTime,
    ) -> Result<AccessTokenClaims, InvalidToken> {
        let claims = self.verifier.verify_parts(token, keys, now)?;
        checks::addressed_to(&claims, &self.audience)?;
        Ok(claims)
    }

    /// Judges the claims of a token that was validated before.
    pub(crate) fn judge(&self, claims: &AccessTokenClaims, now: OffsetDateTime) -> Result<(), InvalidToken> {
        self.verifier.judge(claims, now)?;
        checks::addressed_to(claims, &self.audience)
    }
}

/// A token that may be an access token, by its looks. Nothing of it is proven.
pub(crate) struct UnverifiedToken<'t>(header::Parts<'t>);

impl<'t> UnverifiedToken<'t> {
    pub(crate) fn read(token: &'t str) -> Result<Self, InvalidToken> {
        header::take_apart(token).map(Self)
    }

    /// The key that it names, for whoever keeps the keys.
    pub(crate) fn kid(&self) -> &str {
        &self.0.header.kid
    }
}

/// The key id that a token of another kind names, for whoever keeps the keys. Nothing of the token is proven by it.
pub(crate) fn key_id_of(token: &str, typ: &str, limit: usize) -> Result<String, InvalidToken> {
    Ok(header::take_apart_as(token, typ, limit)?.header.kid.clone())
}

/// The claims of a signed token of another kind, proved by `keys` and not judged.
pub(crate) fn verify_signed<C: serde::de::DeserializeOwned>(
    token: &str,
    typ: &str,
    limit: usize,
    keys: &KeySet,
) -> Result<C, InvalidToken> {
    let parts = header::take_apart_as(token, typ, limit)?;
    let key = keys.find(&parts.header.kid).ok_or(InvalidToken::UnknownKey)?;
    signed_with(key, &parts)?;
    let payload = header::decode(parts.payload)?;
    from_plain_object(&payload).map_err(|_| InvalidToken::Claims)
}

/// The algorithm is the key's own, and the signature holds (RFC 8725 sections 3.1 and 3.3).
fn signed_with(key: &VerificationKey, parts: &header::Parts<'_>) -> Result<(), InvalidToken> {
    let algorithm: jsonwebtoken::Algorithm = parts.header.alg.parse().map_err(|_| InvalidToken::WrongAlgorithm)?;
    if algorithm != key.algorithm() {
        return Err(InvalidToken::WrongAlgorithm);
    }
    if key.verifies(parts.signed, &parts.signature) { Ok(()) } else { Err(InvalidToken::BadSignature) }
}

fn read_claims(payload: &str) -> Result<AccessTokenClaims, InvalidToken> {
    let payload = header::decode(payload)?;
    from_plain_object(&payload).map_err(|_| InvalidToken::Claims)
}

fn within_bounds(leeway: Duration) -> time::Duration {
    time::Duration::try_from(leeway).unwrap_or(time::Duration::ZERO)
}
