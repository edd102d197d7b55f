//! The lists that an API has met, kept fresh in the background, so that a request checks a bit without lock and without
//! I/O. A request waits only where its token names a list that is new here, or where a list has become too old.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration as StdDuration;

use arc_swap::ArcSwap;
use reqwest::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::{MEDIA_TYPE, StatusListToken};
use crate::claims::StatusListReference;
use crate::discovery::{Discovery, ServerMetadata};
use crate::jwks::Jwks;
use crate::validator::key_id_of;
use crate::{Clock, http};

/// A list is asked for so often: two fifths of the five seconds that the issuer lets pass, so that an answer that is lost
/// does no harm.
const EVERY: StdDuration = StdDuration::from_secs(2);

/// After a failure no request tries again for so long: those that wait are answered at once.
const COOL_DOWN: Duration = Duration::SECOND;

/// An answer with more bytes is not read.
const LARGEST_LIST: usize = 512 * 1024;
const LARGEST_INDEX: usize = 256 * 1024;

/// What becomes of a token whose status cannot be told any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "StaleSettings")]
pub struct StalePolicy {
    /// A list counts for so long after it was last confirmed.
    pub after: Duration,
    pub then: WhenStale,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenStale {
    /// Nobody is let in: answer 503.
    #[default]
    Refuse,
    /// The last known status counts, and a list that was never known ends nothing.
    Accept,
}

/// The policy as it stands in a service's settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StaleSettings {
    #[serde(default = "five_minutes")]
    stale_after_seconds: u32,
    #[serde(default)]
    when_stale: WhenStale,
}

const fn five_minutes() -> u32 {
    300
}

impl From<StaleSettings> for StalePolicy {
    fn from(settings: StaleSettings) -> Self {
        Self { after: Duration::seconds(i64::from(settings.stale_after_seconds)), then: settings.when_stale }
    }
}

impl Default for StalePolicy {
    fn default() -> Self {
        StaleSettings { stale_after_seconds: five_minutes(), when_stale: WhenStale::default() }.into()
    }
}

/// Why a token is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusRefusal {
    /// Its chain has ended.
    Ended,
    /// Its status cannot be told now.
    Unknown,
}

/// The status lists of one issuer. Clones share them.
#[derive(Clone)]
pub struct StatusLists(Arc<Inner>);

struct Inner {
    discovery: Discovery,
    jwks: Jwks,
    http: Client,
    clock: Arc<dyn Clock>,
    policy: StalePolicy,
    /// By address.
    kept: ArcSwap<HashMap<String, Arc<Kept>>>,
    /// Whoever holds it fetches for a request, and leaves behind when that failed; the background does without.
    turn: tokio::sync::Mutex<Option<OffsetDateTime>>,
}

/// One list as it was last confirmed.
struct Kept {
    list: StatusListToken,
    etag: Option<String>,
    confirmed_at: OffsetDateTime,
}

/// Token Status List section 9.3.
#[derive(Deserialize)]
struct Index {
    status_lists: Vec<String>,
}

impl StatusLists {
    #[must_use]
    pub fn new(discovery: Discovery, jwks: Jwks, http: Client, clock: Arc<dyn Clock>, policy: StalePolicy) -> Self {
        let (kept, turn) = (ArcSwap::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { discovery, jwks, http, clock, policy, kept, turn }))
    }

    /// Whether the chain behind a token still lives.
    pub async fn check(&self, place: &StatusListReference) -> Result<(), StatusRefusal> {
        match self.0.look(place) {
            Some(told) => told,
            None => self.check_anew(place).await,
        }
    }

    /// Fetches the list in a task of its own: a caller that goes away must not take the fetch of all others with it.
    async fn check_anew(&self, place: &StatusListReference) -> Result<(), StatusRefusal> {
        let (inner, uri) = (Arc::clone(&self.0), place.uri.clone());
        let fetched = tokio::spawn(async move { inner.fetch_unless_done(&uri).await }).await;
        if !matches!(fetched, Ok(true)) {
            return self.0.without_a_fresh_list(place);
        }
        self.0.look(place).unwrap_or_else(|| self.0.without_a_fresh_list(place))
    }
}

impl Inner {
    /// What the kept list says; `None`: it is not kept, or too old.
    fn look(&self, place: &StatusListReference) -> Option<Result<(), StatusRefusal>> {
        let kept = self.kept.load();
        let kept = kept.get(&place.uri)?;
        self.is_fresh(kept).then(|| told(kept, place))
    }

    fn is_fresh(&self, kept: &Kept) -> bool {
        let now = self.clock.now();
        let age = now - kept.confirmed_at;
        !age.is_negative() && age <= self.policy.after && now < kept.list.expires_at
    }

    fn without_a_fresh_list(&self, place: &StatusListReference) -> Result<(), StatusRefusal> {
        match (self.policy.then, self.kept.load().get(&place.uri)) {
            (WhenStale::Refuse, _) => Err(StatusRefusal::Unknown),
            (WhenStale::Accept, Some(kept)) => told(kept, place),
            (WhenStale::Accept, None) => Ok(()),
        }
    }

