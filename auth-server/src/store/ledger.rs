//! The ledger's rows: added, read, and never changed.

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::{Utc, stored};
use super::connection::AnyConnection;
use super::ledger_places::{is_newest_of, is_of};
use super::schema::{ledger, ledger_heads};
use super::{GrantId, Store, StoreError};

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Insertable)]
// Its statement is the same each time, and prepared once.
#[diesel(table_name = ledger, treat_none_as_default_value = false)]
pub struct LedgerRow {
    /// Which chain it belongs to: that of one server, from its start to its end.
    pub chain: String,
    /// Its place in the chain, from 0.
    pub seq: i64,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub at: OffsetDateTime,
    pub kind: String,
    /// JSON.
    pub body: String,
    /// What links it to the row before it.
    pub hash: Vec<u8>,
    pub grant_id: Option<String>,
    pub user_id: Option<String>,
}

/// The last row of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct ChainHead {
    pub chain: String,
    pub seq: i64,
    pub hash: Vec<u8>,
}

/// Which rows are meant; all, where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    pub grant: Option<String>,
    pub user: Option<String>,
    pub since: Option<OffsetDateTime>,
    pub kind: Option<String>,
}

/// When something was last given from a grant.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Use {
    pub grant_id: Option<String>,
    #[diesel(deserialize_as = Utc)]
    pub at: OffsetDateTime,
    /// JSON: what was given, and to whom.
    pub body: String,
}

/// How many rows are looked at for the last uses of a user's grants.
const LOOKED_AT: usize = 500;

/// How many rows are read at a time.
const BATCH: i64 = 1000;

impl Store {
    /// What was last given from grants, newest first.
    pub async fn last_uses(&self, grants: &[GrantId], kind: &str) -> Result<Vec<Use>, StoreError> {
        let grants: Vec<String> = grants.iter().map(ToString::to_string).collect();
        let kind = kind.to_owned();
        self.read(move |connection| {
            let mut uses =
                ledger::table.order(ledger::at.desc()).limit(i64::try_from(LOOKED_AT).unwrap_or(i64::MAX)).into_boxed();
            if connection.is_sqlite() {
                uses = uses.filter(is_newest_of(&grants, LOOKED_AT));
            }
            uses.filter(ledger::grant_id.eq_any(grants))
                .filter(ledger::kind.eq(kind))
                .select((ledger::grant_id, ledger::at, ledger::body))
                .load(connection)
        })
        .await
    }

    /// The last row of each chain.
    pub async fn ledger_heads(&self) -> Result<Vec<ChainHead>, StoreError> {
        self.read(|connection| {
            let columns = (ledger_heads::chain, ledger_heads::seq, ledger_heads::hash);
            ledger_heads::table.order(ledger_heads::chain).select(columns).load(connection)
        })
        .await
    }

    /// The last rows of chains other than `chain` that no chain has named yet.
    pub async fn unseen_ledger_heads(&self, chain: &str) -> Result<Vec<ChainHead>, StoreError> {
        let chain = chain.to_owned();
        self.read(move |connection| {
            let unseen = ledger_heads::table
                .filter(ledger_heads::chain.ne(chain))
                .filter(ledger_heads::seen.lt(ledger_heads::seq));
            unseen.select((ledger_heads::chain, ledger_heads::seq, ledger_heads::hash)).load(connection)
        })
        .await
    }
    /// The next rows of a chain, from `seq` on: a thousand at most.
    pub async fn read_ledger_chain(&self, chain: &str, seq: i64) -> Result<Vec<LedgerRow>, StoreError> {
        let chain = chain.to_owned();
        self.read(move |connection| {
            ledger::table
                .filter(ledger::chain.eq(chain))
                .filter(ledger::seq.ge(seq))
                .order(ledger::seq)
                .limit(BATCH)
                .load(connection)
        })
        .await
    }

    /// Rows by time, a thousand at most, from behind `after` on.
    pub async fn read_ledger(
        &self,
        filter: &LedgerFilter,
        after: Option<(OffsetDateTime, String, i64)>,
    ) -> Result<Vec<LedgerRow>, StoreError> {
        let filter = filter.clone();
        self.read(move |connection| {
            let mut rows = ledger::table.order((ledger::at, ledger::chain, ledger::seq)).limit(BATCH).into_boxed();
            let found_by: Vec<_> = [&filter.grant, &filter.user].into_iter().flatten().cloned().collect();
            if connection.is_sqlite() && !found_by.is_empty() {
                rows = rows.filter(is_of(&found_by));
            }
            if let Some(grant) = filter.grant {
                rows = rows.filter(ledger::grant_id.eq(Some(grant)));
            }
            if let Some(user) = filter.user {
                rows = rows.filter(ledger::user_id.eq(Some(user)));
            }
            if let Some(kind) = filter.kind {
                rows = rows.filter(ledger::kind.eq(kind));
            }
            if let Some(since) = filter.since {
                rows = rows.filter(ledger::at.ge(stored(since)));
            }
            if let Some((at, chain, seq)) = after {
                let at = stored(at);
                let later = ledger::at.gt(at).or(ledger::at.eq(at).and(ledger::chain.gt(chain.clone())));
                rows = rows.filter(later.or(ledger::at.eq(at).and(ledger::chain.eq(chain)).and(ledger::seq.gt(seq))));
            }
            rows.load(connection)
        })
        .await
    }
}

pub(super) fn head(connection: &mut AnyConnection, chain: &str) -> QueryResult<Option<ChainHead>> {
    let columns = (ledger_heads::chain, ledger_heads::seq, ledger_heads::hash);
    ledger_heads::table.find(chain.to_owned()).select(columns).first(connection).optional()
}
