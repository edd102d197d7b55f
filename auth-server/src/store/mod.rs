//! Persistence: everything that outlives a request, on SQLite or PostgreSQL. The only room that knows diesel.
//!
//! A call takes its turn in a bounded queue, runs on tokio's blocking threads, and either is done, wholly, or fails as a
//! [`StoreError`]. What must happen at most once (a code, a rotation) is decided inside one transaction.

mod access;
mod authorization_codes;
mod authorization_requests;
mod backend;
mod batch;
mod calls;
mod change;
mod checkpoint;
mod columns;
mod commits;
mod connection;
mod consents;
mod doorbell;
mod error;
mod expected;
mod expiry;
mod grant_changes;
mod grants;
mod group_commit;
mod ids;
mod ledger;
mod ledger_append;
mod ledger_archive;
mod ledger_deliveries;
mod ledger_noting;
mod ledger_places;
mod migrations;
mod one_statement;
mod pairing_consents;
mod pending;
mod pool;
mod profile;
mod proofs;
mod questions;
mod readiness;
mod recorded;
mod redemption;
mod refresh_tokens;
mod registry;
mod remembered;
mod rotation;
mod row_versions;
mod schema;
mod sessions;
mod settings;
mod sign_in_counters;
mod signing_keys;
mod standing;
mod status_indices;
mod together;
mod update;
mod upkeep;
mod users;
mod versions;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::result::QueryResult;
use log::debug;

pub use authorization_codes::{AuthorizationCode, NewAuthorizationCode};
pub use authorization_requests::AuthorizationRequest;
pub use change::Change;
pub use consents::Consent;
pub use error::{StoreError, Unavailability};
pub use grants::{Grant, GrantFilter, GrantsOf, NewGrant};
pub use ids::{ChainId, GrantId, OpaqueSecret, PasswordHash, SecretHash, SessionId, UserId};
pub use ledger::{ChainHead, LedgerFilter, LedgerRow, Use};
pub use ledger_deliveries::Undelivered;
pub use pairing_consents::PairingConsent;
pub use pending::{Entry, Pending};
pub use profile::{Address, Claim, Permissions, Profile};
pub use recorded::LedgerVisit;
pub use redemption::Redemption;
pub use refresh_tokens::{BehindRefreshToken, NewRefreshToken, RefreshToken};
pub use registry::{EntryKind, RegistryEntry};
pub use rotation::Rotation;
pub use row_versions::RowVersions;
pub use sessions::Session;
pub use settings::{DatabaseSettings, Durability};
pub use sign_in_counters::{Attempt, AttemptKey, AttemptPolicy};
pub use signing_keys::{KeyTimes, StoredSigningKey};
pub use standing::{BehindToken, Found, Holder, Standing};
pub use status_indices::{BLOCK_AGE, BLOCK_SIZE, LIST_SIZE};
pub use users::{NewUser, User, username_key};

use backend::Backend;
use batch::Wanted;
use connection::{AnyConnection, ConnectError};
use expected::Expected;
use pool::Connector;
use questions::Questions;
use redemption::FirstRedemption;
use rotation::FirstRotation;
pub use together::Together;
use upkeep::Upkeep;

/// The database. Clones share one pool.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    pool: r2d2::Pool<Connector>,
    away: Arc<AtomicBool>,
    /// Calls that take a connection each.
    calls: Arc<calls::Calls>,
    questions: AllQuestions,
    changes: AllChanges,
    remembered: remembered::Remembered,
    /// SQLite has one writer at a time. Waiting here is fair and wakes at once; its own waiting polls.
    writes: Option<Arc<group_commit::Writes>>,
    turn_to_commit: Mutex<commits::Turn>,
    upkeep: Upkeep,
    expected: Expected,
    queue_timeout: Duration,
    acquire_timeout: Duration,
    longest_call: Duration,
    readiness: readiness::Readiness,
    /// A sync or another access to the disk has failed. The system reports that once and forgets what it did not write, so no
    /// later success says anything: nothing is read or written until somebody starts the process anew, which recovers from
    /// what is on the disk.
    disk_failed: AtomicBool,
}

/// What many ask who wait, and is answered together. For SQLite, only what finds no free connection.
struct AllQuestions {
    behind_tokens: Arc<Questions<BehindToken, Found>>,
    behind_refresh_tokens: Arc<Questions<SecretHash, Option<BehindRefreshToken>>>,
    codes: Arc<Questions<SecretHash, Option<AuthorizationCode>>>,
    users: Arc<Questions<UserId, Option<User>>>,
}

impl AllQuestions {
    fn new() -> Self {
        // One visit that gets its answer late must not hold up everybody.
        Self {
            behind_tokens: Together::new(SHARED_CONNECTIONS),
            behind_refresh_tokens: Together::new(SHARED_CONNECTIONS),
            codes: Together::new(SHARED_CONNECTIONS),
            users: Together::new(SHARED_CONNECTIONS),
        }
    }
}

/// What many want made who wait, and PostgreSQL makes by one statement.
struct AllChanges {
    rotations: Arc<Together<Wanted<FirstRotation>>>,
    redemptions: Arc<Together<Wanted<FirstRedemption>>>,
}

impl AllChanges {
    /// Of a pool of so many `connections`. They commit, and keep one for as long as that takes.
    fn new(connections: usize) -> Self {
        let at_once = (connections / 4).clamp(1, SHARED_CONNECTIONS);
        Self { rotations: Together::new(at_once), redemptions: Together::new(at_once) }
    }
}

