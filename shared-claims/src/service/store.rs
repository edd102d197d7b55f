//! A service's own rows in one SQLite file (feature `store`): opened, migrated and pooled so that no call waits without a
//! bound and none blocks an async thread.
//!
//! A file that is gone, locked or on a full disk is [`StoreError::Unavailable`] within about a second, and all is well again
//! as soon as the file is.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::result::{DatabaseErrorKind, Error, QueryResult};
use diesel::{RunQueryDsl as _, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _};
use r2d2::{ManageConnection, Pool};
use tokio::sync::Semaphore;

/// How long a call waits for its turn, and how long for a lock of another process.
const PATIENCE: Duration = Duration::from_secs(1);
const CONNECTIONS: u32 = 4;

/// A failure of the store. Its text is for the log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be done now: answer 503 with `Retry-After`.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// This program asked for what cannot be.
    #[error("the store has a bug: {0}")]
    Bug(String),
    /// The settings name no usable database.
    #[error("database.url: {0}")]
    Settings(String),
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let ours = text.contains("no such column") || text.contains("syntax error");
        match error {
            // SQLite's result codes do not come through. Our own SQL is known to work, so what fails here may pass.
            Error::DatabaseError(DatabaseErrorKind::Unknown, _) if !ours => Self::Unavailable(text),
            Error::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _)
            | Error::BrokenTransactionManager => Self::Unavailable(text),
            Error::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            _ => Self::Bug(text),
        }
    }
}

/// The path in `sqlite://path`; the settings' check.
pub fn sqlite_path(url: &str) -> Result<&Path, StoreError> {
    match url.strip_prefix("sqlite://") {
        Some(path) if !path.is_empty() && !path.contains([':', '?', '#']) => Ok(Path::new(path)),
        _ => Err(StoreError::Settings(
            "it must be sqlite://relative/path or sqlite:///absolute/path (a database in memory is not supported)"
                .into(),
        )),
    }
}

/// A pool of connections to one SQLite file. Clones share it.
#[derive(Clone)]
pub struct Store {
    pool: Pool<Connector>,
    /// As many calls as there are connections; the others wait here and not on a thread.
    turns: Arc<Semaphore>,
}

impl Store {
    /// Opens the database of `url`, making the file where there is none, and brings its tables up to date. Blocks: call it
    /// while starting.
    pub fn open(url: &str, migrations: fn() -> EmbeddedMigrations) -> Result<Self, StoreError> {
        let path = sqlite_path(url)?.to_owned();
        make_file(&path)?;
        let connector = Connector { path, migrations, migrating: Mutex::new(()) };
        connector.connect().map_err(|error| StoreError::Settings(error.to_string()))?;
        let pool = Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(1))
            .connection_timeout(PATIENCE)
            .test_on_check_out(true)
            .error_handler(Box::new(LogConnectErrors))
            .build(connector)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { pool, turns: Arc::new(Semaphore::new(CONNECTIONS as usize)) })
    }

    /// Runs `work` on a connection, off the async threads.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Err(StoreError::Unavailable("all connections are in use".into())) };
        let pool = self.pool.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut pooled = pool.get().map_err(|error| StoreError::Unavailable(error.to_string()))?;
            let result = work(&mut pooled.connection);
            pooled.broken |= matches!(result, Err(Error::DatabaseError(DatabaseErrorKind::Unknown, _)));
            result.map_err(StoreError::from)
        });
        done.await.map_err(|panic| StoreError::Bug(panic.to_string()))?
    }

    /// Runs `work` in a transaction that may write. SQLite takes its one write lock at once: upgrading a reading
    /// transaction later could fail.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        // SQLite ends the transaction itself where the disk is full: then only the end's own failure comes back.
        let work = |connection: &mut SqliteConnection| {
            work(connection).inspect_err(|error| log::warn!("a transaction is undone: {error}"))
        };
        self.read(move |connection| connection.immediate_transaction(work)).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| diesel::sql_query("SELECT count(*) FROM sqlite_schema").execute(connection).map(drop))
            .await
    }
}

struct Pooled {
    connection: SqliteConnection,
    /// Which file it has open: device and inode.
    file: (u64, u64),
    broken: bool,
}

