//! What waits to be put on record, and where it waits.

use std::sync::Arc;

use diesel::result::QueryResult;

use super::calls::Answer;
use super::connection::AnyConnection;
use super::ledger::{ChainHead, LedgerRow};
use super::together::Together;
use super::{Inner, Standing, StoreError};

/// A row, and what is written with it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Without its place in the chain.
    pub row: LedgerRow,
    /// The last rows of other chains that it names.
    pub named: Vec<ChainHead>,
    /// The access token whose first use it tells of ([`Store::access_token_used`](super::Store::access_token_used)).
    pub used: Option<String>,
    /// What it is put on record for only as long as that is so; otherwise the call fails with [`StoreError::Outdated`].
    pub stands_on: Option<Arc<Standing>>,
}

impl Entry {
    #[must_use]
    pub fn of(row: LedgerRow) -> Self {
        Self { row, named: Vec::new(), used: None, stands_on: None }
    }
}

/// What waits to be put on record, by whoever writes the chain.
pub struct Pending(pub(super) Box<dyn Recording>);

pub(super) trait Recording: Send {
    /// Makes the change, if there is one, and tells what is to be put on record.
    fn run(&mut self, connection: &mut AnyConnection) -> QueryResult<Vec<Entry>>;
    fn changes(&self) -> bool;
    /// What its rows stand on.
    fn stands_on(&self) -> Vec<&Arc<Standing>> {
        Vec::new()
    }
    fn end(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// Rows alone, of what was made before.
pub(super) struct Rows<T> {
    pub entries: Vec<Entry>,
    /// What became of that.
    pub value: T,
    pub answer: Answer<T>,
}

impl<T: Send> Recording for Rows<T> {
    fn run(&mut self, _: &mut AnyConnection) -> QueryResult<Vec<Entry>> {
        Ok(std::mem::take(&mut self.entries))
    }

    fn changes(&self) -> bool {
        false
    }

    fn stands_on(&self) -> Vec<&Arc<Standing>> {
        self.entries.iter().filter_map(|entry| entry.stands_on.as_ref()).collect()
    }

    fn end(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, answer, .. } = *self;
        // Whoever has gone away needs no answer; the rows are there.
        let _ = answer.send(outcome.map(|()| value));
    }
}

/// Rows that are left to be put on record.
pub(super) struct Left {
    pub rows: Pending,
    pub place: Place,
}

/// Where the rows of one chain wait, and how they are put on record.
#[derive(Clone)]
pub(super) struct Place {
    pub together: Arc<Together<Pending>>,
    pub record: Arc<Record>,
}

type Record = dyn Fn(&Arc<Inner>, Vec<Pending>) + Send + Sync;

/// Leaves all rows at once where the others of their chain wait, from a thread that may wait.
pub(super) fn leave(inner: &Arc<Inner>, mut left: Vec<Left>) {
    while let Some(place) = left.first().map(|left| left.place.clone()) {
        let is_of_chain = |left: &Left| Arc::ptr_eq(&left.place.together, &place.together);
        let (of_chain, others): (Vec<Left>, _) = left.into_iter().partition(is_of_chain);
        inner.share(&place.together, of_chain.into_iter().map(|left| left.rows), move |inner, pending| {
            (place.record)(inner, pending);
        });
        left = others;
    }
}
