//! Notes where SQLite finds the rows of a grant and those of a user (`ledger_places`), on the thread of the upkeep.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::SqliteConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::upsert::excluded;

use super::connection::{AnyConnection, on_backend};
use super::ledger_places::{ledger_placed, ledger_places};
use super::schema::{ledger, ledger_heads};
use super::{Inner, StoreError, checkpoint};

/// So many rows are noted together: the more, the more of them share a page.
const TOGETHER: i64 = 4000;

/// So many lists are noted by one commit, for which the others wait: a fraction of a millisecond.
const SLICE: usize = 20;

/// And where very many wait: some milliseconds.
const LARGEST_SLICE: usize = 250;

/// After so many slices the log is looked at.
const SLICES: usize = 50;

/// So many rows are in a list at most: several lists share a page.
const LIST: usize = 50;

/// So many rows are read by one visit.
const PAGE: i64 = 250;

/// How long the others have between two slices or visits.
const BETWEEN: Duration = Duration::from_millis(1);

#[diesel::declare_sql_function]
extern "SQL" {
    /// How many characters a text has.
    fn length(text: Text) -> Integer;
}

/// Notes the places of the rows that were added, once there are many: a slice at a time, so that other commits wait for one
/// at most. Until all are noted, some are found twice.
pub(super) fn note(store: &Inner) -> Result<(), StoreError> {
    let ends = store.visit(ends)?;
    let waiting = ends.iter().map(|end| end.last - end.noted).sum::<i64>();
    if waiting < TOGETHER {
        return Ok(());
    }
    let Waiting { lists, up_to } = read(store, ends)?;
    for (number, slice) in lists.chunks(slice(waiting)).enumerate() {
        store.commit_unsynced(|connection| on_sqlite(connection, |sqlite| note_slice(sqlite, slice)))?;
        // What is noted makes the log longer, too.
        if number % SLICES == SLICES - 1 {
            checkpoint::shorten(store)?;
        }
        std::thread::sleep(BETWEEN);
    }
    store.commit_unsynced(|connection| on_sqlite(connection, |sqlite| note_done(sqlite, &up_to)))
}

/// How many lists are noted by one commit: the more wait, the more at once, so that they never become more and more.
fn slice(waiting: i64) -> usize {
    let rounds = usize::try_from(waiting / TOGETHER).unwrap_or(usize::MAX);
    SLICE.saturating_mul(rounds).min(LARGEST_SLICE)
}

/// How far a chain goes: all of its rows up to the last are there.
#[derive(Queryable)]
struct End {
    chain: String,
    last: i64,
    /// Up to which row all are noted; -1: none is.
    noted: i64,
}

fn ends(connection: &mut AnyConnection) -> QueryResult<Vec<End>> {
    let heads = ledger_heads::table.left_join(ledger_placed::table.on(ledger_placed::chain.eq(ledger_heads::chain)));
    let heads = heads.select((ledger_heads::chain, ledger_heads::seq, ledger_placed::seq.nullable()));
    let heads: Vec<(String, i64, Option<i64>)> = on_backend!(connection, c => heads.load(c))?;
    Ok(heads.into_iter().map(|(chain, last, noted)| End { chain, last, noted: noted.unwrap_or(-1) }).collect())
}

/// A row, by what it is found by.
struct Row {
    chain: String,
    seq: i64,
    grant_id: Option<String>,
    user_id: Option<String>,
}

/// Rows of one chain that are found by the same id, in their order.
struct List {
    id: String,
    chain: String,
    seqs: Vec<i64>,
}

struct Waiting {
    /// In the order in which they are kept.
    lists: Vec<List>,
    /// Chains, and up to which row of each all are in these lists.
    up_to: BTreeMap<String, i64>,
}

