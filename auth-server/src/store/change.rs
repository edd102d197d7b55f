//! A change that somebody else makes, when its turn has come.

use diesel::result::QueryResult;

use super::Store;
use super::batch::{self, Asker, Batched, Wanted};
use super::connection::AnyConnection;

/// A change that has not been made yet, and what becomes of it. On SQLite it is part of a transaction that others share; on
/// PostgreSQL it makes its own.
pub struct Change<T> {
    pub(super) work: Work<T>,
    /// On PostgreSQL tried first.
    pub(super) usual: Option<Usual<T>>,
}

pub(super) type Work<T> = Box<dyn FnOnce(&mut AnyConnection) -> QueryResult<T> + Send>;

/// Leaves a change to be made with others, for somebody who waits.
type Begin = Box<dyn FnOnce(&Store, Box<dyn Asker>) + Send>;

/// What nearly all changes of a kind come to, which is made for many by one statement.
pub(super) struct Usual<T> {
    pub begin: Begin,
    /// What has become of it then.
    pub outcome: T,
}

impl<T> Change<T> {
    /// A change that is a transaction.
    pub(super) fn by(work: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static) -> Self {
        Self::at_once(move |connection| match connection {
            AnyConnection::Sqlite(_) => work(connection),
            AnyConnection::Postgres(_) => connection.write(work),
        })
    }

    /// A change that is one statement, and needs no transaction to be made as a whole.
    pub(super) fn at_once(work: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static) -> Self {
        Self { work: Box::new(work), usual: None }
    }

    /// The same change, which on PostgreSQL is `usual` in nearly all cases, and comes to `outcome` then.
    #[must_use]
    pub(super) fn usually<C: Batched>(self, usual: C, outcome: T) -> Self {
        let begin = Box::new(move |store: &Store, asker| {
            let wanted = Wanted { change: usual, asker };
            store.0.begin(C::wanted(&store.0), wanted, batch::serve);
        });
        Self { usual: Some(Usual { begin, outcome }), ..self }
    }
}
