//! What is put on record: rows of the ledger, and the changes that they tell of.
//!
//! On SQLite a change and its rows are committed together, both or neither, with all others that wait. On PostgreSQL, where
//! transactions run side by side and a chain has one writer, the rows follow right behind the change.

use std::sync::Arc;

use diesel::result::QueryResult;
use tokio::sync::oneshot;

use super::batch::Asker;
use super::calls::{self, Answer, Call, Turn};
use super::change::{Change, Usual, Work};
use super::connection::AnyConnection;
use super::group_commit::apart;
use super::ledger::{ChainHead, LedgerRow, head};
use super::ledger_append::{Addition, Used, append};
use super::pending::{Entry, Left, Pending, Place, Recording, Rows, leave};
use super::remembered::Remembered;
use super::{Inner, Store, StoreError, Together};

/// A change, and what tells of it.
struct Changing<T, V, F> {
    change: Option<(Work<T>, F)>,
    value: Option<V>,
    answer: Answer<V>,
}

impl<T, V: Send, F: FnOnce(T) -> (V, Vec<Entry>) + Send> Recording for Changing<T, V, F> {
    fn run(&mut self, connection: &mut AnyConnection) -> QueryResult<Vec<Entry>> {
        // One whose asker has gone before its turn is never made.
        let Some((work, tell)) = self.change.take().filter(|_| !self.answer.is_closed()) else { return Ok(Vec::new()) };
        let (value, entries) = tell(work(connection)?);
        self.value = Some(value);
        Ok(entries)
    }

    fn changes(&self) -> bool {
        true
    }

    fn end(self: Box<Self>, outcome: Result<(), StoreError>) {
        let never_made = || StoreError::Bug("a change was committed that was never made".into());
        let Self { value, answer, .. } = *self;
        let _ = answer.send(outcome.and_then(|()| value.ok_or_else(never_made)));
    }
}

/// What is to be done when a change was made for which somebody waits.
struct Telling<V, F> {
    tell: F,
    answer: Answer<V>,
    /// Where its rows are left.
    place: Place,
}

impl<V: Send + 'static, F> Telling<V, F> {
    /// What is to be put on record, whether anybody waits for that or not. Where that is nothing, whoever waits is answered.
    fn of<T>(self, made: Result<T, StoreError>) -> Option<Left>
    where
        F: FnOnce(T) -> (V, Vec<Entry>),
    {
        let Self { tell, answer, place } = self;
        match made.map(tell) {
            Ok((value, entries)) if !entries.is_empty() => {
                Some(Left { rows: Pending(Box::new(Rows { entries, value, answer })), place })
            }
            made => {
                let _ = answer.send(made.map(|(value, _)| value));
                None
            }
        }
    }
}

/// Who waits for a change that may be the usual one.
struct Waiting<T, V, F> {
    turn: Turn,
    /// What has become of the usual one.
    outcome: T,
    work: Work<T>,
    telling: Telling<V, F>,
}

impl<T, V, F> Asker for Waiting<T, V, F>
where
    T: Send + 'static,
    V: Send + 'static,
    F: FnOnce(T) -> (V, Vec<Entry>) + Send + 'static,
{
    fn begins(&self) -> bool {
        !self.telling.answer.is_closed() && self.turn.begins()
    }

    fn go_on(self: Box<Self>, inner: &Arc<Inner>, made: Result<bool, StoreError>) -> Option<Left> {
        let Self { turn, outcome, work, telling } = *self;
        if !matches!(made, Ok(false)) {
            return telling.of(made.map(|_| outcome));
        }
        let by_itself: Call = Box::new(move |inner| {
            if !telling.answer.is_closed() {
                let made = if turn.is_in_time() { inner.visit(work) } else { Err(calls::too_many()) };
                leave(inner, telling.of(made).into_iter().collect());
            }
        });
        inner.begin(&inner.calls, by_itself, calls::serve);
        None
    }
}

/// A visit to the database to add to one chain, on a thread that may wait.
pub struct LedgerVisit<'a>(&'a Inner);

