//! Changes of one kind that PostgreSQL makes by one statement for all who want one at the same time.
//!
//! What nearly all changes of a kind come to is tried so. Of rows that somebody else holds, the statement lets go (`SKIP LOCKED`): so
//! one of them does not hold up the others, and two such statements never wait for each other. Whatever was not made so is left as
//! it was, and made by itself, in a transaction that waits and tells what is the matter.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use diesel::PgConnection;
use diesel::result::{Error, QueryResult};

use super::connection::AnyConnection;
use super::pending::{Left, leave};
use super::together::Together;
use super::{Inner, SecretHash, StoreError};

/// A change of which many can be made by one statement.
pub(super) trait Batched: Send + Sized + 'static {
    /// Where those wait who want one.
    fn wanted(inner: &Inner) -> &Arc<Together<Wanted<Self>>>;

    /// What it uses up: no two changes of one statement use the same.
    fn uses(&self) -> SecretHash;

    /// Makes all that are what is usual, by one statement, and tells what they have used up. Nothing has happened of the others.
    fn make_all(connection: &mut PgConnection, all: Vec<Self>) -> QueryResult<Vec<SecretHash>>;
}

/// A change, and who waits for it.
pub(super) struct Wanted<C> {
    pub change: C,
    pub asker: Box<dyn Asker>,
}

/// Who waits for a change.
pub(super) trait Asker: Send {
    /// Whether the change may begin: in time, and for somebody who waits still. One that may not never does.
    fn begins(&self) -> bool;

    /// Goes on, and tells what is to be put on record. `made`: whether the change was made; if not, nothing has happened.
    fn go_on(self: Box<Self>, inner: &Arc<Inner>, made: Result<bool, StoreError>) -> Option<Left>;
}

/// Makes all changes of a visit.
pub(super) fn serve<C: Batched>(inner: &Arc<Inner>, mut wanted: Vec<Wanted<C>>) {
    wanted.retain(|wanted| wanted.asker.begins());
    if wanted.is_empty() {
        return;
    }
    let (changes, askers): (Vec<C>, Vec<_>) = wanted.into_iter().map(|one| (one.change, one.asker)).unzip();
    let used: Vec<SecretHash> = changes.iter().map(C::uses).collect();
    let made = inner.visit(|connection| match connection {
        AnyConnection::Postgres(postgres) => make_different(postgres, changes),
        AnyConnection::Sqlite(_) => Err(Error::QueryBuilderError("SQLite makes each change by itself".into())),
    });
    let mut made = match made {
        // PostgreSQL has refused it because of one of them, and has done nothing: by itself each learns of its own.
        Err(StoreError::Bug(why)) => {
            log::warn!("{} changes are made one by one: {why}", askers.len());
            Ok(HashSet::new())
        }
        made => made,
    };
    let mut left = Vec::with_capacity(askers.len());
    for (used, asker) in used.into_iter().zip(askers) {
        // Of two that wanted to use the same, the first did.
        let made = made.as_mut().map(|made| made.remove(&used)).map_err(|error| error.clone());
        // The others' changes are made: their rows must not be lost with one.
        match catch_unwind(AssertUnwindSafe(|| asker.go_on(inner, made))) {
            Ok(rows) => left.extend(rows),
            Err(_) => log::error!("what became of a change was not told: it ended in a panic"),
        }
    }
    leave(inner, left);
}

/// The first of those that use the same.
fn make_different<C: Batched>(connection: &mut PgConnection, all: Vec<C>) -> QueryResult<HashSet<SecretHash>> {
    let mut used = HashSet::with_capacity(all.len());
    let different = all.into_iter().filter(|change| used.insert(change.uses())).collect();
    C::make_all(connection, different).map(HashSet::from_iter)
}
