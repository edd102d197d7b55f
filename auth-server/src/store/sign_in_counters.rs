//! Counters that slow down guessing of passwords. They live in the database, so that parallel guesses, restarts and
//! further replicas win nothing; every attempt counts before the password is looked at.

use diesel::prelude::*;
use diesel::upsert::excluded;
use time::{Duration, OffsetDateTime};

use super::columns::{MaybeUtc, Utc, stored};
use super::connection::{AnyConnection, on_backend};
use super::schema::sign_in_counters as counters;
use super::{SecretHash, Store, StoreError};

/// What attempts are counted by. Stored hashed; an unknown username has a counter like any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptKey {
    hash: SecretHash,
    policy: AttemptPolicy,
}

impl AttemptKey {
    /// `kind` keeps the counters of accounts and addresses apart.
    #[must_use]
    pub fn new(kind: &str, value: &str, policy: AttemptPolicy) -> Self {
        Self { hash: SecretHash::of(&format!("{kind}:{value}")), policy }
    }
}

/// How many attempts are free, and how waiting grows after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptPolicy {
    /// So many attempts in a row cost no waiting.
    pub free_attempts: u32,
    /// The first wait; each further failure doubles it ...
    pub first_wait: Duration,
    /// ... up to this: a bound, so that nobody can lock an account for long by guessing at it.
    pub longest_wait: Duration,
    /// Attempts are forgotten when none came for this long.
    pub forgotten_after: Duration,
    /// Whether a success clears the counter. Otherwise it takes back its own attempt only: one's own account must not
    /// wash clean the address that guesses at others.
    pub cleared_by_success: bool,
}

impl AttemptPolicy {
    /// The wait after this many attempts.
    fn wait_after(&self, attempts: i64) -> Option<Duration> {
        let beyond = u32::try_from(attempts - i64::from(self.free_attempts)).ok()?;
        let factor = 2_i32.checked_pow(beyond).unwrap_or(i32::MAX);
        Some(self.first_wait.saturating_mul(factor).min(self.longest_wait))
    }
}

/// Whether a password may be tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Attempt {
    /// Yes; it has been counted.
    Allowed,
    /// Not before this long; it has not been counted.
    Wait(Duration),
}

#[derive(Clone, Queryable, Insertable)]
#[diesel(table_name = counters)]
struct Counter {
    key: SecretHash,
    attempts: i64,
    #[diesel(serialize_as = MaybeUtc, deserialize_as = MaybeUtc)]
    blocked_until: Option<OffsetDateTime>,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    expires_at: OffsetDateTime,
}

impl Store {
    /// Counts an attempt under every key, or under none where one of them has to wait. Of parallel attempts no more are
    /// allowed than of those that come one by one.
    pub async fn begin_attempt(&self, keys: Vec<AttemptKey>, now: OffsetDateTime) -> Result<Attempt, StoreError> {
        self.write(move |connection| begin(connection, keys, now)).await
    }

    /// The password was right.
    pub async fn attempt_succeeded(&self, keys: Vec<AttemptKey>) -> Result<(), StoreError> {
        self.write(move |connection| {
            for key in in_one_order(keys) {
                let counter = counters::table.find(key.hash);
                if key.policy.cleared_by_success {
                    diesel::delete(counter).execute(connection)?;
                } else {
                    diesel::update(counter.filter(counters::attempts.gt(0)))
                        .set((
                            counters::attempts.eq(counters::attempts - 1),
                            counters::blocked_until.eq(None::<time::PrimitiveDateTime>),
                        ))
                        .execute(connection)?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// Everybody locks counters in the same order: nobody waits in a circle.
fn in_one_order(mut keys: Vec<AttemptKey>) -> Vec<AttemptKey> {
    keys.sort();
    keys.dedup();
    keys
}

fn begin(connection: &mut AnyConnection, keys: Vec<AttemptKey>, now: OffsetDateTime) -> QueryResult<Attempt> {
    let mut held = Vec::with_capacity(keys.len());
    for key in in_one_order(keys) {
        held.push((hold(connection, &key, now)?, key.policy));
    }
    let waits = held.iter().filter_map(|(counter, _)| counter.blocked_until).filter(|until| *until > now);
    if let Some(until) = waits.max() {
        return Ok(Attempt::Wait(until - now));
    }
    for (counter, policy) in held {
        let attempts = if counter.expires_at <= now { 1 } else { counter.attempts.saturating_add(1) };
        let blocked_until = policy.wait_after(attempts).map(|wait| stored(now + wait));
        diesel::update(counters::table.find(counter.key))
            .set((
                counters::attempts.eq(attempts),
                counters::blocked_until.eq(blocked_until),
                counters::expires_at.eq(stored(now + policy.forgotten_after)),
            ))
            .execute(connection)?;
    }
    Ok(Attempt::Allowed)
}

/// Reads a counter, made if need be, and holds it until the transaction ends. By one statement: between two, somebody who has signed
/// in to the same account may take it away.
fn hold(connection: &mut AnyConnection, key: &AttemptKey, now: OffsetDateTime) -> QueryResult<Counter> {
    let fresh =
        Counter { key: key.hash, attempts: 0, blocked_until: None, expires_at: now + key.policy.forgotten_after };
    on_backend!(connection, c => {
        diesel::insert_into(counters::table)
            .values(fresh)
            .on_conflict(counters::key)
            .do_update()
            .set(counters::key.eq(excluded(counters::key)))
            .get_result(c)
    })
}