impl LedgerVisit<'_> {
    /// The last row of a chain.
    pub fn head(&self, chain: &str) -> Result<Option<ChainHead>, StoreError> {
        self.0.visit(|connection| head(connection, chain))
    }

    /// Makes all changes, puts on record what tells of them, and answers everybody, all or nothing and with one disk sync.
    /// `link` gives the rows their places in the chain; the last row of all is returned.
    pub fn record(
        &self,
        mut pending: Vec<Pending>,
        link: impl FnOnce(Vec<LedgerRow>) -> (Vec<LedgerRow>, Option<ChainHead>),
    ) -> Result<Option<ChainHead>, StoreError> {
        let record = |connection: &mut AnyConnection| {
            let (entries, outcomes) = run_each(connection, &mut pending, &self.0.remembered)?;
            Ok((put_on_record(connection, entries, link)?, outcomes))
        };
        // On PostgreSQL there are rows alone here, which are one statement.
        let committed = if self.0.backend.is_sqlite() { self.0.commit(record) } else { self.0.visit(record) };
        let (last, outcomes) = match committed {
            Ok((last, outcomes)) => (Ok(last), outcomes),
            Err(error) => (Err(error.clone()), pending.iter().map(|_| Err(error.clone())).collect()),
        };
        for (Pending(pending), outcome) in pending.into_iter().zip(outcomes) {
            pending.end(outcome.map_err(|error| self.0.noticed(error)));
        }
        last
    }

    /// Answers everybody that nothing was done.
    pub fn refuse(&self, pending: Vec<Pending>, error: &StoreError) {
        for Pending(pending) in pending {
            pending.end(Err(error.clone()));
        }
    }
}

type Outcomes = Vec<Result<(), StoreError>>;

/// What is to be put on record, and each one's outcome; an error of all, where the connection is not to be trusted any more.
fn run_each(
    connection: &mut AnyConnection,
    pending: &mut [Pending],
    remembered: &Remembered,
) -> QueryResult<(Vec<Entry>, Outcomes)> {
    match connection {
        AnyConnection::Sqlite(sqlite) => remembered.catch_up(sqlite)?,
        AnyConnection::Postgres(postgres) => {
            let standings: Vec<_> = pending.iter().flat_map(|Pending(one)| one.stands_on()).collect();
            remembered.compare(postgres, &standings)?;
        }
    }
    let (mut entries, mut outcomes) = (Vec::with_capacity(pending.len()), Vec::with_capacity(pending.len()));
    let (alone, mut changed) = (pending.len() == 1, false);
    for Pending(one) in pending {
        let told = if one.changes() {
            changed = true;
            make(connection, one.as_mut(), alone)?
        } else if stands(connection, one.as_ref(), &mut changed, remembered)? {
            Ok(one.run(connection)?)
        } else {
            Err(StoreError::Outdated)
        };
        outcomes.push(told.map(|told| entries.extend(told)));
    }
    Ok((entries, outcomes))
}

/// Makes a change. One alone fails with the transaction that it is.
fn make(
    connection: &mut AnyConnection,
    one: &mut dyn Recording,
    alone: bool,
) -> QueryResult<Result<Vec<Entry>, StoreError>> {
    if alone {
        return one.run(connection).map(Ok);
    }
    Ok(apart(connection, |connection| one.run(connection))?.map_err(StoreError::from))
}

/// Whether what rows stand on is still so, also after what this transaction has `changed` before them.
fn stands(
    connection: &mut AnyConnection,
    one: &dyn Recording,
    changed: &mut bool,
    remembered: &Remembered,
) -> QueryResult<bool> {
    let stands_on = one.stands_on();
    if let AnyConnection::Sqlite(sqlite) = connection
        && !stands_on.is_empty()
        && std::mem::take(changed)
    {
        remembered.look_within(sqlite)?;
    }
    Ok(stands_on.into_iter().all(|standing| remembered.is_current(standing)))
}

