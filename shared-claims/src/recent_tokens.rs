//! The tokens that came or were made last, each by the SHA-256 of its whole text: no part of a token stands for another
//! (fast-jwt CVE-2026-35039).
//!
//! The latest push out those that were not seen for the longest time: by frequency, a full memory would let no new one in.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use lru::LruCache;

use crate::validator::MAX_TOKEN_BYTES;

/// What is kept of each token is a `T`.
pub struct RecentTokens<T>(Mutex<LruCache<Name, T>>);

type Name = [u8; 32];

impl<T: Clone> RecentTokens<T> {
    /// Keeps so many.
    #[must_use]
    pub fn keeping(count: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::new(count)))
    }

    /// What is kept of a token, which counts as seen.
    pub fn find(&self, token: &str) -> Option<T> {
        let name = name_of(token)?;
        self.tokens().get(&name).cloned()
    }

    pub fn note(&self, token: &str, kept: T) {
        if let Some(name) = name_of(token) {
            let forgotten = self.tokens().push(name, kept);
            // Not while others wait.
            drop(forgotten);
        }
    }

    pub fn forget_all(&self) {
        self.tokens().clear();
    }

    /// Whoever panicked while holding it left whole entries behind.
    fn tokens(&self) -> MutexGuard<'_, LruCache<Name, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `None`: a text that is too long for a token is not even hashed.
fn name_of(token: &str) -> Option<Name> {
    let hash = || digest(&SHA256, token.as_bytes()).as_ref().try_into().ok();
    (token.len() <= MAX_TOKEN_BYTES).then(hash).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_is_kept_however_many_came_before_and_the_one_unseen_for_longest_goes() {
        let tokens = RecentTokens::keeping(NonZeroUsize::new(2).unwrap());
        tokens.note("a", 1);
        tokens.note("b", 2);
        assert_eq!(tokens.find("a"), Some(1));
        tokens.note("c", 3);
        assert_eq!([tokens.find("a"), tokens.find("b"), tokens.find("c")], [Some(1), None, Some(3)]);
    }

    #[test]
    fn a_token_is_known_by_its_whole_text() {
        let tokens = RecentTokens::keeping(NonZeroUsize::MIN);
        tokens.note("header.payload.signature", ());
        assert_eq!(tokens.find("header.payload.signatur"), None);
        assert_eq!(tokens.find("header.payload.signature "), None);
    }

    #[test]
    fn a_text_that_is_too_long_for_a_token_is_not_kept() {
        let tokens = RecentTokens::keeping(NonZeroUsize::MIN);
        let long = "a".repeat(MAX_TOKEN_BYTES + 1);
        tokens.note(&long, ());
        assert_eq!(tokens.find(&long), None);
    }

    #[test]
    fn nothing_is_left_after_all_is_forgotten() {
        let tokens = RecentTokens::keeping(NonZeroUsize::MIN);
        tokens.note("a", ());
        tokens.forget_all();
        assert_eq!(tokens.find("a"), None);
    }
}
