//! A change that somebody else makes, when its turn has come.

use diesel::result::QueryResult;

use super::connection::AnyConnection;

/// A change that has not been made yet, and what becomes of it. On SQLite it is part of a transaction that others share; on
/// PostgreSQL it makes its own.
pub struct Change<T>(pub(super) Work<T>);

type Work<T> = Box<dyn FnOnce(&mut AnyConnection) -> QueryResult<T> + Send>;

impl<T> Change<T> {
    /// A change that is a transaction.
    pub(super) fn by(work: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static) -> Self {
        Self(Box::new(move |connection| match connection {
            AnyConnection::Sqlite(_) => work(connection),
            AnyConnection::Postgres(_) => connection.write(work),
        }))
    }

    /// A change that is one statement, and needs no transaction to be made as a whole.
    pub(super) fn at_once(work: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// The same of one that may need more. `at_once` tries it with as few statements as what is usual needs, on PostgreSQL one: a transaction there is a round
    /// trip for each. Where that gives nothing it has done nothing.
    pub(super) fn at_once_or_by(
        at_once: impl FnOnce(&mut AnyConnection) -> QueryResult<Option<T>> + Send + 'static,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    ) -> Self {
        Self(Box::new(move |connection| match at_once(connection)? {
            Some(value) => Ok(value),
            None if connection.is_sqlite() => work(connection),
            None => connection.write(work),
        }))
    }

    /// The same change, with what `read` reads from what became of it.
    #[must_use]
    pub fn with<U>(self, read: impl FnOnce(&T) -> U + Send + 'static) -> Change<(T, U)>
    where
        T: 'static,
    {
        Change(Box::new(move |connection| {
            let value = (self.0)(connection)?;
            let also = read(&value);
            Ok((value, also))
        }))
    }
}
