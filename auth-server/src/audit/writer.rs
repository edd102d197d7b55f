//! The one writer of a chain: rows that come together are written together, with one transaction and one disk sync, and nobody
//! waits longer than for the sync in progress and their own.

use std::sync::{Arc, Mutex, PoisonError};

use super::chain;
use crate::store::{ChainHead, ChainId, Change, Entry, LedgerVisit, Pending, Store, StoreError, Together};

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
        Self { chain: chain.to_string(), head: Mutex::new(Head::Known(None)), together: store.pending() }
    }

    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// Writes a row, and returns when it is durable.
    pub async fn write(this: &Arc<Self>, store: &Store, entry: Entry) -> Result<(), StoreError> {
        store.record(&this.together, entry, Self::recording(this)).await
    }

    /// Makes a change and writes the rows that tell of it. Returns what `tell` makes of it beside them.
    pub async fn write_change<T: Send + 'static, V: Send + 'static>(
        this: &Arc<Self>,
        store: &Store,
        change: Change<T>,
        tell: impl FnOnce(T) -> (V, Vec<Entry>) + Send + 'static,
    ) -> Result<V, StoreError> {
        store.record_change(&this.together, change, tell, Self::recording(this)).await
    }

    fn recording(this: &Arc<Self>) -> impl Fn(&LedgerVisit<'_>, Vec<Pending>) + Send + Sync + 'static {
        let writer = Arc::clone(this);
        move |visit, all| writer.record(visit, all)
    }

    fn record(&self, visit: &LedgerVisit<'_>, all: Vec<Pending>) {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match std::mem::replace(&mut *head, Head::Unknown) {
            Head::Known(known) => Ok(known),
            Head::Unknown => visit.head(&self.chain),
        };
        let written = match known {
            Ok(known) => visit.record(all, |rows| chain::append(&self.chain, known, rows)),
            Err(error) => {
                visit.refuse(all, &error);
                Err(error)
            }
        };
        match written {
            Ok(last) => *head = Head::Known(last),
            Err(error) => log::error!("nothing can be put on record: {error}"),
        }
    }
}
