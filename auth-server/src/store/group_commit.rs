//! SQLite has one writer at a time, and a commit costs a disk sync: transactions that come together are committed together.
//!
//! Each is a savepoint in the one that is committed, so that it alone is undone if it fails. Nobody is answered before the
//! commit. PostgreSQL does the same by itself.

use std::sync::Arc;

use diesel::SqliteConnection;
use diesel::connection::{AnsiTransactionManager, TransactionManager as _};
use diesel::result::QueryResult;
use tokio::sync::oneshot;

use super::connection::AnyConnection;
use super::error::leaves_connection_whole;
use super::together::Together;
use super::{Inner, Store, StoreError};

/// A transaction that waits for its turn.
pub(super) trait Transaction: Send {
    /// Whether anybody waits for it still: one that did not begin in time never does.
    fn is_wanted(&self) -> bool;
    fn run(&mut self, connection: &mut AnyConnection) -> QueryResult<()>;
    fn end(self: Box<Self>, outcome: Result<(), StoreError>);
}

pub(super) type Writes = Together<Box<dyn Transaction>>;

struct Waiting<T, F> {
    work: Option<F>,
    value: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Transaction for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&mut AnyConnection) -> QueryResult<T> + Send,
{
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(&mut self, connection: &mut AnyConnection) -> QueryResult<()> {
        self.value = self.work.take().map(|work| work(connection)).transpose()?;
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<(), StoreError>) {
        let never_ran = || StoreError::Bug("a transaction was committed that never ran".into());
        let Self { value, answer, .. } = *self;
        // Whoever has gone away needs no answer.
        let _ = answer.send(outcome.and_then(|()| value.ok_or_else(never_ran)));
    }
}

impl Store {
    /// Runs a transaction together with others that wait.
    pub(super) async fn commit_with_others<T, F>(&self, writes: &Arc<Writes>, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let waiting = Box::new(Waiting { work: Some(work), value: None, answer });
        self.share(writes, waiting, answered, serve).await
    }
}

fn serve(inner: &Arc<Inner>, mut transactions: Vec<Box<dyn Transaction>>) {
    transactions.retain(|transaction| transaction.is_wanted());
    let committed = inner.commit(|connection| run_each(connection, &mut transactions));
    let outcomes = match committed {
        Ok(outcomes) => {
            outcomes.into_iter().map(|outcome| outcome.map_err(|error| inner.noticed(error.into()))).collect()
        }
        Err(error) => vec![Err(error); transactions.len()],
    };
    for (transaction, outcome) in transactions.into_iter().zip(outcomes) {
        transaction.end(outcome);
    }
}

/// Each one's outcome; an error of all, where the connection is not to be trusted any more.
fn run_each(
    connection: &mut AnyConnection,
    transactions: &mut [Box<dyn Transaction>],
) -> QueryResult<Vec<QueryResult<()>>> {
    // One alone needs no savepoint: it fails with the transaction that it is.
    if let [only] = transactions {
        return only.run(connection).map(|()| vec![Ok(())]);
    }
    transactions.iter_mut().map(|transaction| apart(connection, |connection| transaction.run(connection))).collect()
}

/// Runs `work` in a savepoint, so that it alone is undone if it fails.
pub(super) fn apart<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<QueryResult<T>> {
    AnsiTransactionManager::begin_transaction(sqlite(connection)?)?;
    match work(connection) {
        Ok(value) => AnsiTransactionManager::commit_transaction(sqlite(connection)?).map(|()| Ok(value)),
        Err(error) if leaves_connection_whole(&error) => {
            AnsiTransactionManager::rollback_transaction(sqlite(connection)?)?;
            Ok(Err(error))
        }
        Err(error) => Err(error),
    }
}

fn sqlite(connection: &mut AnyConnection) -> QueryResult<&mut SqliteConnection> {
    match connection {
        AnyConnection::Sqlite(connection) => Ok(connection),
        AnyConnection::Postgres(_) => Err(diesel::result::Error::QueryBuilderError("savepoints are for SQLite".into())),
    }
}
