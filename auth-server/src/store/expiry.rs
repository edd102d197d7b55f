//! Removing what has expired, in small batches, so that nobody waits long for a lock.

use diesel::prelude::*;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use super::columns::stored;
use super::connection::AnyConnection;
use super::schema::{
    authorization_codes, authorization_requests, grants, proofs, refresh_tokens, sessions, sign_in_counters,
};
use super::{Store, StoreError};

/// Codes, grants and refresh tokens stay known for so long after they expired: a late replay still ends what a code
/// gave, and a log can still name what a token was.
const REMEMBERED_FOR: Duration = Duration::DAY;

/// Deletes at most so many rows of one table that are past their time.
type Removal = fn(&mut AnyConnection, PrimitiveDateTime, i64) -> QueryResult<usize>;

macro_rules! removal {
    ($table:ident, $key:ident: $type:ty, $expired:expr) => {
        |connection, now, batch| {
            let expired = $expired;
            let keys: Vec<$type> =
                $table::table.filter(expired(now)).select($table::$key).limit(batch).load(connection)?;
            if keys.is_empty() {
                return Ok(0);
            }
            diesel::delete($table::table.filter($table::$key.eq_any(keys))).execute(connection)
        }
    };
}

/// What goes at its time, and what is remembered for a while. A grant goes after what came from it.
const AT_ONCE: [Removal; 4] = [
    removal!(authorization_requests, hash: Vec<u8>, |now| authorization_requests::expires_at.le(now)),
    removal!(sessions, hash: Vec<u8>, |now: PrimitiveDateTime| {
        BoolExpressionMethods::or(sessions::expires_at.le(now), sessions::idle_expires_at.le(now))
    }),
    removal!(proofs, hash: Vec<u8>, |now| proofs::expires_at.le(now)),
    removal!(sign_in_counters, key: Vec<u8>, |now| sign_in_counters::expires_at.le(now)),
];
const LATER: [Removal; 3] = [
    removal!(authorization_codes, hash: Vec<u8>, |before| authorization_codes::expires_at.le(before)),
    removal!(refresh_tokens, hash: Vec<u8>, |before| refresh_tokens::expires_at.le(before)),
    removal!(grants, id: String, |before| grants::expires_at.le(before)),
];

/// How many rows of one table are removed in one transaction.
const BATCH: u32 = 500;

impl Store {
    /// Removes all that has expired; says how much. Between two batches everybody else takes their turn.
    pub async fn clean_up(&self, now: OffsetDateTime) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            match self.remove_expired(now, BATCH).await? {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
    }

    /// Removes at most `batch` expired rows of each table, each table in a transaction of its own; says how many.
    /// Call it again while it removes something.
    pub async fn remove_expired(&self, now: OffsetDateTime, batch: u32) -> Result<usize, StoreError> {
        let at_once = AT_ONCE.map(|removal| (removal, stored(now)));
        let later = LATER.map(|removal| (removal, stored(now - REMEMBERED_FOR)));
        let mut removed = 0;
        for (removal, before) in at_once.into_iter().chain(later) {
            removed += self.write(move |connection| removal(connection, before, i64::from(batch))).await?;
        }
        Ok(removed)
    }
}
