//! Answers that are kept for the next call: tokens until they or their subject end, refusals that cannot change for a moment.

use std::future::ready;
use std::sync::Arc;
use std::time::Instant;

use moka::Expiry;
use moka::future::Cache;
use moka::ops::compute::Op;
use time::{Duration, OffsetDateTime};

use super::key::Key;
use super::measure::Found;
use super::{ExchangeError, ExchangedToken};
use crate::{AccessToken, Clock};

/// A token that ends sooner is not handed out from the cache: it could end on its way.
const MARGIN: Duration = Duration::seconds(10);
const MOST_ENTRIES: u64 = 10_000;

/// Something with an end.
#[derive(Clone)]
struct Kept<T> {
    value: T,
    good_until: OffsetDateTime,
}

impl Kept<ExchangedToken> {
    fn until_either_ends(token: ExchangedToken, subject: &AccessToken) -> Self {
        let good_until = token.expires_at.min(subject.expires_at()) - MARGIN;
        Self { value: token, good_until }
    }
}

/// Lets entries go when they end, by this crate's clock.
struct EndOfEntry(Arc<dyn Clock>);

impl<T> Expiry<Key, Kept<T>> for EndOfEntry {
    fn expire_after_create(&self, _: &Key, kept: &Kept<T>, _: Instant) -> Option<std::time::Duration> {
        Some((kept.good_until - self.0.now()).try_into().unwrap_or(std::time::Duration::ZERO))
    }

    fn expire_after_update(
        &self,
        key: &Key,
        kept: &Kept<T>,
        now: Instant,
        _: Option<std::time::Duration>,
    ) -> Option<std::time::Duration> {
        self.expire_after_create(key, kept, now)
    }
}

/// What is kept of earlier exchanges. Of callers with the same key one asks, the others wait for its answer.
pub(super) struct Answers {
    tokens: Cache<Key, Kept<ExchangedToken>>,
    refusals: Cache<Key, Kept<ExchangeError>>,
    remember_refusals: Duration,
    clock: Arc<dyn Clock>,
}

impl Answers {
    pub fn new(clock: Arc<dyn Clock>, remember_refusals: Duration) -> Self {
        let expiry = || EndOfEntry(Arc::clone(&clock));
        let tokens = Cache::builder().max_capacity(MOST_ENTRIES).expire_after(expiry()).build();
        let refusals = Cache::builder().max_capacity(MOST_ENTRIES).expire_after(expiry()).build();
        Self { tokens, refusals, remember_refusals, clock }
    }

    /// What is kept, or what `exchange` gives; and which of them it is.
    pub async fn get_or<F>(
        &self,
        key: Key,
        subject: &AccessToken,
        exchange: F,
    ) -> (Result<ExchangedToken, ExchangeError>, Found)
    where
        F: Future<Output = Result<ExchangedToken, ExchangeError>>,
    {
        if let Some(refusal) = self.refusals.get(&key).await.filter(|kept| self.is_good(kept)) {
            return (Err(refusal.value), Found::Refusal);
        }
        // The cache lets go of entries a little late; a token is never handed out after its end all the same.
        if self.tokens.get(&key).await.is_some_and(|kept| !self.is_good(&kept)) {
            self.forget(&key, |kept| !self.is_good(kept)).await;
        }
        let asked = async {
            let outcome = exchange.await;
            if let Err(error) = &outcome {
                self.remember(key, subject, error).await;
            }
            outcome.map(|token| Kept::until_either_ends(token, subject))
        };
        match self.tokens.entry_by_ref(&key).or_try_insert_with(asked).await {
            Ok(entry) => {
                let found = if entry.is_fresh() { Found::Nothing } else { Found::Token };
                (Ok(entry.into_value().value), found)
            }
            Err(error) => (Err(Arc::unwrap_or_clone(error)), Found::Nothing),
        }
    }

    /// Keeps an outcome that was asked for past the cache, in place of what is there.
    pub async fn replace(&self, key: Key, subject: &AccessToken, outcome: &Result<ExchangedToken, ExchangeError>) {
        match outcome {
            Ok(token) => {
                self.refusals.invalidate(&key).await;
                self.tokens.insert(key, Kept::until_either_ends(token.clone(), subject)).await;
            }
            Err(error) if error.cannot_change() => {
                self.tokens.invalidate(&key).await;
                self.remember(key, subject, error).await;
            }
            Err(_) => {}
        }
    }

    /// Lets go of this very token: a newer one under the same key stays.
    pub async fn drop_token(&self, key: &Key, token: &ExchangedToken) {
        self.forget(key, |kept| kept.value.text() == token.text()).await;
    }

    async fn remember(&self, key: Key, subject: &AccessToken, error: &ExchangeError) {
        if !error.cannot_change() || self.remember_refusals <= Duration::ZERO {
            return;
        }
        let good_until = (self.clock.now() + self.remember_refusals).min(subject.expires_at());
        self.refusals.insert(key, Kept { value: error.clone(), good_until }).await;
    }

    async fn forget(&self, key: &Key, unwanted: impl Fn(&Kept<ExchangedToken>) -> bool) {
        let judged = self.tokens.entry_by_ref(key).and_compute_with(|entry| {
            let drop_it = entry.is_some_and(|entry| unwanted(entry.value()));
            ready(if drop_it { Op::Remove } else { Op::Nop })
        });
        judged.await;
    }

    fn is_good<T>(&self, kept: &Kept<T>) -> bool {
        kept.good_until > self.clock.now()
    }
}
