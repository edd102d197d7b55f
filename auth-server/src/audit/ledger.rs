//! The ledger's one writer: events that come together are written together, with one transaction and one disk sync, and
//! nobody waits longer than for the sync in progress and their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::try_join_all;
use serde::Serializer as _;
use serde_json::Value;
use shared_claims::Clock;
use shared_claims::service::RequestIds;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};

use super::chain::{ANCHOR, append};
use super::event::Described;
use super::strangers::{Refused, Strangers};
use super::{Event, address};
use crate::protocol::OAuthError;
use crate::store::{Addition, ChainHead, ChainId, GrantId, LedgerRow, Store, StoreError};

/// How many events may wait for the writer. More wait for a place.
const WAITING: usize = 4096;

/// How many are written together at most.
const TOGETHER: usize = 256;

/// How often the last rows of other chains are put on record, where there are new ones.
const ANCHOR_EVERY: Duration = Duration::from_mins(1);

/// How often refusals to strangers are put on record.
const STRANGERS_EVERY: Duration = Duration::from_secs(5);

/// The event could not be put on record, and what it is about must not leave: answer 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be written now")]
pub struct NotRecorded;

/// Where events are put on record. Clones write to the same chain.
#[derive(Clone)]
pub struct Ledger {
    events: mpsc::Sender<Pending>,
    strangers: Arc<Strangers>,
    clock: Arc<dyn Clock>,
}

/// A row without its place in the chain, and who waits for it.
struct Pending {
    row: LedgerRow,
    /// The access token whose first use it tells of.
    used: Option<String>,
    written: oneshot::Sender<Result<(), NotRecorded>>,
}

impl Ledger {
    /// Opens a new chain, whose first row names the last rows of others.
    pub async fn open(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_as(&ChainId::generate(), store, clock).await
    }

    /// The same with a name that is there already, and that no chain has yet.
    pub async fn open_as(chain: &ChainId, store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let mut writer = Writer { chain: chain.to_string(), head: Head::Known(None), store };
        writer.anchor(clock.now()).await?;
        let (events, incoming) = mpsc::channel(WAITING);
        let strangers = Arc::new(Strangers::default());
        tokio::spawn(writer.run(incoming, Arc::clone(&strangers), Arc::clone(&clock)));
        Ok(Self { events, strangers, clock })
    }

    /// Counts a refusal to somebody who did not prove who they are: on record with others of its kind, in a while.
    pub fn count_stranger(&self, endpoint: &'static str, error: &OAuthError) {
        let (error, reason) = (error.code.as_str(), error.reason);
        self.strangers.count(Refused { endpoint, error, reason, address: address::current() }, 1);
    }

    /// Puts on record what was only counted so far: the last thing that a server does.
    pub async fn flush(&self) {
        for (refused, count) in self.strangers.take() {
            let row = row_of_strangers(&refused, count, self.clock.now());
            if self.write(row, None).await.is_err() {
                self.strangers.count(refused, count);
                return log::warn!("refusals to strangers are not on record: the ledger cannot be written");
            }
        }
    }

    /// Puts the one event of a command on record, in a chain of its own.
    pub async fn record_once(store: &Store, clock: Arc<dyn Clock>, event: &Event<'_>) -> anyhow::Result<()> {
        Ok(Self::open(store.clone(), clock).await?.record(event).await?)
    }

    /// Puts on record that grants ended, each by a row of its own.
    pub async fn record_revoked(&self, grants: &[GrantId], why: &str) -> Result<(), NotRecorded> {
        for together in grants.chunks(TOGETHER) {
            let events = together.iter().map(|grant| Event::Revoked { grant: grant.as_str(), why }).collect::<Vec<_>>();
            try_join_all(events.iter().map(|event| self.record(event))).await?;
        }
        Ok(())
    }

    /// Puts an event on record; it is durable when this returns.
    pub async fn record(&self, event: &Event<'_>) -> Result<(), NotRecorded> {
        self.record_use(event, None).await
    }

    /// The same of an event that is the first use of an access token, which is noted with it.
    pub async fn record_use(&self, event: &Event<'_>, jti: Option<&str>) -> Result<(), NotRecorded> {
        let described = event.describe();
        described.log();
        self.write(row_of(&described, self.clock.now()), jti.map(str::to_owned)).await
    }

    async fn write(&self, row: LedgerRow, used: Option<String>) -> Result<(), NotRecorded> {
        let (written, answer) = oneshot::channel();
        self.events.send(Pending { row, used, written }).await.map_err(|_| NotRecorded)?;
        answer.await.map_err(|_| NotRecorded)?
    }
}

/// The row of an event: everything that the event tells, and the request that it belongs to.
fn row_of(event: &Described<'_>, now: OffsetDateTime) -> LedgerRow {
    let address = address::current().map(|address| address.to_string());
    let address = address.as_deref().filter(|_| event.field("address").is_none());
    let ids = RequestIds::current();
    let around = [
        ("address", address),
        ("request_id", ids.as_ref().map(|ids| ids.request_id.as_str())),
        ("trace_id", ids.as_ref().map(|ids| ids.trace_id.as_str())),
    ];
    let around = around.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let told = event.fields.iter().map(|(key, value)| (*key, value.as_ref()));
    let body = as_json(told.chain(around));
    let text = |key: &str| event.field(key).map(str::to_owned);
    unlinked(event.kind, body, text("grant"), text("user"), now)
}