/// How many connections are for calls that are made together. More may be wanted at a time: visits are short, and take turns.
const SHARED_CONNECTIONS: usize = 2;

/// While the database is away, a call waits no longer than this: the pool tries to reach it again by itself.
const PATIENCE_WHILE_AWAY: Duration = Duration::from_millis(20);

impl Store {
    /// Connects once, to say what is wrong with the settings, and makes the pool. Tables come with [`Store::migrate`].
    pub fn open(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        settings.check()?;
        let backend = Backend::of(settings)?;
        backend.prove()?;
        let away = Arc::new(AtomicBool::new(false));
        let pool = r2d2::Pool::builder()
            .max_size(settings.pool_size)
            .min_idle(Some(1))
            // Also bounds the pause between two attempts to reach a database that is away: half of this.
            .connection_timeout(settings.acquire_timeout.min(Duration::from_secs(1)))
            .test_on_check_out(true)
            .error_handler(Box::new(LogConnectError))
            .build_unchecked(Connector { backend: backend.clone(), away: Arc::clone(&away) });
        let connections = usize::try_from(settings.pool_size).unwrap_or(usize::MAX);
        let at_once = connections.saturating_sub(SHARED_CONNECTIONS).max(1);
        let is_sqlite = backend.is_sqlite();
        let (upkeep, committed) = Upkeep::new();
        let inner = Arc::new(Inner {
            questions: AllQuestions::new(),
            changes: AllChanges::new(connections),
            remembered: remembered::Remembered::default(),
            writes: is_sqlite.then(Together::committing),
            turn_to_commit: Mutex::default(),
            upkeep,
            expected: Expected::on_this_machine(),
            backend,
            pool,
            away,
            calls: Together::one_by_one(at_once),
            queue_timeout: settings.queue_timeout,
            acquire_timeout: settings.acquire_timeout,
            longest_call: backend::longest_call(settings),
            readiness: readiness::Readiness::default(),
            disk_failed: AtomicBool::new(false),
        });
        if is_sqlite {
            upkeep::begin(Arc::downgrade(&inner), committed)?;
        }
        Ok(Self(inner))
    }

    /// For a command that ends soon: one connection, beside the one on which SQLite commits. A pool that still makes another in the
    /// background while the process ends would meet a PostgreSQL client library that has cleaned up already.
    pub fn open_alone(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        Self::open(&DatabaseSettings { pool_size: 1, ..settings.clone() })
    }

    /// Runs a transaction that writes.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    {
        match &self.0.writes {
            Some(writes) => self.commit_with_others(writes, work).await,
            None => self.run(move |connection| connection.write(work)).await,
        }
    }

    /// Runs one reading statement.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    {
        self.run(work).await
    }

    /// Runs one reading statement that finds what it asks for by a key: on SQLite a matter of microseconds, for which nobody
    /// has to be waited for, and a thread more would cost several times as much.
    async fn look<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    {
        match self.0.at_hand()? {
            Some(mut connection) => connection.run(work).map_err(|error| self.0.noticed(error.into())),
            None => self.run(work).await,
        }
    }

    async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static,
    {
        let called = self.call(move |inner, answer| {
            let _ = answer.send(inner.visit(work));
        });
        called.await.inspect_err(|error| debug!("{error}"))
    }
}

impl Inner {
    /// One visit to the database, on this thread.
    fn visit<T>(&self, work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>) -> Result<T, StoreError> {
        self.trusts_its_disk()?;
        let mut connection = self.connection()?;
        connection.run(work).map_err(|error| self.noticed(error.into()))
    }

    /// A connection for one short look, where there is a free one to a database in this process: SQLite answers from its own
    /// memory or the system's.
    fn at_hand(&self) -> Result<Option<r2d2::PooledConnection<Connector>>, StoreError> {
        self.trusts_its_disk()?;
        Ok(self.backend.is_sqlite().then(|| self.pool.try_get()).flatten())
    }

    fn trusts_its_disk(&self) -> Result<(), StoreError> {
        if self.disk_failed.load(Ordering::Acquire) {
            Err(StoreError::unavailable(Unavailability::DiskFailed, "the disk failed earlier: look at it, and restart"))
        } else {
            Ok(())
        }
    }

    fn noticed(&self, error: StoreError) -> StoreError {
        let failed = matches!(error, StoreError::Unavailable { reason: Unavailability::DiskFailed, .. });
        if failed && !self.disk_failed.swap(true, Ordering::AcqRel) {
            log::error!("{error}: the database is not trusted any more; look at the disk, and start this server anew");
        }
        error
    }

    fn connection(&self) -> Result<r2d2::PooledConnection<Connector>, StoreError> {
        let away = self.away.load(Ordering::Relaxed) && self.pool.state().connections == 0;
        let patience = if away { PATIENCE_WHILE_AWAY.min(self.acquire_timeout) } else { self.acquire_timeout };
        self.pool.get_timeout(patience).map_err(|error| StoreError::unavailable(Unavailability::Disconnected, error))
    }
}

/// The pool tries again by itself; each failure is worth a line, not an alarm.
#[derive(Debug)]
struct LogConnectError;

impl r2d2::HandleError<ConnectError> for LogConnectError {
    fn handle_error(&self, error: ConnectError) {
        log::warn!("cannot reach the database: {error}");
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(..)")
    }
}
