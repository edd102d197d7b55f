//! Where events are put on record, each by a row that is durable when its event counts as recorded.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;
use shared_claims::Clock;

use super::chain::ANCHOR;
use super::row::{Circumstances, row_of, row_of_strangers, unlinked};
use super::strangers::{Refused, Strangers};
use super::writer::Writer;
use super::{Event, Told, address};
use crate::protocol::OAuthError;
use crate::store::{ChainId, Change, Entry, GrantId, Standing, Store, StoreError};

/// How many rows are left for the writer at a time.
const TOGETHER: usize = 256;

/// How often the last rows of other chains are put on record, where there are new ones.
const ANCHOR_EVERY: Duration = Duration::from_mins(1);

/// How often refusals to strangers are put on record.
const STRANGERS_EVERY: Duration = Duration::from_secs(5);

/// The event could not be put on record, and what it is about must not leave: answer 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger cannot be written now")]
pub struct NotRecorded;

/// How an event uses an access token.
#[derive(Clone, Copy, Default)]
pub struct Use<'a> {
    /// The token, by its `jti`, where this is its first use, which is noted with the event.
    pub first_of: Option<&'a str>,
    /// What must be still so.
    pub stands_on: Option<&'a Arc<Standing>>,
}

/// Where events are put on record. Clones write to the same chain.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    strangers: Strangers,
    writer: Arc<Writer>,
}

impl Ledger {
    /// Opens a new chain, whose first row names the last rows of others.
    pub async fn open(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_as(&ChainId::generate(), store, clock).await
    }

    /// The same with a name that is there already, and that no chain has yet.
    pub async fn open_as(chain: &ChainId, store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let writer = Arc::new(Writer::of(chain, &store));
        let ledger = Self(Arc::new(Shared { store, clock, strangers: Strangers::default(), writer }));
        ledger.anchor(Anchoring::First).await?;
        tokio::spawn(keep_up(Arc::downgrade(&ledger.0)));
        Ok(ledger)
    }

    /// Counts a refusal to somebody who did not prove who they are: on record with others of its kind, in a while.
    pub fn count_stranger(&self, endpoint: &'static str, error: &OAuthError) {
        let (error, reason) = (error.code.as_str(), error.reason);
        self.0.strangers.count(Refused { endpoint, error, reason, address: address::current() }, 1);
    }

    /// Puts on record what was only counted so far: also the last thing that a server does.
    pub async fn flush(&self) {
        let (counts, now) = (self.0.strangers.take(), self.0.clock.now());
        let rows = counts.iter().map(|(refused, count)| row_of_strangers(refused, *count, now));
        let written = join_all(rows.map(|row| self.write(Entry::of(row)))).await;
        for ((refused, count), written) in counts.into_iter().zip(written) {
            if let Err(error) = written {
                log::warn!("refusals to strangers are not on record yet: {error}");
                self.0.strangers.count(refused, count);
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
        let described = event.describe();
        described.log();
        let row = row_of(&described, &Circumstances::at(self.0.clock.now()));
        self.write(Entry::of(row)).await.map_err(|_| NotRecorded)
    }

    /// The same of an event that uses an access token, if what that stands on is still so. False: it has changed since it was
    /// looked up, and nothing is on record.
    pub async fn record_use(&self, event: &Event<'_>, used: Use<'_>) -> Result<bool, NotRecorded> {
        let described = event.describe();
        let row = row_of(&described, &Circumstances::at(self.0.clock.now()));
        let Use { first_of, stands_on } = used;
        let entry = Entry { used: first_of.map(str::to_owned), stands_on: stands_on.cloned(), ..Entry::of(row) };
        match self.write(entry).await {
            Ok(()) => {
                described.log();
                Ok(true)
            }
            Err(StoreError::Outdated) => Ok(false),
            Err(_) => Err(NotRecorded),
        }
    }

    /// Makes a change, and puts on record what `tell` says became of it; both are durable when this returns. On SQLite they
    /// are so together, both or neither.
    pub async fn record_change<T: Send + 'static>(
        &self,
        change: Change<T>,
        tell: impl FnOnce(&T) -> Vec<Told> + Send + 'static,
    ) -> Result<T, StoreError> {
        let circumstances = Circumstances::at(self.0.clock.now());
        let rows = move |value| {
            let told = tell(&value);
            let rows = told.iter().map(|Told(event)| Entry::of(row_of(event, &circumstances))).collect();
            ((value, told), rows)
        };
        let (value, told) = Writer::write_change(&self.0.writer, &self.0.store, change, rows).await?;
        for Told(event) in &told {
            event.log();
        }
        Ok(value)
    }

    /// Revokes a grant, and puts that on record. False: there is none, or it had ended before; then there is nothing to tell.
    pub async fn revoke(&self, grant: &GrantId, why: &'static str) -> Result<bool, StoreError> {
        let revocation = Change::revocation(grant, why, self.0.clock.now());
        let grant = grant.clone();
        let tell =
            move |ended: &bool| Vec::from_iter(ended.then(|| Event::Revoked { grant: grant.as_str(), why }.told()));
        self.record_change(revocation, tell).await
    }

    async fn write(&self, entry: Entry) -> Result<(), StoreError> {
        Writer::write(&self.0.writer, &self.0.store, entry).await
    }

    /// Names the last rows of other chains that nobody has named yet: so every chain is witnessed, and no row grows with the
    /// number of servers that there ever were.
    async fn anchor(&self, anchoring: Anchoring) -> Result<(), StoreError> {
        let unseen = self.0.store.unseen_ledger_heads(self.0.writer.chain()).await?;
        if unseen.is_empty() && anchoring == Anchoring::Again {
            return Ok(());
        }
        let chains: BTreeMap<&str, Value> = unseen
            .iter()
            .map(|head| (head.chain.as_str(), serde_json::json!([head.seq, URL_SAFE_NO_PAD.encode(&head.hash)])))
            .collect();
        let body = serde_json::json!({ "chains": chains }).to_string();
        let row = unlinked(ANCHOR, body, None, None, self.0.clock.now());
        self.write(Entry { named: unseen, ..Entry::of(row) }).await
    }
}

/// A chain begins with an anchor in any case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchoring {
    First,
    Again,
}

/// Puts on record what comes up now and then, for as long as the ledger is there.
async fn keep_up(ledger: Weak<Shared>) {
    let mut anchor = tokio::time::interval(ANCHOR_EVERY);
    let mut strangers = tokio::time::interval(STRANGERS_EVERY);
    for often in [&mut anchor, &mut strangers] {
        often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    }
    anchor.tick().await;
    loop {
        let is_for_strangers = tokio::select! {
            _ = strangers.tick() => true,
            _ = anchor.tick() => false,
        };
        let Some(ledger) = ledger.upgrade().map(Ledger) else { return };
        if is_for_strangers {
            ledger.flush().await;
        } else if let Err(error) = ledger.anchor(Anchoring::Again).await {
            log::warn!("other chains of the ledger are not anchored now: {error}");
        }
    }
}
