//! What stood behind tokens when it was last looked up, so that an exchange whose grant was seen before reads nothing.
//!
//! Memory alone decides nothing: a row that stands on what has changed is refused.
//!
//! SQLite notes each change of a grant, a user or an agreement, whoever makes it (`standing_changes`, by triggers), and the
//! transaction that puts an exchange on record reads what was noted since the one before. So no row that stands on something
//! follows the commit that changed it. On PostgreSQL the versions of all rows that a visit's rows stand on are compared right
//! before these are written: one more round trip of a thread that makes one anyway, instead of one for each exchange.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};
use lru::LruCache;

use super::standing::{BehindToken, Found, Standing};
use super::{GrantId, Inner, StoreError, UserId, row_versions};

/// How many are remembered. One takes about a kilobyte.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

diesel::table! {
    standing_changes (n) {
        n -> BigInt,
        grant_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
    }
}

#[derive(Queryable)]
struct Noted {
    n: i64,
    grant: Option<GrantId>,
    user: Option<UserId>,
}

pub(super) struct Remembered(Mutex<State>);

struct State {
    standings: LruCache<GrantId, Arc<Standing>>,
    /// The last change that is known of. `None`: there is none yet, or nobody has looked.
    seen: Option<i64>,
    generation: u64,
}

/// When a look into the database began, as far as changes are known: what it finds may be older than those noticed later.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u64);

impl Default for Remembered {
    fn default() -> Self {
        Self(Mutex::new(State { standings: LruCache::new(REMEMBERED), seen: None, generation: 0 }))
    }
}

impl Remembered {
    pub fn find(&self, grant: &GrantId) -> Option<Arc<Standing>> {
        self.state().standings.get(grant).map(Arc::clone)
    }

    /// To be asked before the database is, for [`Remembered::keep`].
    pub fn generation(&self) -> Generation {
        Generation(self.state().generation)
    }

    /// Remembers what a look found that began in `generation`, unless a change was noticed since: the look may have missed it.
    /// Where the same is remembered already, others stand on that: it is what is to be used.
    pub fn keep(&self, standing: Arc<Standing>, generation: Generation) -> Arc<Standing> {
        let Some(grant) = &standing.grant else { return standing };
        let mut state = self.state();
        if Generation(state.generation) != generation {
            return standing;
        }
        match state.standings.get(&grant.id) {
            Some(known) if known.includes(&standing) => Arc::clone(known),
            _ => {
                let forgotten = state.standings.push(grant.id.clone(), Arc::clone(&standing));
                // Not while others wait.
                drop(state);
                drop(forgotten);
                standing
            }
        }
    }

    /// Whether nothing of it has changed, as far as was looked ([`Remembered::catch_up`], [`Remembered::look_within`]).
    pub fn is_current(&self, standing: &Arc<Standing>) -> bool {
        let known =
            |grant: &GrantId| self.state().standings.peek(grant).is_some_and(|known| Arc::ptr_eq(known, standing));
        standing.grant.as_ref().is_some_and(|grant| known(&grant.id))
    }

    /// Forgets what others have changed: what was committed since the last time. To be called where nobody else can commit, and
    /// before this transaction changes anything itself, since a change may be undone yet, and its number given to another.
    pub fn catch_up(&self, connection: &mut SqliteConnection) -> QueryResult<()> {
        let seen = self.state().seen;
        // The last one that is known of is there still, and none is missing behind it; or numbers do not tell what was missed.
        if let Some(seen) = seen
            && let noted = noted_from(connection, seen)?
            && !noted.is_empty()
            && noted.iter().zip(seen..).all(|(noted, n)| noted.n == n)
        {
            self.state().catch_up(&noted[1..]);
            return Ok(());
        }
        let last = standing_changes::table.select(diesel::dsl::max(standing_changes::n)).first(connection)?;
        self.state().forget_all(last);
        Ok(())
    }

    /// Forgets also what this transaction has changed so far.
    pub fn look_within(&self, connection: &mut SqliteConnection) -> QueryResult<()> {
        let seen = self.state().seen;
        let noted = noted_from(connection, seen.map_or(0, |seen| seen + 1))?;
        self.state().forget(&noted);
        Ok(())
    }

