//! Exchanged tokens, kept for the next call. The key holds everything that a token depends on, above all the whole subject
//! token, so that nobody can get a token that was made for somebody else (CVE-2025-67490 and its kin).

use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256};
use moka::Expiry;
use moka::future::Cache;
use time::{Duration, OffsetDateTime};

use super::{ExchangeError, ExchangedToken};
use crate::{AccessToken, Clock, Scope};

/// A token that ends sooner is not handed out from the cache: it could end on its way.
const MARGIN: Duration = Duration::seconds(10);
const MOST_ENTRIES: u64 = 10_000;

/// SHA-256 over everything that the answer depends on, each part with its length before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    pub fn new(subject: &AccessToken, audience: &str, scope: &Scope, client_id: &str) -> Self {
        let scope = scope.to_string();
        let mut hash = Context::new(&SHA256);
        for part in [subject.text(), audience, scope.as_str(), client_id] {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(hash.finish().as_ref());
        Self(key)
    }
}

#[derive(Clone)]
struct Entry {
    token: ExchangedToken,
    /// The earlier end of the two tokens, less the margin.
    good_until: OffsetDateTime,
}

/// Lets entries go when they end, by this crate's clock.
struct EndOfEntry(Arc<dyn Clock>);

impl Expiry<Key, Entry> for EndOfEntry {
    fn expire_after_create(&self, _: &Key, entry: &Entry, _: Instant) -> Option<std::time::Duration> {
        Some((entry.good_until - self.0.now()).try_into().unwrap_or(std::time::Duration::ZERO))
    }
}

/// The cache: of callers with the same key one asks, the others wait for its answer. Failures are not kept.
pub(super) struct TokenCache {
    entries: Cache<Key, Entry>,
    clock: Arc<dyn Clock>,
}

impl TokenCache {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let entries = Cache::builder().max_capacity(MOST_ENTRIES).expire_after(EndOfEntry(Arc::clone(&clock))).build();
        Self { entries, clock }
    }

    pub async fn get_or<F>(&self, key: Key, subject: &AccessToken, exchange: F) -> Result<ExchangedToken, ExchangeError>
    where
        F: Future<Output = Result<ExchangedToken, ExchangeError>>,
    {
        // The cache lets go of entries a little late; a token is never handed out after its end all the same.
        if let Some(entry) = self.entries.get(&key).await
            && entry.good_until <= self.clock.now()
        {
            self.entries.invalidate(&key).await;
        }
        let entry = self.entries.try_get_with(key, async {
            let token = exchange.await?;
            let good_until = token.expires_at.min(subject.expires_at()) - MARGIN;
            Ok::<_, ExchangeError>(Entry { token, good_until })
        });
        match entry.await {
            Ok(entry) => Ok(entry.token),
            Err(error) => Err(Arc::unwrap_or_clone(error)),
        }
    }
}