struct Connector {
    path: PathBuf,
    migrations: fn() -> EmbeddedMigrations,
    /// Two connections must not both bring the tables up to date.
    migrating: Mutex<()>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct ConnectError(String);

impl Connector {
    /// The file that lies at the path now. A connection would go on with a deleted file as if nothing had happened, and a
    /// new one would make an empty file in its place: both must be noticed.
    fn file(&self) -> Result<(u64, u64), ConnectError> {
        let path = self.path.display();
        let metadata = std::fs::metadata(&self.path).map_err(|error| ConnectError(format!("{path}: {error}")))?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

impl ManageConnection for Connector {
    type Connection = Pooled;
    type Error = ConnectError;

    fn connect(&self) -> Result<Pooled, ConnectError> {
        let file = self.file()?;
        let path = self.path.display();
        let failed =
            |error: &dyn std::fmt::Display| ConnectError(format!("cannot open the SQLite file {path}: {error}"));
        let mut connection = SqliteConnection::establish(&path.to_string()).map_err(|error| failed(&error))?;
        // busy_timeout comes first: the change to WAL needs a lock that another process may hold.
        let pragmas = format!(
            "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
             PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
            PATIENCE.as_millis()
        );
        connection.batch_execute(&pragmas).map_err(|error| failed(&error))?;
        let _turn = self.migrating.lock().unwrap_or_else(PoisonError::into_inner);
        // The file may be a new one, or one that was put back from a backup.
        connection.run_pending_migrations((self.migrations)()).map_err(|error| failed(&error))?;
        Ok(Pooled { connection, file, broken: false })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), ConnectError> {
        if self.file()? == pooled.file { Ok(()) } else { Err(ConnectError("the file is another one now".into())) }
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.broken || std::thread::panicking()
    }
}

#[derive(Debug)]
struct LogConnectErrors;

impl r2d2::HandleError<ConnectError> for LogConnectErrors {
    fn handle_error(&self, error: ConnectError) {
        log::warn!("the database is not available: {error}");
    }
}

/// Makes the file readable by its owner only. SQLite gives the files beside it the same mode.
fn make_file(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    let made = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop);
    made.map_err(|error| StoreError::Settings(format!("cannot make the SQLite file {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::sql_query;
    use rstest::rstest;

    /// A store in a folder of its own, with a table `notes`.
    async fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("x.sqlite").display());
        let store = Store::open(&url, || EmbeddedMigrations::new(&[])).unwrap();
        store.write(|connection| sql_query("CREATE TABLE notes (text TEXT)").execute(connection)).await.unwrap();
        (folder, store)
    }

    async fn note(store: &Store) -> Result<usize, StoreError> {
        store
            .write(|connection| sql_query("INSERT INTO notes VALUES (hex(randomblob(5000)))").execute(connection))
            .await
    }

    #[tokio::test]
    async fn a_lock_that_somebody_holds_is_waited_for_and_then_said() {
        let (folder, store) = store().await;
        let path = folder.path().join("x.sqlite").display().to_string();
        let mut somebody = SqliteConnection::establish(&path).unwrap();
        somebody.batch_execute("BEGIN IMMEDIATE").unwrap();
        assert!(matches!(note(&store).await, Err(StoreError::Unavailable(why)) if why.contains("locked")));
        store.ping().await.unwrap();
        somebody.batch_execute("COMMIT").unwrap();
        assert_eq!(note(&store).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_full_disk_is_said_and_nothing_is_kept_of_the_work() {
        let (_folder, store) = store().await;
        let full = store.write(|connection| {
            connection.batch_execute("PRAGMA max_page_count = 3")?;
            for _ in 0..50 {
                sql_query("INSERT INTO notes VALUES (hex(randomblob(5000)))").execute(connection)?;
            }
            Ok(())
        });
        let full = full.await;
        assert!(matches!(full, Err(StoreError::Unavailable(_))), "{full:?}");
        assert_eq!(note(&store).await.unwrap(), 1, "a new connection, and room again");
    }

    #[tokio::test]
    async fn a_file_that_another_was_put_in_place_of_is_noticed() {
        let (folder, store) = store().await;
        let file = folder.path().join("x.sqlite");
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
        assert!(!file.exists(), "no empty file stands for the one that is gone");
    }

    #[tokio::test]
    async fn our_own_mistake_is_not_called_a_passing_failure() {
        let (_folder, store) = store().await;
        let wrong = store.read(|connection| sql_query("SELEC 1").execute(connection)).await;
        assert!(matches!(wrong, Err(StoreError::Bug(_))), "{wrong:?}");
    }

    #[rstest]
    #[case("sqlite::memory:")]
    #[case("sqlite://")]
    #[case("sqlite://:memory:")]
    #[case("sqlite://x.sqlite?mode=ro")]
    #[case("postgres://localhost/x")]
    fn a_url_that_names_no_file_is_refused(#[case] url: &str) {
        assert!(matches!(sqlite_path(url), Err(StoreError::Settings(_))));
    }

    #[test]
    fn the_file_is_its_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.sqlite");
        make_file(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    }
}