    pub fn forget(&self, grant: &GrantId) {
        self.state().standings.pop(grant);
    }

    /// Forgets those of `standings` that PostgreSQL has other versions of now.
    pub fn compare(&self, connection: &mut PgConnection, standings: &[&Arc<Standing>]) -> QueryResult<()> {
        let known: Vec<_> =
            standings.iter().filter_map(|standing| Some((&standing.grant.as_ref()?.id, standing.versions))).collect();
        if known.is_empty() {
            return Ok(());
        }
        let grants: Vec<&GrantId> = known.iter().map(|(grant, _)| *grant).collect();
        let there = row_versions::of_grants(connection, &grants)?;
        let changed = known.iter().filter(|(grant, versions)| there.get(*grant).copied() != *versions);
        let mut state = self.state();
        for (grant, _) in changed {
            state.standings.pop(*grant);
            state.generation += 1;
        }
        Ok(())
    }

    /// Whoever panicked while holding it left whole entries behind.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What is remembered, where that is asked for.
    pub(super) fn remembered(&self, asked: &BehindToken) -> Result<Option<Arc<Standing>>, StoreError> {
        self.trusts_its_disk()?;
        // Whether a token is used for the first time is nothing to remember.
        if !asked.may_be_remembered || asked.jti.is_some() {
            return Ok(None);
        }
        let standing = self.remembered.find(&asked.grant);
        Ok(standing.filter(|standing| standing.consents.is_some() || !asked.consents))
    }

    /// Remembers what can be checked later: on PostgreSQL, what it has the versions of.
    pub(super) fn remember(&self, found: Found, generation: Generation, asked: &BehindToken) -> Found {
        let is_sqlite = self.backend.is_sqlite();
        if !is_sqlite && found.standing.versions.is_none() {
            return found;
        }
        // On PostgreSQL a check is no better than the look that was just made.
        let is_to_be_checked = is_sqlite && asked.may_be_remembered;
        Found { standing: self.remembered.keep(found.standing, generation), is_to_be_checked, ..found }
    }
}

fn noted_from(connection: &mut SqliteConnection, first: i64) -> QueryResult<Vec<Noted>> {
    standing_changes::table.filter(standing_changes::n.ge(first)).order(standing_changes::n).load(connection)
}

impl State {
    fn catch_up(&mut self, noted: &[Noted]) {
        if let Some(last) = noted.last() {
            self.forget(noted);
            self.seen = Some(last.n);
        }
    }

    fn forget(&mut self, noted: &[Noted]) {
        let grants = noted.iter().filter_map(|noted| noted.grant.as_ref());
        let users: HashSet<&UserId> = noted.iter().filter_map(|noted| noted.user.as_ref()).collect();
        let is_theirs = |standing: &Standing| standing.holder.as_ref().is_some_and(|holder| users.contains(&holder.id));
        let of_users = if users.is_empty() {
            Vec::new()
        } else {
            let theirs = self.standings.iter().filter(|(_, standing)| is_theirs(standing));
            theirs.map(|(grant, _)| grant.clone()).collect()
        };
        for grant in grants.chain(&of_users) {
            self.standings.pop(grant);
        }
        self.generation += u64::from(!noted.is_empty());
    }

