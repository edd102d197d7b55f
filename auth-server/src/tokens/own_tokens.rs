//! Access tokens of this server that come back to it: as subjects, actors, and to be introspected or revoked.
//!
//! A token that this process made not long ago is recognised by its hash, which takes the place of verifying its signature, and
//! of nothing else. What is recognised falls with its key, on restart, and whenever clients, APIs or pairings change.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use moka::sync::Cache;
use shared_claims::AccessTokenClaims;
use shared_claims::validator::{AccessTokenVerifier, InvalidExpectation, InvalidToken};
use time::OffsetDateTime;

use super::{IssuedAccessToken, KeyRing};

/// How many tokens are recognised. The claims of one take about a kilobyte.
const RECOGNISED: u64 = 8192;

/// Checks own tokens, without any leeway: both ends of the comparison are this server's clock.
pub struct OwnTokens {
    verifier: AccessTokenVerifier,
    recognised: Cache<Name, Recognised>,
}

/// The SHA-256 of a whole token: no part of one stands for another.
type Name = [u8; 32];

#[derive(Clone)]
struct Recognised {
    kid: Arc<str>,
    claims: Arc<AccessTokenClaims>,
}

impl OwnTokens {
    pub fn of(issuer: &str) -> Result<Self, InvalidExpectation> {
        let verifier = AccessTokenVerifier::new(issuer)?.with_leeway(std::time::Duration::ZERO);
        Ok(Self { verifier, recognised: Cache::new(RECOGNISED) })
    }

    /// The claims of `token`, if this server issued it and it has not expired. What stands behind it (grant, user, client) is
    /// for the caller to look up.
    pub fn verify(
        &self,
        token: &str,
        keys: &KeyRing,
        now: OffsetDateTime,
    ) -> Result<Arc<AccessTokenClaims>, InvalidToken> {
        let keys = keys.verification();
        match name_of(token).and_then(|name| self.recognised.get(&name)) {
            Some(known) if keys.find(&known.kid).is_some() => {
                self.verifier.judge(&known.claims, now)?;
                Ok(known.claims)
            }
            _ => self.verifier.verify(token, keys, now).map(Arc::new),
        }
    }

    /// Recognises a token that was just made, from now on.
    pub fn recognise(&self, issued: &IssuedAccessToken) {
        if let Some(name) = name_of(&issued.text) {
            let (kid, claims) = (Arc::clone(&issued.kid), Arc::clone(&issued.claims));
            self.recognised.insert(name, Recognised { kid, claims });
        }
    }

    /// Recognises none of the tokens made so far: their signatures are verified again.
    pub fn forget_all(&self) {
        self.recognised.invalidate_all();
    }
}

fn name_of(token: &str) -> Option<Name> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}
