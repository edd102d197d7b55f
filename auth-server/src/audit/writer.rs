//! The one writer of a chain: rows that come together are written together, with one transaction and one disk sync, and nobody
//! waits longer than for the sync in progress and their own.

use std::sync::{Arc, Mutex, PoisonError};

use time::OffsetDateTime;
use tokio::sync::oneshot;

use super::chain;
use crate::store::{Addition, ChainHead, ChainId, LedgerRow, LedgerVisit, Store, StoreError, Together};

/// A row, and what is written with it.
pub(super) struct Entry {
    /// Without its place in the chain.
    pub row: LedgerRow,
    /// The last rows of other chains that it names.
    pub named: Vec<ChainHead>,
    /// The access token whose first use it tells of.
    pub used: Option<String>,
}

impl Entry {
    pub fn of(row: LedgerRow) -> Self {
        Self { row, named: Vec::new(), used: None }
    }
}

/// An entry, and who waits for it.
struct Pending {
    entry: Entry,
    written: oneshot::Sender<Result<(), StoreError>>,
}

/// The last row of the own chain.
enum Head {
    /// `None`: there is none yet.
    Known(Option<ChainHead>),
    /// A write failed, and it is unknown whether it was done.
    Unknown,
}

pub(super) struct Writer {
    chain: String,
    head: Mutex<Head>,
    together: Arc<Together<Pending>>,
}

impl Writer {
    /// Of a chain that has no row yet.
    pub fn of(chain: &ChainId, store: &Store) -> Self {
        // One visit at a time: each row hangs on the one before.
        Self { chain: chain.to_string(), head: Mutex::new(Head::Known(None)), together: store.commits() }
    }

    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// Writes a row, and returns when it is durable.
    pub async fn write(this: &Arc<Self>, store: &Store, entry: Entry) -> Result<(), StoreError> {
        let (written, answer) = oneshot::channel();
        let writer = Arc::clone(this);
        let append = move |visit: &LedgerVisit<'_>, all| writer.append_all(visit, all);
        store.append_together(&this.together, Pending { entry, written }, answer, append).await
    }

    fn append_all(&self, visit: &LedgerVisit<'_>, all: Vec<Pending>) {
        let (entries, waiting): (Vec<_>, Vec<_>) =
            all.into_iter().map(|Pending { entry, written }| (entry, written)).unzip();
        let outcome = self.append(visit, entries);
        if let Err(error) = &outcome {
            log::error!("the ledger cannot be written: {error}");
        }
        for written in waiting {
            // Whoever has gone away needs no answer; the row is there.
            let _ = written.send(outcome.clone());
        }
    }

    fn append(&self, visit: &LedgerVisit<'_>, entries: Vec<Entry>) -> Result<(), StoreError> {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match std::mem::replace(&mut *head, Head::Unknown) {
            Head::Known(known) => known,
            Head::Unknown => visit.head(&self.chain)?,
        };
        let (mut rows, mut named) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut used: Vec<(String, OffsetDateTime)> = Vec::new();
        for entry in entries {
            used.extend(entry.used.map(|jti| (jti, entry.row.at)));
            named.extend(entry.named);
            rows.push(entry.row);
        }
        let (rows, last) = chain::append(&self.chain, known.as_ref(), rows);
        if let Some(last) = &last {
            visit.append(Addition { rows, head: last.clone(), named, used })?;
        }
        *head = Head::Known(last);
        Ok(())
    }
}
