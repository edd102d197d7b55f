//! The ledger's one writer: events that come together are written together, with one transaction and one disk sync, and
//! nobody waits longer than for the sync in progress and their own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::try_join_all;
use serde_json::{Map, Value};
use shared_claims::Clock;
use shared_claims::service::RequestIds;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};

use super::chain::{ANCHOR, append};
use super::strangers::{Refused, Strangers};
use super::{Event, address};
use crate::protocol::OAuthError;
use crate::store::{ChainHead, ChainId, GrantId, LedgerRow, Store, StoreError};

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
            if self.write(row).await.is_err() {
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
        event.log();
        self.write(row_of(event, self.clock.now())).await
    }

    async fn write(&self, row: LedgerRow) -> Result<(), NotRecorded> {
        let (written, answer) = oneshot::channel();
        self.events.send(Pending { row, written }).await.map_err(|_| NotRecorded)?;
        answer.await.map_err(|_| NotRecorded)?
    }
}

/// The row of an event: everything that the event tells, and the request that it belongs to.
fn row_of(event: &Event<'_>, now: OffsetDateTime) -> LedgerRow {
    let (kind, fields) = event.describe();
    let mut body: Map<String, Value> =
        fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect();
    if let Some(address) = address::current() {
        body.entry("address").or_insert_with(|| address.to_string().into());
    }
    if let Some(ids) = RequestIds::current() {
        body.insert("request_id".to_owned(), ids.request_id.into());
        body.insert("trace_id".to_owned(), ids.trace_id.into());
    }
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let (grant_id, user_id) = (text("grant"), text("user"));
    unlinked(kind, &Value::Object(body), grant_id, user_id, now)
}

fn row_of_strangers(refused: &Refused, count: u64, now: OffsetDateTime) -> LedgerRow {
    let Refused { endpoint, error, reason, address } = refused;
    let address = address.map_or_else(|| "many".to_owned(), |address| address.to_string());
    let body = serde_json::json!({
        "endpoint": endpoint, "error": error, "reason": reason, "address": address, "count": count,
    });
    unlinked("refused strangers", &body, None, None, now)
}

fn unlinked(
    kind: &str,
    body: &Value,
    grant_id: Option<String>,
    user_id: Option<String>,
    now: OffsetDateTime,
) -> LedgerRow {
    // As precise as the database keeps it: the hash must hold when the row is read.
    let at = now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now);
    let (chain, hash) = (String::new(), Vec::new());
    LedgerRow { chain, seq: 0, at, kind: kind.to_owned(), body: body.to_string(), hash, grant_id, user_id }
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
        if let Err(error) = self.write(rows, Vec::new()).await {
            log::warn!("refusals to strangers are not on record yet: {error}");
            for (refused, count) in counts {
                strangers.count(refused, count);
            }
        }
    }

    async fn write_all(&mut self, together: &mut Vec<Pending>) {
        let (rows, waiting): (Vec<_>, Vec<_>) =
            together.drain(..).map(|pending| (pending.row, pending.written)).unzip();
        let answer = self.write(rows, Vec::new()).await.map_err(|error| {
            log::error!("the ledger cannot be written: {error}");
            NotRecorded
        });
        for written in waiting {
            // Whoever has gone away needs no answer; the row is there.
            let _ = written.send(answer);
        }
    }

    async fn write(&mut self, rows: Vec<LedgerRow>, named: Vec<ChainHead>) -> Result<(), StoreError> {
        let known = match std::mem::replace(&mut self.head, Head::Unknown) {
            Head::Known(head) => head,
            Head::Unknown => self.store.ledger_head(&self.chain).await?,
        };
        let (rows, head) = append(&self.chain, known.as_ref(), rows);
        if let Some(last) = &head {
            self.store.append_to_ledger(rows, last.clone(), named).await?;
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
        let row = unlinked(ANCHOR, &serde_json::json!({ "chains": chains }), None, None, now);
        self.write(vec![row], unseen).await
    }
}
