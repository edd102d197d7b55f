//! Tokens that this API has validated before: a client calls many times with the same one, and its signature holds for ever.
//!
//! What else is checked (times, audience, whether its chain has ended) is checked each time, behind the cache.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::AccessTokenClaims;
use crate::validator::{KeySet, MAX_TOKEN_BYTES};

/// How many tokens are known at a time. The claims of one take about a kilobyte.
const KNOWN: u64 = 4096;

/// By the SHA-256 of the whole token: no part of a token stands for another (fast-jwt CVE-2026-35039).
pub(crate) struct ValidatedTokens(Cache<Name, Known>);

type Name = [u8; 32];

/// A token that is known, and the keys that it was verified with.
#[derive(Clone)]
pub(crate) struct Known {
    pub kid: Arc<str>,
    pub claims: Arc<AccessTokenClaims>,
    keys: Arc<KeySet>,
}

impl Known {
    /// Whether its signature was verified with these very keys: one that was withdrawn since counts no more.
    pub fn is_by(&self, keys: &Arc<KeySet>) -> bool {
        Arc::ptr_eq(&self.keys, keys)
    }
}

impl Default for ValidatedTokens {
    fn default() -> Self {
        // The latest callers are those who call again: by frequency, a full cache would let no new one in.
        Self(Cache::builder().max_capacity(KNOWN).eviction_policy(EvictionPolicy::lru()).build())
    }
}

impl ValidatedTokens {
    pub fn find(&self, token: &str) -> Option<Known> {
        self.0.get(&name_of(token)?)
    }

    pub fn note(&self, token: &str, kid: &str, claims: &Arc<AccessTokenClaims>, keys: &Arc<KeySet>) {
        if let Some(name) = name_of(token) {
            let known = Known { kid: kid.into(), claims: Arc::clone(claims), keys: Arc::clone(keys) };
            self.0.insert(name, known);
        }
    }
}

/// `None`: a text that is too long for a token is not even hashed.
fn name_of(token: &str) -> Option<Name> {
    let hash = || digest(&SHA256, token.as_bytes()).as_ref().try_into().ok();
    (token.len() <= MAX_TOKEN_BYTES).then(hash).flatten()
}
