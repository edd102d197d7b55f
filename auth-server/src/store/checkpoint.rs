//! SQLite's write-ahead log goes back into the database beside the commits (`upkeep`).

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::Integer;

use super::connection::AnyConnection;
use super::{Inner, StoreError};

/// So many pages go back together: some hundred microseconds of work, after which others have the processor.
const TOGETHER: i32 = 1000;

/// A log of so many pages is begun anew: 24 MiB. The few milliseconds for which commits wait meanwhile come seldom.
const PAGES: i32 = 6000;

/// How often what others add meanwhile goes back, too, before they have to wait. A pass during which nobody adds anything syncs the
/// database's file, which takes longer than all else.
const PASSES: usize = 4;

/// Nearly all goes back while others commit, and what they add to the last pass while they wait: only a log that has gone back
/// whole is begun anew.
pub(super) fn shorten(store: &Inner) -> Result<(), StoreError> {
    let Log { pages, back } = store.visit(|connection| log(connection, "NOOP"))?;
    if pages - back >= TOGETHER {
        store.visit(pass)?;
    }
    if pages < PAGES {
        return Ok(());
    }
    for _ in 0..PASSES {
        store.visit(pass)?;
    }
    let _turn = store.turn_to_commit();
    store.visit(pass)
}

/// What is in the log goes back, as far as nobody reads what it replaces. Unlike SQLite's own checkpoints, which follow a commit and
/// say nothing of how they ended, it fails where the disk does.
pub(super) fn pass(connection: &mut AnyConnection) -> QueryResult<()> {
    log(connection, "PASSIVE").map(drop)
}

/// What `PRAGMA wal_checkpoint` answers.
#[derive(QueryableByName)]
struct Log {
    #[diesel(sql_type = Integer, column_name = "log")]
    pages: i32,
    /// How many of them are in the database again.
    #[diesel(sql_type = Integer, column_name = "checkpointed")]
    back: i32,
}

fn log(connection: &mut AnyConnection, mode: &'static str) -> QueryResult<Log> {
    let AnyConnection::Sqlite(connection) = connection else { return Ok(Log { pages: 0, back: 0 }) };
    diesel::sql_query(format!("PRAGMA wal_checkpoint({mode})")).get_result(connection)
}
