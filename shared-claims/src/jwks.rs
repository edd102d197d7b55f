//! The issuer's keys, fetched over HTTP and kept (RFC 7517, RFC 8414 `jwks_uri`).
//!
//! A request waits for keys only where it must: when there are none, when they are past their age, or when a token names
//! a key that is not among them. However many wait, one fetch serves them all. While the auth server is down, the last
//! good keys go on to serve, and attempts to refresh them run beside the requests.

use std::sync::{Arc, PoisonError, RwLock};

use reqwest::header::CACHE_CONTROL;
use reqwest::{Client, Response, StatusCode};
use time::{Duration, OffsetDateTime};

use crate::discovery::{Discovery, DiscoveryError};
use crate::validator::KeySet;
use crate::{Clock, http};

const LARGEST_SET: usize = 256 * 1024;

/// A token with an unknown key id makes the set be fetched again at most this often, however many come.
const COOL_DOWN: Duration = Duration::seconds(10);

/// How soon a fetch is tried again where there are no keys at all.
const RETRY: Duration = Duration::seconds(1);

/// Where the issuer says nothing of the set's age, and the bounds of what it may say.
const DEFAULT_MAX_AGE: Duration = Duration::minutes(5);
const SHORTEST_MAX_AGE: Duration = Duration::seconds(10);
const LONGEST_MAX_AGE: Duration = Duration::minutes(15);

/// There are no keys, and none can be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the issuer's keys cannot be had: {0}")]
pub struct KeysUnavailable(String);

impl From<DiscoveryError> for KeysUnavailable {
    fn from(error: DiscoveryError) -> Self {
        Self(error.to_string())
    }
}

/// The keys of one issuer. Clones share them.
#[derive(Clone)]
pub struct Jwks(Arc<Inner>);

struct Inner {
    discovery: Discovery,
    http: Client,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
    /// Whoever holds it fetches.
    turn: tokio::sync::Mutex<()>,
}

/// What is known now.
#[derive(Clone, Debug, Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    fresh_until: Option<OffsetDateTime>,
    attempted: Option<OffsetDateTime>,
    failure: Option<KeysUnavailable>,
}

/// What a request that needs the key `kid` does.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// Takes what is there.
    Nothing,
    /// Takes what is there, and lets a fetch run beside it.
    FetchBeside,
    /// Waits for a fetch.
    Fetch,
}

impl State {
    fn need(&self, kid: &str, now: OffsetDateTime) -> Need {
        let Some(keys) = &self.keys else {
            return if within(self.attempted, RETRY, now) { Need::Nothing } else { Need::Fetch };
        };
        let fresh = self.failure.is_none() && self.is_fresh(now);
        let known = keys.find(kid).is_some();
        match (fresh, known) {
            (true, true) => Need::Nothing,
            _ if self.may_not_fetch(fresh, now) => Need::Nothing,
            // The last attempt failed: nobody is made to wait for the next one, which may hang until its time-out.
            (false, true) if self.failure.is_some() => Need::FetchBeside,
            _ => Need::Fetch,
        }
    }

    fn is_fresh(&self, now: OffsetDateTime) -> bool {
        let (Some(attempted), Some(until)) = (self.attempted, self.fresh_until) else { return false };
        attempted <= now && now < until
    }

    /// The cool-down holds for unknown key ids and for failures, not for a set that has reached its age.
    fn may_not_fetch(&self, fresh: bool, now: OffsetDateTime) -> bool {
        (fresh || self.failure.is_some()) && within(self.attempted, COOL_DOWN, now)
    }
}

/// Whether less than `span` has passed since `moment`. A clock that was set back counts as passed.
fn within(moment: Option<OffsetDateTime>, span: Duration, now: OffsetDateTime) -> bool {
    moment.is_some_and(|moment| moment <= now && now - moment < span)
}

impl Jwks {
    #[must_use]
    pub fn new(discovery: Discovery, http: Client, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { discovery, http, clock, state: RwLock::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// The issuer's keys, fetched anew where `kid` is not among them and the cool-down allows it. The key may still be
    /// unknown to the set that comes back.
    pub async fn keys_for(&self, kid: &str) -> Result<Arc<KeySet>, KeysUnavailable> {
        match self.0.state().need(kid, self.0.clock.now()) {
            Need::Nothing => {}
            Need::FetchBeside if self.0.turn.try_lock().is_err() => {}
            Need::FetchBeside => drop(self.fetch_task(kid)),
            // A task of its own: a caller that goes away must not take the fetch of all others with it.
            Need::Fetch => self.fetch_task(kid).await.map_err(|error| KeysUnavailable(error.to_string()))?,
        }
        let state = self.0.state();
        match (state.keys, state.failure) {
            (Some(keys), _) => Ok(keys),
            (None, Some(failure)) => Err(failure),
            (None, None) => Err(KeysUnavailable("they have not been fetched yet".to_owned())),
        }
    }

    fn fetch_task(&self, kid: &str) -> tokio::task::JoinHandle<()> {
        let (inner, kid) = (Arc::clone(&self.0), kid.to_owned());
        tokio::spawn(async move { inner.fetch_unless_done(&kid).await })
    }
}

impl Inner {
    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those who waited for the turn look again: the fetch before theirs has most often brought what they need.
    async fn fetch_unless_done(&self, kid: &str) {
        let _turn = self.turn.lock().await;
        if self.state().need(kid, self.clock.now()) == Need::Nothing {
            return;
        }
        let fetched = self.fetch().await;
        let now = self.clock.now();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.attempted = Some(now);
        match fetched {
            // The new set takes the old one's place whole: a key that is gone counts no more.
            Ok((keys, max_age)) => {
                state.keys = Some(Arc::new(keys));
                state.fresh_until = Some(now + max_age);
                state.failure = None;
            }
            Err(failure) => {
                log::warn!("{failure}");
                state.failure = Some(failure);
            }
        }
    }

    async fn fetch(&self) -> Result<(KeySet, Duration), KeysUnavailable> {
        let metadata = self.discovery.metadata().await?;
        let request = self.http.get(metadata.jwks_uri.clone());
        let response = request.send().await.map_err(|error| KeysUnavailable(error.without_url().to_string()))?;
        if response.status() != StatusCode::OK {
            return Err(KeysUnavailable(format!("{} answers {}", metadata.jwks_uri, response.status())));
        }
        let max_age = max_age(&response);
        let body = http::text(response, LARGEST_SET).await.map_err(|error| KeysUnavailable(error.to_string()))?;
        let body = String::from_utf8(body).map_err(|_| KeysUnavailable("the set is not UTF-8".to_owned()))?;
        let keys = KeySet::from_jwks(&body).map_err(|error| KeysUnavailable(error.to_string()))?;
        Ok((keys, max_age))
    }
}

/// How long the set may be kept (RFC 9111 section 5.2.2.1), within bounds: neither a fetch per request nor a removed key
/// that counts for a day.
fn max_age(response: &Response) -> Duration {
    let text = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let directives = || text.split(',').map(str::trim);
    if directives().any(|directive| matches!(directive, "no-store" | "no-cache")) {
        return SHORTEST_MAX_AGE;
    }
    let seconds = directives().find_map(|directive| directive.strip_prefix("max-age=")?.parse::<u32>().ok());
    let asked = seconds.map_or(DEFAULT_MAX_AGE, |seconds| Duration::seconds(i64::from(seconds)));
    asked.clamp(SHORTEST_MAX_AGE, LONGEST_MAX_AGE)
}

#[cfg(test)]
mod tests;