/// One object of texts.
#[expect(clippy::expect_used, reason = "a map of texts can always be written")]
fn as_json<'a>(fields: impl Iterator<Item = (&'static str, &'a str)>) -> String {
    let mut body = Vec::with_capacity(512);
    serde_json::Serializer::new(&mut body).collect_map(fields).expect("a map of texts can be written as JSON");
    String::from_utf8(body).expect("JSON is UTF-8")
}

fn row_of_strangers(refused: &Refused, count: u64, now: OffsetDateTime) -> LedgerRow {
    let Refused { endpoint, error, reason, address } = refused;
    let address = address.map_or_else(|| "many".to_owned(), |address| address.to_string());
    let body = serde_json::json!({
        "endpoint": endpoint, "error": error, "reason": reason, "address": address, "count": count,
    });
    unlinked("refused strangers", body.to_string(), None, None, now)
}

fn unlinked(
    kind: &str,
    body: String,
    grant_id: Option<String>,
    user_id: Option<String>,
    now: OffsetDateTime,
) -> LedgerRow {
    // As precise as the database keeps it: the hash must hold when the row is read.
    let at = now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now);
    let (chain, hash) = (String::new(), Vec::new());
    LedgerRow { chain, seq: 0, at, kind: kind.to_owned(), body, hash, grant_id, user_id }
}

/// Batch without their places, and what is written with them.
#[derive(Default)]
struct Batch {
    rows: Vec<LedgerRow>,
    /// The last rows of other chains that they name.
    named: Vec<ChainHead>,
    /// Access tokens whose first use they tell of.
    used: Vec<(String, OffsetDateTime)>,
}

impl Batch {
    fn alone(rows: Vec<LedgerRow>) -> Self {
        Self { rows, ..Self::default() }
    }
}

struct Writer {
    chain: String,
    head: Head,
    store: Store,
}

/// The last row of the own chain.
enum Head {
    /// `None`: there is none yet.
    Known(Option<ChainHead>),
    /// A write failed, and it is unknown whether it was done.
    Unknown,
}

impl Writer {
    async fn run(mut self, mut incoming: mpsc::Receiver<Pending>, strangers: Arc<Strangers>, clock: Arc<dyn Clock>) {
        let mut tick = tokio::time::interval(ANCHOR_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tick.tick().await;
        let mut often = tokio::time::interval(STRANGERS_EVERY);
        often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut together = Vec::with_capacity(TOGETHER);
        loop {
            tokio::select! {
                count = incoming.recv_many(&mut together, TOGETHER) => {
                    if count == 0 {
                        return self.write_strangers(&strangers, clock.now()).await;
                    }
                    self.write_all(&mut together).await;
                }
                _ = often.tick() => self.write_strangers(&strangers, clock.now()).await,
                _ = tick.tick() => {
                    if let Err(error) = self.anchor(clock.now()).await {
                        log::warn!("other chains of the ledger are not anchored now: {error}");
                    }
                }
            }
        }
    }

    async fn write_strangers(&mut self, strangers: &Strangers, now: OffsetDateTime) {
        let counts = strangers.take();
        if counts.is_empty() {
            return;
        }
        let rows = counts.iter().map(|(refused, count)| row_of_strangers(refused, *count, now)).collect();
        if let Err(error) = self.write(Batch::alone(rows)).await {
            log::warn!("refusals to strangers are not on record yet: {error}");
            for (refused, count) in counts {
                strangers.count(refused, count);
            }
        }
    }

    async fn write_all(&mut self, together: &mut Vec<Pending>) {
        let mut rows = Batch::default();
        let mut waiting = Vec::with_capacity(together.len());
        for Pending { row, used, written } in together.drain(..) {
            rows.used.extend(used.map(|jti| (jti, row.at)));
            rows.rows.push(row);
            waiting.push(written);
        }
        let answer = self.write(rows).await.map_err(|error| {
            log::error!("the ledger cannot be written: {error}");
            NotRecorded
        });
        for written in waiting {
            // Whoever has gone away needs no answer; the row is there.
            let _ = written.send(answer);
        }
    }

    async fn write(&mut self, Batch { rows, named, used }: Batch) -> Result<(), StoreError> {
        let known = match std::mem::replace(&mut self.head, Head::Unknown) {
            Head::Known(head) => head,
            Head::Unknown => self.store.ledger_head(&self.chain).await?,
        };
        let (rows, head) = append(&self.chain, known.as_ref(), rows);
        if let Some(last) = &head {
            self.store.append_to_ledger(Addition { rows, head: last.clone(), named, used }).await?;
        }
        self.head = Head::Known(head);
        Ok(())
    }

    /// Names the last rows of other chains that nobody has named yet: so every chain is witnessed, and no row grows with the
    /// number of servers that there ever were. The first row of a chain is written in any case.
    async fn anchor(&mut self, now: OffsetDateTime) -> Result<(), StoreError> {
        let unseen = self.store.unseen_ledger_heads(&self.chain).await?;
        if unseen.is_empty() && !matches!(self.head, Head::Known(None)) {
            return Ok(());
        }
        let chains: BTreeMap<&str, Value> = unseen
            .iter()
            .map(|head| (head.chain.as_str(), serde_json::json!([head.seq, URL_SAFE_NO_PAD.encode(&head.hash)])))
            .collect();
        let row = unlinked(ANCHOR, serde_json::json!({ "chains": chains }).to_string(), None, None, now);
        self.write(Batch { rows: vec![row], named: unseen, used: Vec::new() }).await
    }
}
