//! SQLite's write-ahead log goes back into the database beside the commits, on a thread of its own: within a commit it would
//! hold up everybody who waits for that.

use std::sync::Weak;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::Integer;

use super::connection::AnyConnection;
use super::{Inner, StoreError};

/// A log of so many pages goes back: 24 MiB. Pages that were written often go back once, and the few milliseconds for which
/// commits wait meanwhile come seldom.
const PAGES: i32 = 6000;

/// How long commits gather before the log is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// At this many pages, a commit does it itself: the thread has died or is not heard. 64 MiB.
pub(super) const AT_THE_LATEST: u32 = 16000;

/// Tells the thread of commits. When this goes, so does the thread.
pub(super) struct Checkpoints(SyncSender<()>);

impl Checkpoints {
    pub fn new() -> (Self, Receiver<()>) {
        let (sender, receiver) = sync_channel(1);
        (Self(sender), receiver)
    }

    /// Something was committed. Costs nothing while the thread knows of it already.
    pub fn commits(&self) {
        let _ = self.0.try_send(());
    }
}

/// Begins to keep the log of a store short.
pub(super) fn keep_short(store: Weak<Inner>, committed: Receiver<()>) -> Result<(), StoreError> {
    let work = move || {
        while committed.recv().is_ok() {
            std::thread::sleep(PAUSE);
            let Some(store) = store.upgrade() else { return };
            if let Err(error) = checkpoint(&store) {
                log::warn!("the write-ahead log stays as long as it is for now: {error}");
            }
        }
    };
    std::thread::Builder::new()
        .name("checkpoints".into())
        .spawn(work)
        .map(drop)
        .map_err(|error| StoreError::Bug(format!("no thread for checkpoints: {error}")))
}

/// Most of the log goes back while others commit, and what they add meanwhile while they wait: only a log that has gone back
/// whole is begun anew.
fn checkpoint(store: &Inner) -> Result<(), StoreError> {
    if store.visit(|connection| log(connection, "NOOP"))?.pages < PAGES {
        return Ok(());
    }
    store.visit(|connection| log(connection, "PASSIVE"))?;
    let _turn = store.turn_to_commit();
    store.visit(|connection| log(connection, "PASSIVE")).map(drop)
}

/// What `PRAGMA wal_checkpoint` answers.
#[derive(QueryableByName)]
struct Log {
    #[diesel(sql_type = Integer, column_name = "log")]
    pages: i32,
}

fn log(connection: &mut AnyConnection, mode: &'static str) -> QueryResult<Log> {
    let AnyConnection::Sqlite(connection) = connection else { return Ok(Log { pages: 0 }) };
    diesel::sql_query(format!("PRAGMA wal_checkpoint({mode})")).get_result(connection)
}