    /// True: the list is fresh now. Those who waited for the turn look again first.
    async fn fetch_unless_done(self: &Arc<Self>, uri: &str) -> bool {
        let mut failed_at = self.turn.lock().await;
        let known = self.kept.load().get(uri).cloned();
        if known.as_ref().is_some_and(|kept| self.is_fresh(kept)) {
            return true;
        }
        let now = self.clock.now();
        if failed_at.is_some_and(|at| at <= now && now - at < COOL_DOWN) {
            return false;
        }
        let is_new = known.is_none();
        match self.fetch(uri, known.as_deref()).await {
            Ok(kept) => {
                *failed_at = None;
                self.keep(uri, kept);
                if is_new {
                    tokio::spawn(follow(Arc::downgrade(self), uri.to_owned()));
                }
                true
            }
            Err(reason) => {
                *failed_at = Some(self.clock.now());
                log::warn!("the status list {uri} cannot be had: {reason}");
                false
            }
        }
    }

    fn keep(&self, uri: &str, kept: Kept) {
        let kept = Arc::new(kept);
        self.kept.rcu(|lists| {
            let mut lists = HashMap::clone(lists);
            lists.insert(uri.to_owned(), Arc::clone(&kept));
            lists
        });
    }

    async fn fetch(&self, uri: &str, known: Option<&Kept>) -> Result<Kept, String> {
        let metadata = self.discovery.metadata().await.map_err(|error| error.to_string())?;
        if known.is_none() {
            self.is_one_of_the_issuers(uri, &metadata).await?;
        }
        let address = uri.parse().map_err(|_| "its address is none".to_owned())?;
        let address = self.discovery.reachable(address).map_err(|error| error.to_string())?;
        let mut request = self.http.get(address).header(ACCEPT, MEDIA_TYPE);
        if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(|error| error.without_url().to_string())?;
        let now = self.clock.now();
        match (response.status(), known) {
            (StatusCode::NOT_MODIFIED, Some(known)) => {
                Ok(Kept { list: known.list.clone(), etag: known.etag.clone(), confirmed_at: now })
            }
            (StatusCode::OK, _) => {
                let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
                let body = http::text(response, LARGEST_LIST).await.map_err(|error| error.to_string())?;
                let token = String::from_utf8(body).map_err(|_| "it is no text".to_owned())?;
                let list = self.verify(&token, uri, now).await?;
                no_older_than(&list, known)?;
                Ok(Kept { list, etag, confirmed_at: now })
            }
            (status, _) => Err(format!("the auth server answers {status}")),
        }
    }

    async fn verify(&self, token: &str, uri: &str, now: OffsetDateTime) -> Result<StatusListToken, String> {
        let kid = key_id_of(token, super::TOKEN_TYPE, LARGEST_LIST).map_err(|error| error.to_string())?;
        let keys = self.jwks.keys_for(&kid).await.map_err(|error| error.to_string())?;
        StatusListToken::verify(token, uri, &keys, now).map_err(|error| error.to_string())
    }

    /// What the issuer's metadata does not lead to is not fetched, whatever a token names.
    async fn is_one_of_the_issuers(&self, uri: &str, metadata: &ServerMetadata) -> Result<(), String> {
        let index = metadata.status_lists.clone().ok_or("the issuer's metadata names no status lists")?;
        let response = self.http.get(index).send().await.map_err(|error| error.without_url().to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("the auth server answers {} where its lists are named", response.status()));
        }
        let index: Index = http::json(response, LARGEST_INDEX).await.map_err(|error| error.to_string())?;
        if index.status_lists.iter().any(|list| list == uri) {
            Ok(())
        } else {
            Err("it is none of the issuer's".to_owned())
        }
    }
}

/// A list never goes back: an older one, from a cache or an attacker, would let ended chains live again.
fn no_older_than(list: &StatusListToken, known: Option<&Kept>) -> Result<(), String> {
    match known {
        Some(known) if list.issued_at < known.list.issued_at => {
            Err("it is older than the one that is known".to_owned())
        }
        _ => Ok(()),
    }
}

fn told(kept: &Kept, place: &StatusListReference) -> Result<(), StatusRefusal> {
    match kept.list.bits.is_set(place.idx) {
        Some(false) => Ok(()),
        // A place that the list does not have cannot be one of a living chain.
        Some(true) | None => Err(StatusRefusal::Ended),
    }
}

/// Asks for one list again and again, for as long as somebody keeps it.
async fn follow(inner: Weak<Inner>, uri: String) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tick.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let known = inner.kept.load().get(&uri).cloned();
        match inner.fetch(&uri, known.as_deref()).await {
            Ok(kept) => inner.keep(&uri, kept),
            Err(reason) => log::debug!("the status list {uri} cannot be refreshed: {reason}"),
        }
    }
}