fn put_on_record(
    connection: &mut AnyConnection,
    entries: Vec<Entry>,
    link: impl FnOnce(Vec<LedgerRow>) -> (Vec<LedgerRow>, Option<ChainHead>),
) -> QueryResult<Option<ChainHead>> {
    let (mut rows, mut named) = (Vec::with_capacity(entries.len()), Vec::new());
    let mut jtis = Vec::new();
    for entry in entries {
        jtis.extend(entry.used);
        named.extend(entry.named);
        rows.push(entry.row);
    }
    let (rows, last) = link(rows);
    if let (Some(head), Some(row)) = (last.clone(), rows.last()) {
        let used = Used { jtis, at: row.at };
        append(connection, Addition { rows, head, named, used })?;
    }
    Ok(last)
}

impl Store {
    /// Where those wait whose rows go into one chain, whose writer makes one visit at a time: each row hangs on the one before.
    #[must_use]
    pub fn pending(&self) -> Arc<Together<Pending>> {
        if self.0.backend.is_sqlite() { Together::committing() } else { Together::new(1) }
    }

    /// Makes a change of which nothing is put on record.
    pub async fn make<T: Send + 'static>(&self, change: Change<T>) -> Result<T, StoreError> {
        if self.0.backend.is_sqlite() {
            return self.write(change.work).await;
        }
        let nowhere = Place { together: self.pending(), record: Arc::new(|_, _| ()) };
        self.make_apart(change, |value| (value, Vec::new()), nowhere).await
    }

    /// Leaves a row to be put on record together with what others leave at the same time, and waits until it is durable.
    /// `record` does so with all of it, by [`LedgerVisit::record`].
    pub async fn record(
        &self,
        together: &Arc<Together<Pending>>,
        entry: Entry,
        record: impl Fn(&LedgerVisit<'_>, Vec<Pending>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        let rows = Pending(Box::new(Rows { entries: vec![entry], value: (), answer }));
        self.share(together, rows, answered, serving(record)).await
    }

    /// The same of a change, of which `tell` makes what is answered, and the rows.
    pub async fn record_change<T: Send + 'static, V: Send + 'static>(
        &self,
        together: &Arc<Together<Pending>>,
        change: Change<T>,
        tell: impl FnOnce(T) -> (V, Vec<Entry>) + Send + 'static,
        record: impl Fn(&LedgerVisit<'_>, Vec<Pending>) + Send + Sync + 'static,
    ) -> Result<V, StoreError> {
        if self.0.backend.is_sqlite() {
            let (answer, answered) = oneshot::channel();
            let changing = Changing { change: Some((change.work, tell)), value: None, answer };
            return self.share(together, Pending(Box::new(changing)), answered, serving(record)).await;
        }
        self.make_apart(change, tell, Place { together: Arc::clone(together), record: Arc::new(serving(record)) }).await
    }

    /// Makes a change apart from what puts its rows on record; they are left in their place where it was made.
    async fn make_apart<T: Send + 'static, V: Send + 'static>(
        &self,
        change: Change<T>,
        tell: impl FnOnce(T) -> (V, Vec<Entry>) + Send + 'static,
        place: Place,
    ) -> Result<V, StoreError> {
        let Change { work, usual } = change;
        let Some(Usual { begin, outcome }) = usual else {
            let made = self.call(move |inner, answer| {
                let telling = Telling { tell, answer, place };
                leave(inner, telling.of(inner.visit(work)).into_iter().collect());
            });
            return made.await;
        };
        let (answer, answered) = oneshot::channel();
        let turn = self.turn();
        let telling = Telling { tell, answer, place };
        begin(self, Box::new(Waiting { turn: turn.clone(), outcome, work, telling }));
        self.answered_in_turn(answered, &turn).await
    }
}

fn serving<R>(record: R) -> impl Fn(&Arc<Inner>, Vec<Pending>) + use<R>
where
    R: Fn(&LedgerVisit<'_>, Vec<Pending>),
{
    move |inner, pending| record(&LedgerVisit(inner), pending)
}
