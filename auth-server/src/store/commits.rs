//! Commits to SQLite, which has one writer at a time: whoever commits waits for their turn here.

use std::sync::{MutexGuard, PoisonError};

use diesel::connection::SimpleConnection as _;
use diesel::result::{Error, QueryResult};

use super::backend::Backend;
use super::connection::AnyConnection;
use super::error::leaves_connection_whole;
use super::pool::KeptConnection;
use super::{Inner, StoreError, Unavailability, checkpoint};

/// The connection that all commit on: since nobody else does, what it has read stays true, and it needs not read it again.
pub(super) type Turn = Option<KeptConnection>;

impl Inner {
    /// Nobody else commits to SQLite while this is held.
    pub(super) fn turn_to_commit(&self) -> MutexGuard<'_, Turn> {
        self.turn_to_commit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One visit that commits once.
    pub(super) fn commit<T>(&self, work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>) -> Result<T, StoreError> {
        let committed = self.in_turn(|connection| connection.write(work))?;
        self.upkeep.after_commit();
        if self.upkeep.is_lost() {
            // What was committed is there, whatever becomes of this; a disk that fails is noticed.
            let shortened = self.in_turn(checkpoint::pass);
            shortened.unwrap_or_else(|error| log::warn!("the write-ahead log stays as long as it is: {error}"));
        }
        Ok(committed)
    }

    /// The same without a disk sync, for which all others would wait: what is committed becomes durable with the next commit
    /// that has one, and no later commit survives a loss of power without it.
    pub(super) fn commit_unsynced<T>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let Backend::Sqlite { synchronous, .. } = self.backend else {
            return Err(StoreError::Bug("only SQLite commits without a sync".into()));
        };
        self.in_turn(|connection| {
            say(connection, "NORMAL")?;
            let committed = connection.write(work);
            let is_said = say(connection, synchronous).is_ok();
            // A connection of which it is not known how it commits is not used again. One that failed is not anyway.
            let is_whole = committed.as_ref().err().is_none_or(leaves_connection_whole);
            if is_whole && !is_said { Err(Error::BrokenTransactionManager) } else { committed }
        })
        .inspect(|_| self.upkeep.after_commit())
    }

    fn in_turn<T>(&self, work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>) -> Result<T, StoreError> {
        let mut turn = self.turn_to_commit();
        self.trusts_its_disk()?;
        let connect = || self.backend.connect().map(KeptConnection::from);
        let connected = turn.take().map_or_else(connect, Ok);
        let mut connection = connected.map_err(|error| StoreError::unavailable(Unavailability::Disconnected, error))?;
        let done = connection.run(work);
        *turn = connection.if_whole();
        done.map_err(|error| self.noticed(error.into()))
    }
}

/// Says how commits are synced from now on.
fn say(connection: &mut AnyConnection, synchronous: &str) -> QueryResult<()> {
    connection.batch_execute(&format!("PRAGMA synchronous = {synchronous}"))
}

#[cfg(test)]
mod tests {
    use diesel::RunQueryDsl as _;
    use diesel::dsl::sql;
    use diesel::sql_types::BigInt;

    use super::*;
    use crate::store::{DatabaseSettings, Durability, Store};

    fn synchronous(connection: &mut AnyConnection) -> QueryResult<i64> {
        diesel::select(sql::<BigInt>("(SELECT synchronous FROM pragma_synchronous)")).get_result(connection)
    }

    #[test]
    fn whoever_commits_after_a_commit_without_a_sync_has_one_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("x.sqlite").display());
        for (durability, expected) in [(Durability::PowerLoss, 2), (Durability::ProcessCrash, 1)] {
            let settings = DatabaseSettings { durability, ..DatabaseSettings::at(url.clone()) };
            let Store(inner) = Store::open(&settings).unwrap();
            assert_eq!(inner.commit(synchronous).unwrap(), expected);
            assert_eq!(inner.commit_unsynced(synchronous).unwrap(), 1);
            assert_eq!(inner.commit(synchronous).unwrap(), expected);
            let fails = |connection: &mut AnyConnection| connection.batch_execute("SELECT nothing");
            assert!(inner.commit_unsynced(fails).is_err());
            assert_eq!(inner.commit(synchronous).unwrap(), expected);
        }
    }
}
