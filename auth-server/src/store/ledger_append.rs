//! How rows get into the ledger, with its chain's new head and what is noted with them: all or nothing.

use diesel::SqliteConnection;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamp};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::columns::stored;
use super::connection::AnyConnection;
use super::one_statement::{Named, With, push_rows};
use super::schema::{ledger, ledger_heads, refresh_tokens};
use super::update::Update;
use super::{ChainHead, LedgerRow};

/// What goes into a chain together.
#[derive(Clone, Debug)]
pub(super) struct Addition {
    pub rows: Vec<LedgerRow>,
    /// The last of them.
    pub head: ChainHead,
    /// The last rows of other chains that these rows name.
    pub named: Vec<ChainHead>,
    pub used: Used,
}

/// Access tokens, by their `jti`, whose first use these rows tell of ([`Store::access_token_used`](super::Store)).
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub jtis: Vec<String>,
    /// When the last of the rows was made: the one time for all.
    pub at: OffsetDateTime,
}

/// Adds them. On SQLite, where statements cost microseconds, the transaction is its caller's; PostgreSQL, a round trip away, does
/// it by one statement.
pub(super) fn append(connection: &mut AnyConnection, mut addition: Addition) -> QueryResult<()> {
    let named = std::mem::take(&mut addition.named);
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            append_each(sqlite, addition)?;
            see(connection, named)
        }
        AnyConnection::Postgres(postgres) => {
            append_at_once(postgres, addition)?;
            // Each by itself: servers that name each other at the same time do not wait for each other while they hold anything.
            see(connection, named).unwrap_or_else(|error| log::warn!("other chains will be named again: {error}"));
            Ok(())
        }
    }
}

/// Notes up to where other chains were named.
fn see(connection: &mut AnyConnection, named: Vec<ChainHead>) -> QueryResult<()> {
    for ChainHead { chain, seq, .. } in named {
        let unseen = ledger_heads::table.find(chain).filter(ledger_heads::seen.lt(seq));
        diesel::update(unseen).set(ledger_heads::seen.eq(seq)).execute(connection)?;
    }
    Ok(())
}

fn append_each(connection: &mut SqliteConnection, addition: Addition) -> QueryResult<()> {
    let Addition { rows, head: ChainHead { chain, seq, hash }, used, .. } = addition;
    for row in rows {
        diesel::insert_into(ledger::table).values(row).execute(connection)?;
    }
    let last = (ledger_heads::seq.eq(seq), ledger_heads::hash.eq(hash));
    if Update::of(last.clone(), ledger_heads::chain.eq(chain.clone())).execute(connection)? == 0 {
        let first = (ledger_heads::chain.eq(chain), ledger_heads::seen.eq(NOT_SEEN), last);
        diesel::insert_into(ledger_heads::table).values(first).execute(connection)?;
    }
    let noted = refresh_tokens::access_used_at.eq(Some(stored(used.at)));
    used.jtis.into_iter().try_for_each(|jti| {
        let unnoted = refresh_tokens::access_jti.eq(jti).and(refresh_tokens::access_used_at.is_null());
        Update::of(noted, unnoted).execute(connection).map(drop)
    })
}

/// No other chain has named a row of this one.
const NOT_SEEN: i64 = -1;

diesel::table! {
    /// The refresh tokens whose access tokens are used for the first time, locked by this statement.
    unnoted (hash) {
        hash -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(unnoted, refresh_tokens);

fn append_at_once(connection: &mut PgConnection, addition: Addition) -> QueryResult<()> {
    let Addition { rows, head, used, .. } = addition;
    // Locked in one order: two servers that note the same uses at the same time wait for each other, and never both.
    let lock = refresh_tokens::table
        .filter(refresh_tokens::access_jti.eq_any(used.jtis))
        .filter(refresh_tokens::access_used_at.is_null())
        .order(refresh_tokens::hash)
        .select(refresh_tokens::hash)
        .for_no_key_update();
    let noted = refresh_tokens::access_used_at.eq(Some(stored(used.at)));
    let unnoted = refresh_tokens::hash.eq_any(unnoted::table.select(unnoted::hash));
    let note = Update::of(noted, unnoted);
    let rows = Rows::of(head.chain.clone(), rows);
    let parts = (Named("added", rows), Named("unnoted", lock), Named("noted", note));
    With { parts, then: Lead(head) }.execute(connection).map(drop)
}

/// The chain's head, whether it has one already or not.
struct Lead(ChainHead);

impl QueryFragment<Pg> for Lead {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ledger_heads (chain, seq, hash, seen) VALUES (");
        out.push_bind_param::<Text, _>(&self.0.chain)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.0.seq)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(&self.0.hash)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&NOT_SEEN)?;
        out.push_sql(") ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash");
        Ok(())
    }
}

/// Rows of one chain, column by column.
#[derive(Default)]
struct Rows {
    chain: String,
    seq: Vec<i64>,
    at: Vec<PrimitiveDateTime>,
    kind: Vec<String>,
    body: Vec<String>,
    hash: Vec<Vec<u8>>,
    grant_id: Vec<Option<String>>,
    user_id: Vec<Option<String>>,
}

impl Rows {
    fn of(chain: String, rows: Vec<LedgerRow>) -> Self {
        let mut columns = Self { chain, ..Self::default() };
        for row in rows {
            columns.seq.push(row.seq);
            columns.at.push(stored(row.at));
            columns.kind.push(row.kind);
            columns.body.push(row.body);
            columns.hash.push(row.hash);
            columns.grant_id.push(row.grant_id);
            columns.user_id.push(row.user_id);
        }
        columns
    }
}

impl QueryFragment<Pg> for Rows {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ledger (chain, seq, at, kind, body, hash, grant_id, user_id) SELECT ");
        out.push_bind_param::<Text, _>(&self.chain)?;
        out.push_sql(", * FROM ");
        push_rows!(
            out,
            BigInt = &self.seq,
            Timestamp = &self.at,
            Text = &self.kind,
            Text = &self.body,
            Binary = &self.hash,
            Nullable<Text> = &self.grant_id,
            Nullable<Text> = &self.user_id,
        );
        Ok(())
    }
}
