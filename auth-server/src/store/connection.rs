//! One connection to either database, and its transactions.

use diesel::connection::{AnsiTransactionManager, TransactionManager as _};
use diesel::result::{Error, QueryResult};
use diesel::{PgConnection, SqliteConnection};

use super::error::leaves_connection_whole;

/// A connection to whichever database the settings name.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs a statement on the connection within: one that [`AnyConnection`] itself does not know (`ON CONFLICT`, row locks), or one
/// that is run often, which is known by its type there. [`AnyConnection`] makes its text anew each time.
macro_rules! on_backend {
    ($connection:expr, $inner:ident => $statement:expr) => {
        match $connection {
            $crate::store::connection::AnyConnection::Sqlite($inner) => $statement,
            $crate::store::connection::AnyConnection::Postgres($inner) => $statement,
        }
    };
}
pub(super) use on_backend;

/// How a transaction begins.
#[derive(Clone, Copy)]
enum Kind {
    Write,
    Read,
}

impl AnyConnection {
    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Runs `work` in a transaction that may write. SQLite takes its one write lock at once, since upgrading a reading
    /// transaction later fails; PostgreSQL locks rows as it meets them, so `work` locks what it decides upon first.
    pub(super) fn write<T>(&mut self, work: impl FnOnce(&mut Self) -> QueryResult<T>) -> QueryResult<T> {
        self.in_transaction(Kind::Write, work)
    }

    /// Runs `work` on one unchanging view of the data.
    pub(super) fn snapshot<T>(&mut self, work: impl FnOnce(&mut Self) -> QueryResult<T>) -> QueryResult<T> {
        self.in_transaction(Kind::Read, work)
    }

    fn in_transaction<T>(&mut self, kind: Kind, work: impl FnOnce(&mut Self) -> QueryResult<T>) -> QueryResult<T> {
        self.begin(kind)?;
        match work(self) {
            Ok(value) => {
                self.commit()?;
                Ok(value)
            }
            Err(error) => match self.rollback() {
                // After a failure of the disk there may be nothing left to roll back: that must not hide it.
                Err(rollback_error) if leaves_connection_whole(&error) => match rollback_error {
                    Error::BrokenTransactionManager => Err(error),
                    other => Err(other),
                },
                _ => Err(error),
            },
        }
    }

    fn begin(&mut self, kind: Kind) -> QueryResult<()> {
        match self {
            Self::Sqlite(connection) => {
                let sql = match kind {
                    Kind::Write => "BEGIN IMMEDIATE",
                    Kind::Read => "BEGIN DEFERRED",
                };
                AnsiTransactionManager::begin_transaction_sql(connection, sql)
            }
            Self::Postgres(connection) => {
                let sql = match kind {
                    Kind::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
                    Kind::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                };
                AnsiTransactionManager::begin_transaction_sql(connection, sql)
            }
        }
    }

    fn commit(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(connection) => AnsiTransactionManager::commit_transaction(connection),
            Self::Postgres(connection) => AnsiTransactionManager::commit_transaction(connection),
        }
    }

    fn rollback(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(connection) => AnsiTransactionManager::rollback_transaction(connection),
            Self::Postgres(connection) => AnsiTransactionManager::rollback_transaction(connection),
        }
    }
}

/// Why there is no connection. The text holds no password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ConnectError(pub(super) String);

impl From<Error> for ConnectError {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::{Connection as _, SimpleConnection as _};
    use diesel::result::DatabaseErrorKind;

    use super::*;

    #[test]
    fn a_failure_of_the_disk_is_told_also_where_nothing_is_left_to_roll_back() {
        let mut connection = AnyConnection::Sqlite(SqliteConnection::establish(":memory:").unwrap());
        let failed: QueryResult<()> = connection.write(|connection| {
            connection.batch_execute("ROLLBACK")?;
            Err(Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new("disk I/O error".to_owned())))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk I/O error");
    }
}
