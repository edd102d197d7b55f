//! The tokens that came or were made last, each by the SHA-256 of its whole text: no part of a token stands for another
//! (fast-jwt CVE-2026-35039).
//!
//! The latest push out those that were not seen for the longest time: by frequency, a full memory would let no new one in.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use lru::LruCache;

use crate::validator::MAX_TOKEN_BYTES;

/// What is kept of each token is a `T`.
pub struct RecentTokens<T>(Mutex<LruCache<TokenHash, T>>);

/// What a token is known by: made once, to look for it and to note it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; SHA256_OUTPUT_LEN]);

impl TokenHash {
    /// `None`: a text that is too long for a token is not even hashed.
    #[must_use]
    pub fn of(token: &str) -> Option<Self> {
        let hash = || digest(&SHA256, token.as_bytes()).as_ref().try_into().ok();
        (token.len() <= MAX_TOKEN_BYTES).then(hash).flatten().map(Self)
    }
}

impl<T: Clone> RecentTokens<T> {
    /// Keeps so many.
    #[must_use]
    pub fn keeping(count: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::new(count)))
    }

    /// What is kept of a token, which counts as seen.
    pub fn find(&self, token: TokenHash) -> Option<T> {
        self.tokens().get(&token).cloned()
    }

    pub fn note(&self, token: TokenHash, kept: T) {
        let forgotten = self.tokens().push(token, kept);
        // Not while others wait.
        drop(forgotten);
    }

    pub fn forget_all(&self) {
        self.tokens().clear();
    }

    /// Whoever panicked while holding it left whole entries behind.
    fn tokens(&self) -> MutexGuard<'_, LruCache<TokenHash, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(token: &str) -> TokenHash {
        TokenHash::of(token).unwrap()
    }

    #[test]
    fn the_latest_is_kept_however_many_came_before_and_the_one_unseen_for_longest_goes() {
        let tokens = RecentTokens::keeping(NonZeroUsize::new(2).unwrap());
        let [a, b, c] = ["a", "b", "c"].map(hash);
        tokens.note(a, 1);
        tokens.note(b, 2);
        assert_eq!(tokens.find(a), Some(1));
        tokens.note(c, 3);
        assert_eq!([tokens.find(a), tokens.find(b), tokens.find(c)], [Some(1), None, Some(3)]);
    }

    #[test]
    fn a_token_is_known_by_its_whole_text() {
        let tokens = RecentTokens::keeping(NonZeroUsize::MIN);
        tokens.note(hash("header.payload.signature"), ());
        assert_eq!(tokens.find(hash("header.payload.signatur")), None);
        assert_eq!(tokens.find(hash("header.payload.signature ")), None);
    }

    #[test]
    fn a_text_that_is_too_long_for_a_token_is_not_hashed() {
        assert!(TokenHash::of(&"a".repeat(MAX_TOKEN_BYTES)).is_some());
        assert_eq!(TokenHash::of(&"a".repeat(MAX_TOKEN_BYTES + 1)), None);
    }

    #[test]
    fn nothing_is_left_after_all_is_forgotten() {
        let tokens = RecentTokens::keeping(NonZeroUsize::MIN);
        tokens.note(hash("a"), ());
        tokens.forget_all();
        assert_eq!(tokens.find(hash("a")), None);
    }
}