    /// `seen`: the last change there is, if there is any.
    fn forget_all(&mut self, seen: Option<i64>) {
        self.standings.clear();
        self.seen = seen;
        self.generation += 1;
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;

    use super::*;
    use crate::store::Grant;
    use time::macros::datetime;

    fn database() -> SqliteConnection {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let table = "CREATE TABLE standing_changes (n INTEGER NOT NULL PRIMARY KEY, grant_id TEXT, user_id TEXT); \
                     INSERT INTO standing_changes (n) VALUES (1)";
        connection.batch_execute(table).unwrap();
        connection
    }

    fn note(connection: &mut SqliteConnection, grant: &str) {
        connection.batch_execute(&format!("INSERT INTO standing_changes (grant_id) VALUES ('{grant}')")).unwrap();
    }

    fn standing(grant: &str) -> Arc<Standing> {
        let grant = Grant {
            id: grant.into(),
            user_id: None,
            client_id: "app".into(),
            sid: None,
            scope: "r".parse().unwrap(),
            audience: None,
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            userinfo_claims: Vec::new(),
            created_at: datetime!(2026-01-01 12:00 UTC),
            expires_at: datetime!(2026-01-02 12:00 UTC),
            revoked_at: None,
            revoked_reason: None,
            status_index: None,
        };
        Arc::new(Standing { grant: Some(grant), holder: None, consents: None, versions: None })
    }

    /// With these grants in it.
    fn remembered(connection: &mut SqliteConnection, standings: &[&Arc<Standing>]) -> Remembered {
        let remembered = Remembered::default();
        remembered.catch_up(connection).unwrap();
        for standing in standings {
            remembered.keep(Arc::clone(standing), remembered.generation());
        }
        remembered
    }

    #[test]
    fn what_a_look_found_before_a_change_was_noticed_is_not_kept_after_it() {
        let (mut connection, one) = (database(), standing("grt_1"));
        let remembered = remembered(&mut connection, &[]);
        let began = remembered.generation();
        note(&mut connection, "grt_1");
        remembered.catch_up(&mut connection).unwrap();
        remembered.keep(Arc::clone(&one), began);
        assert!(!remembered.is_current(&one));
        remembered.keep(Arc::clone(&one), remembered.generation());
        assert!(remembered.is_current(&one));
    }

    #[test]
    fn a_change_that_is_undone_does_not_hide_the_one_that_gets_its_number() {
        let (mut connection, one, two) = (database(), standing("grt_1"), standing("grt_2"));
        let remembered = remembered(&mut connection, &[&one, &two]);
        connection.batch_execute("BEGIN").unwrap();
        note(&mut connection, "grt_1");
        remembered.look_within(&mut connection).unwrap();
        assert!(!remembered.is_current(&one) && remembered.is_current(&two));
        connection.batch_execute("ROLLBACK").unwrap();
        note(&mut connection, "grt_2");
        remembered.catch_up(&mut connection).unwrap();
        assert!(!remembered.is_current(&two));
    }

    #[test]
    fn who_finds_the_same_stands_on_the_same_and_who_finds_something_else_takes_its_place() {
        let (mut connection, one) = (database(), standing("grt_1"));
        let remembered = remembered(&mut connection, &[&one]);
        let again = remembered.keep(standing("grt_1"), remembered.generation());
        assert!(Arc::ptr_eq(&one, &again));
        let with_consents =
            Standing { consents: Some(Vec::new()), grant: one.grant.clone(), holder: None, versions: None };
        let other = remembered.keep(Arc::new(with_consents), remembered.generation());
        assert!(remembered.is_current(&other) && !remembered.is_current(&one));
    }

    #[test]
    fn a_look_that_asked_for_less_takes_nothing_away() {
        let (mut connection, grant) = (database(), standing("grt_1").grant.clone());
        let with_consents = Arc::new(Standing { grant, consents: Some(Vec::new()), ..Standing::default() });
        let remembered = remembered(&mut connection, &[&with_consents]);
        remembered.keep(standing("grt_1"), remembered.generation());
        assert!(remembered.is_current(&with_consents));
    }

    #[test]
    fn where_numbers_went_back_all_is_forgotten() {
        for older_copy in ["DELETE FROM standing_changes WHERE n > 2", "DELETE FROM standing_changes"] {
            let (mut connection, one) = (database(), standing("grt_1"));
            for _ in 0..5 {
                note(&mut connection, "grt_x");
            }
            let remembered = remembered(&mut connection, &[&one]);
            connection.batch_execute(older_copy).unwrap();
            remembered.catch_up(&mut connection).unwrap();
            assert!(!remembered.is_current(&one), "{older_copy}");
            remembered.keep(Arc::clone(&one), remembered.generation());
            note(&mut connection, "grt_1");
            remembered.catch_up(&mut connection).unwrap();
            assert!(!remembered.is_current(&one), "{older_copy}");
        }
    }

    #[test]
    fn a_memory_that_nobody_has_caught_up_begins_empty() {
        let (mut connection, one) = (database(), standing("grt_1"));
        let remembered = Remembered::default();
        remembered.keep(one, remembered.generation());
        note(&mut connection, "grt_1");
        remembered.catch_up(&mut connection).unwrap();
        assert!(remembered.find(&"grt_1".into()).is_none());
    }
}
