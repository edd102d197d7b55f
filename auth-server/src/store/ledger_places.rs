//! Where SQLite finds the rows of a grant and those of a user.
//!
//! An index would change a page for nearly every row that is added, which is more than all else that a commit writes. So rows are
//! added without one, and where they are is noted later (`ledger_noting`), some thousand at a time: all of a grant as one list. Rows
//! that are not noted yet are looked through.
//!
//! On PostgreSQL, whose commits are the work of another process, there are indexes.

use diesel::SqliteConnection;
use diesel::dsl::sql;
use diesel::expression::{AsExpression, SqlLiteral, UncheckedBind};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::schema::{ledger, ledger_heads};
use super::{Store, StoreError};

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

diesel::allow_tables_to_appear_in_same_query!(ledger_heads, ledger_placed);

/// The rows behind those that are noted, chain by chain and each from its first (`CROSS JOIN`: in this order).
macro_rules! not_noted {
    () => {
        "ledger_heads AS head \
         LEFT JOIN ledger_placed AS placed ON placed.chain = head.chain \
         CROSS JOIN ledger AS row \
         WHERE head.seq > coalesce(placed.seq, -1) AND row.chain = head.chain AND row.seq > coalesce(placed.seq, -1)"
    };
}

type IsOf = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, <String as AsExpression<Text>>::Expression>>;

/// Whether a row of SQLite's ledger is of one of these grants or users.
pub(super) fn is_of(ids: &[String]) -> IsOf {
    in_lists(ids, i64::MAX)
}

/// The same of the newest rows of each in each chain: some `count` of them, or more.
pub(super) fn is_newest_of(ids: &[String], count: usize) -> IsOf {
    in_lists(ids, i64::try_from(count).unwrap_or(i64::MAX))
}

/// Rows before which less than `newest` come in each one's lists of a chain, and the rest of their list.
fn in_lists(ids: &[String], newest: i64) -> IsOf {
    let ids = serde_json::Value::from(ids).to_string();
    let found = format!(
        ")) SELECT there.rowid FROM (
            SELECT chain, seqs, coalesce(sum(json_array_length(seqs)) OVER (
                PARTITION BY found_by, chain ORDER BY first DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0) AS newer
            FROM wanted CROSS JOIN ledger_places ON found_by = wanted.id
        ) AS place CROSS JOIN json_each(place.seqs) AS seq CROSS JOIN ledger AS there
        WHERE place.newer < {newest} AND there.chain = place.chain AND there.seq = CAST(seq.value AS INTEGER)
        UNION ALL SELECT row.rowid FROM {} AND (row.grant_id IN wanted OR row.user_id IN wanted))",
        not_noted!()
    );
    // By row ids, which hold for as long as a statement does: SQLite never looks through the whole table for those.
    sql::<Bool>("ledger.rowid IN (WITH wanted(id) AS (SELECT value FROM json_each(").bind::<Text, _>(ids).sql(&found)
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
                .filter(sql::<Bool>(NOT_FOUND))
                .order(ledger::seq)
                .select(ledger::seq)
                .first(connection)
                .optional()
        })
        .await
    }
}

/// A row is in a list, nearly always the last one that begins before it; or it is behind those that are noted, and its chain is
/// known to go that far.
const NOT_FOUND: &str = "
    EXISTS (SELECT 1 FROM (SELECT ledger.grant_id AS whose UNION SELECT ledger.user_id) WHERE whose IS NOT NULL
        AND NOT EXISTS (
            SELECT 1 FROM json_each((
                SELECT seqs FROM ledger_places
                WHERE found_by = whose AND ledger_places.chain = ledger.chain AND first <= ledger.seq
                ORDER BY first DESC LIMIT 1
            )) AS place WHERE place.value = ledger.seq)
        AND NOT EXISTS (
            SELECT 1 FROM ledger_heads AS head WHERE head.chain = ledger.chain AND head.seq >= ledger.seq
                AND ledger.seq > coalesce((SELECT placed.seq FROM ledger_placed AS placed
                    WHERE placed.chain = ledger.chain), -1))
        AND NOT EXISTS (
            SELECT 1 FROM ledger_places AS list CROSS JOIN json_each(list.seqs) AS place
            WHERE list.found_by = whose AND list.chain = ledger.chain AND place.value = ledger.seq))";

/// Rows of a chain up to `last` are about to leave, and with them the lists that have no others.
pub(super) fn forget(connection: &mut SqliteConnection, chain: &str, last: i64) -> QueryResult<()> {
    let leaving = diesel::sql_query(LEAVING).bind::<Text, _>(chain).bind::<BigInt, _>(last);
    leaving.execute(connection).map(drop)
}

const LEAVING: &str = "
    DELETE FROM ledger_places
    WHERE chain = ?1 AND first <= ?2 AND seqs ->> '$[#-1]' <= ?2 AND found_by IN (
        SELECT grant_id FROM ledger WHERE chain = ?1 AND seq <= ?2
        UNION SELECT user_id FROM ledger WHERE chain = ?1 AND seq <= ?2)";

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;
    use diesel::sqlite::Sqlite;

    use super::*;

    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    #[test]
    fn the_ledger_is_never_looked_through_for_the_rows_of_a_grant() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        for tables in [
            include_str!("../../migrations/sqlite/00000000000011_ledger/up.sql"),
            include_str!("../../migrations/sqlite/00000000000016_ledger_places/up.sql"),
        ] {
            connection.batch_execute(tables).unwrap();
        }
        let rows =
            ledger::table.filter(is_of(&["grt_1".into()])).order((ledger::at, ledger::chain, ledger::seq)).limit(1000);
        let query = diesel::debug_query::<Sqlite, _>(&rows).to_string();
        let (query, _) = query.split_once(" -- binds").unwrap();
        let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(&mut connection).unwrap();
        let plan: Vec<String> = steps.into_iter().map(|step| step.detail).collect();
        assert!(plan.iter().any(|step| step == "SEARCH ledger USING INTEGER PRIMARY KEY (rowid=?)"), "{plan:#?}");
        let whole = ["SCAN ledger", "SCAN there", "SCAN row"];
        assert!(!plan.iter().any(|step| whole.iter().any(|whole| step.starts_with(whole))), "{plan:#?}");
    }
}
