//! Where SQLite finds the rows of a grant and those of a user.
//!
//! An index would change a page for nearly every row that is added, which is more than all else that a commit writes. So rows are
//! added without one, and where they are is noted later, some thousand at a time: all of a grant as one list. Rows that
//! are not noted yet are looked through: the view `ledger_found` has both.
//!
//! On PostgreSQL, whose commits are the work of another process, there are indexes.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::SqliteConnection;
use diesel::expression::{AsExpression, SqlLiteral, UncheckedBind};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::connection::AnyConnection;
use super::schema::{ledger, ledger_heads};
use super::{Inner, Store, StoreError};

/// So many rows are noted together: the more, the more of them share a page.
const TOGETHER: i64 = 4000;

/// So many lists are noted by one commit, for which the others wait.
const SLICE: usize = 250;

/// So many rows are in a list at most: several lists share a page.
const LIST: usize = 50;

/// How long the others have then.
const BETWEEN: Duration = Duration::from_millis(3);

diesel::table! {
    ledger_places (found_by, chain, first) {
        found_by -> Text,
        chain -> Text,
        first -> BigInt,
        seqs -> Text,
    }
}

diesel::table! {
    ledger_placed (chain) {
        chain -> Text,
        seq -> BigInt,
    }
}

diesel::table! {
    ledger_not_placed (chain, seq) {
        chain -> Text,
        seq -> BigInt,
        grant_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(ledger_heads, ledger_placed);

pub(super) type IsOf = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, <String as AsExpression<Text>>::Expression>>;

/// Whether a row of SQLite's ledger is of one of these grants or users.
pub(super) fn is_of(ids: &[String]) -> IsOf {
    let ids = serde_json::Value::from(ids).to_string();
    let found = "(ledger.chain, ledger.seq) IN \
                 (SELECT chain, seq FROM ledger_found WHERE found_by IN (SELECT value FROM json_each(";
    diesel::dsl::sql::<Bool>(found).bind::<Text, _>(ids).sql(")))")
}

impl Store {
    /// The first row of a chain, from `first` to `last`, that is not found by its grant or its user.
    pub async fn ledger_row_not_found(&self, chain: &str, first: i64, last: i64) -> Result<Option<i64>, StoreError> {
        if !self.0.backend.is_sqlite() {
            return Ok(None);
        }
        let chain = chain.to_owned();
        self.read(move |connection| {
            ledger::table
                .filter(ledger::chain.eq(chain))
                .filter(ledger::seq.between(first, last))
                .filter(diesel::dsl::sql::<Bool>(NOT_FOUND))
                .order(ledger::seq)
                .select(ledger::seq)
                .first(connection)
                .optional()
        })
        .await
    }
}

/// Lists of the same rows' owner follow each other: a row is in the last one that begins before it, or in none.
const NOT_FOUND: &str = "
    ledger.seq <= (SELECT placed.seq FROM ledger_placed AS placed WHERE placed.chain = ledger.chain)
    AND EXISTS (
        SELECT 1 FROM (SELECT ledger.grant_id AS whose UNION SELECT ledger.user_id) WHERE whose IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM json_each((
                SELECT seqs FROM ledger_places
                WHERE found_by = whose AND ledger_places.chain = ledger.chain AND first <= ledger.seq
                ORDER BY first DESC LIMIT 1
            )) AS place WHERE place.value = ledger.seq))";

/// Notes the places of the rows that were added, once there are many: a slice at a time, so that other commits wait for one
/// at most. Until all are noted, `ledger_found` has some twice.
pub(super) fn note(store: &Inner) -> Result<(), StoreError> {
    if store.visit(waiting)? < TOGETHER {
        return Ok(());
    }
    let Waiting { lists, heads } = store.visit(|connection| connection.snapshot(read))?;
    for slice in lists.chunks(SLICE) {
        store.commit(|connection| on_sqlite(connection, |sqlite| note_slice(sqlite, slice)))?;
        std::thread::sleep(BETWEEN);
    }
    store.commit(|connection| on_sqlite(connection, |sqlite| heads.iter().try_for_each(|head| note_done(sqlite, head))))
}

/// How many rows are not noted.
fn waiting(connection: &mut AnyConnection) -> QueryResult<i64> {
    let heads = ledger_heads::table.left_join(ledger_placed::table.on(ledger_placed::chain.eq(ledger_heads::chain)));
    let heads = heads.select((ledger_heads::seq, ledger_placed::seq.nullable()));
    let heads: Vec<(i64, Option<i64>)> = heads.load(connection)?;
    Ok(heads.into_iter().map(|(last, placed)| last - placed.unwrap_or(-1)).sum())
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
    /// The chains and their last rows: all up to there is in these lists.
    heads: Vec<(String, i64)>,
}

fn read(connection: &mut AnyConnection) -> QueryResult<Waiting> {
    let rows: Vec<(String, i64, Option<String>, Option<String>)> = ledger_not_placed::table.load(connection)?;
    let heads = ledger_heads::table.select((ledger_heads::chain, ledger_heads::seq)).load(connection)?;
    Ok(Waiting { lists: lists(&rows), heads })
}

/// `rows`: each chain's in their order.
fn lists(rows: &[(String, i64, Option<String>, Option<String>)]) -> Vec<List> {
    let mut places: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    for (chain, seq, grant, user) in rows {
        for id in [grant, user].into_iter().flatten() {
            places.entry((id, chain)).or_default().push(*seq);
        }
    }
    let short = places.iter().flat_map(|(of, seqs)| seqs.chunks(LIST).map(move |seqs| (of, seqs)));
    short.map(|((id, chain), seqs)| List { id: (*id).into(), chain: (*chain).into(), seqs: seqs.into() }).collect()
}

fn note_slice(connection: &mut SqliteConnection, slice: &[List]) -> QueryResult<()> {
    slice.iter().try_for_each(|List { id, chain, seqs }| {
        let place = (
            ledger_places::found_by.eq(id),
            ledger_places::chain.eq(chain),
            ledger_places::first.eq(seqs[0]),
            ledger_places::seqs.eq(serde_json::Value::from(seqs.as_slice()).to_string()),
        );
        // Whoever did not come to the end has left the same list, or a shorter one.
        diesel::replace_into(ledger_places::table).values(place).execute(connection).map(drop)
    })
}

/// Rows of a chain up to `last` leave, and with them the lists that have no others.
pub(super) fn forget(connection: &mut SqliteConnection, chain: &str, last: i64) -> QueryResult<()> {
    let gone = "DELETE FROM ledger_places WHERE chain = ? AND seqs ->> '$[#-1]' <= ?";
    diesel::sql_query(gone).bind::<Text, _>(chain).bind::<BigInt, _>(last).execute(connection).map(drop)
}

fn note_done(connection: &mut SqliteConnection, (chain, seq): &(String, i64)) -> QueryResult<()> {
    let done = (ledger_placed::chain.eq(chain), ledger_placed::seq.eq(seq));
    diesel::replace_into(ledger_placed::table).values(done).execute(connection).map(drop)
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