/// A page at a time: whoever else wants this processor has it soon.
fn read(store: &Inner, ends: Vec<End>) -> Result<Waiting, StoreError> {
    let (mut rows, mut up_to) = (Vec::new(), BTreeMap::new());
    let most = usize::try_from(TOGETHER).unwrap_or(usize::MAX);
    for End { chain, last, mut noted } in ends.into_iter().filter(|end| end.noted < end.last) {
        if rows.len() >= most {
            break;
        }
        while noted < last && rows.len() < most {
            let page = store.visit(|connection| page(connection, &chain, noted, last))?;
            // Also where the last rows of a chain were archived.
            noted = page.last().map_or(last, |row| row.seq);
            rows.extend(page);
            std::thread::sleep(BETWEEN);
        }
        up_to.insert(chain, noted);
    }
    Ok(Waiting { lists: lists(&rows), up_to })
}

fn page(connection: &mut AnyConnection, chain: &str, noted: i64, last: i64) -> QueryResult<Vec<Row>> {
    let rows = ledger::table
        .filter(ledger::chain.eq(chain))
        .filter(ledger::seq.gt(noted))
        .filter(ledger::seq.le(last))
        .order(ledger::seq)
        .limit(PAGE)
        .select((ledger::seq, ledger::grant_id, ledger::user_id));
    let rows: Vec<(i64, Option<String>, Option<String>)> = on_backend!(connection, c => rows.load(c))?;
    let row = |(seq, grant_id, user_id)| Row { chain: chain.to_owned(), seq, grant_id, user_id };
    Ok(rows.into_iter().map(row).collect())
}

fn lists(rows: &[Row]) -> Vec<List> {
    let mut places: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    for Row { chain, seq, grant_id, user_id } in rows {
        for id in [grant_id, user_id].into_iter().flatten() {
            places.entry((id, chain)).or_default().push(*seq);
        }
    }
    let short = places.iter().flat_map(|(of, seqs)| seqs.chunks(LIST).map(move |seqs| (of, seqs)));
    short.map(|((id, chain), seqs)| List { id: (*id).into(), chain: (*chain).into(), seqs: seqs.into() }).collect()
}

fn note_slice(connection: &mut SqliteConnection, slice: &[List]) -> QueryResult<()> {
    use diesel::query_dsl::methods::FilterDsl as _;

    slice.iter().try_for_each(|List { id, chain, seqs }| {
        let seqs_json = serde_json::Value::from(seqs.as_slice()).to_string();
        let place = (
            ledger_places::found_by.eq(id),
            ledger_places::chain.eq(chain),
            ledger_places::first.eq(seqs[0]),
            ledger_places::seqs.eq(seqs_json),
        );
        // Of two lists that begin with the same row, by whoever did not come to the end or by another process, one goes on
        // where the other ends.
        diesel::insert_into(ledger_places::table)
            .values(place)
            .on_conflict((ledger_places::found_by, ledger_places::chain, ledger_places::first))
            .do_update()
            .set(ledger_places::seqs.eq(excluded(ledger_places::seqs)))
            .filter(length(excluded(ledger_places::seqs)).gt(length(ledger_places::seqs)))
            .execute(connection)
            .map(drop)
    })
}

fn note_done(connection: &mut SqliteConnection, up_to: &BTreeMap<String, i64>) -> QueryResult<()> {
    use diesel::query_dsl::methods::FilterDsl as _;

    up_to.iter().try_for_each(|(chain, seq)| {
        diesel::insert_into(ledger_placed::table)
            .values((ledger_placed::chain.eq(chain), ledger_placed::seq.eq(seq)))
            .on_conflict(ledger_placed::chain)
            .do_update()
            .set(ledger_placed::seq.eq(excluded(ledger_placed::seq)))
            .filter(excluded(ledger_placed::seq).gt(ledger_placed::seq))
            .execute(connection)
            .map(drop)
    })
}

fn on_sqlite(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut SqliteConnection) -> QueryResult<()>,
) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => work(sqlite),
        AnyConnection::Postgres(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_rows_wait_the_more_are_noted_at_once() {
        assert_eq!([4_000, 7_999, 8_000, 20_000, 1_000_000, i64::MAX].map(slice), [20, 20, 40, 100, 250, 250]);
    }
}
