//! Which database the URL names, and how a connection to it is made ready.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel::{PgConnection, RunQueryDsl as _, SqliteConnection};
use secrecy::{ExposeSecret as _, SecretString};

use super::connection::{AnyConnection, ConnectError};
use super::error::StoreError;
use super::settings::{DatabaseSettings, Durability};

/// The first SQLite without the WAL-reset bug, which loses commits (3.7.0 to 3.51.2).
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

impl DatabaseSettings {
    /// Whether they name a database at all, without connecting to it.
    pub fn check(&self) -> Result<(), StoreError> {
        let waits = [self.queue_timeout, self.acquire_timeout, self.statement_timeout];
        // Both databases take milliseconds, and understand 0 as "without a bound" or "not at all".
        if self.pool_size == 0 || waits.iter().any(|wait| wait.as_millis() == 0) {
            return Err(StoreError::Settings("database: pool size and timeouts must be greater than zero".into()));
        }
        Backend::of(self).map(drop)
    }
}

/// A database, and what is said to each new connection.
#[derive(Clone)]
pub(super) enum Backend {
    Sqlite { path: String, pragmas: String, synchronous: &'static str },
    Postgres { url: SecretString, session: String },
}

impl Backend {
    pub(super) fn of(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let url = settings.url.expose_secret();
        // The URL may hold a password: an error shows its scheme at most.
        match url.split_once(':') {
            Some(("sqlite", rest)) => sqlite(rest, settings),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(postgres(url, settings)),
            _ => Err(StoreError::Settings(
                "database.url must begin with sqlite:// (a path follows) or postgres:// (host and database follow)"
                    .into(),
            )),
        }
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }

    pub(super) fn connect(&self) -> Result<AnyConnection, ConnectError> {
        match self {
            Self::Sqlite { path, pragmas, .. } => {
                let mut connection = SqliteConnection::establish(path)
                    .map_err(|error| ConnectError(format!("cannot open the SQLite file {path}: {error}")))?;
                connection.batch_execute(pragmas)?;
                Ok(AnyConnection::Sqlite(connection))
            }
            Self::Postgres { url, session } => {
                let mut connection = PgConnection::establish(url.expose_secret())
                    .map_err(|error| ConnectError(without_password(&error.to_string(), url)))?;
                connection.batch_execute(session)?;
                Ok(AnyConnection::Postgres(connection))
            }
        }
    }

    /// The first connection: makes the SQLite file if there is none, and looks at what it has connected to.
    pub(super) fn prove(&self) -> Result<(), StoreError> {
        if let Self::Sqlite { path, .. } = self {
            make_file(path)?;
        }
        let mut connection = self.connect().map_err(|error| StoreError::Settings(error.to_string()))?;
        if let AnyConnection::Sqlite(connection) = &mut connection {
            check_sqlite(connection)?;
        }
        Ok(())
    }
}

fn sqlite(rest: &str, settings: &DatabaseSettings) -> Result<Backend, StoreError> {
    let path = rest.strip_prefix("//").unwrap_or_default();
    if path.is_empty() || path.contains([':', '?', '#']) {
        return Err(StoreError::Settings(format!(
            "database.url: sqlite:{rest} names no file; write sqlite://relative/path or sqlite:///absolute/path \
             (a database in memory is not supported)"
        )));
    }
    let synchronous = match settings.durability {
        Durability::PowerLoss => "FULL",
        Durability::ProcessCrash => "NORMAL",
    };
    // busy_timeout comes first: the change to WAL needs a lock that another process may hold.
    let pragmas = format!(
        "PRAGMA busy_timeout = {};\
         PRAGMA journal_mode = WAL;\
         PRAGMA synchronous = {synchronous};\
         PRAGMA foreign_keys = ON;\
         PRAGMA trusted_schema = OFF;\
         PRAGMA temp_store = MEMORY;\
         PRAGMA wal_autocheckpoint = 0;\
         PRAGMA journal_size_limit = 67108864;",
        settings.acquire_timeout.as_millis()
    );
    Ok(Backend::Sqlite { path: path.to_owned(), pragmas, synchronous })
}

fn postgres(url: &str, settings: &DatabaseSettings) -> Backend {
    let mut url = url.to_owned();
    // libpq's own waits: to connect (it takes 2 s as the least), and for an answer from a host that is gone.
    for (name, value) in [
        ("connect_timeout", 2),
        ("tcp_user_timeout", settings.statement_timeout.as_millis()),
        ("keepalives_idle", 10),
        ("keepalives_interval", 2),
        ("keepalives_count", 3),
    ] {
        if !url.contains(&format!("{name}=")) {
            let separator = if url.contains('?') { '&' } else { '?' };
            let _ = write!(url, "{separator}{name}={value}");
        }
    }
    if !url.contains("application_name=") {
        url.push_str("&application_name=auth-server");
    }
    let limit = settings.statement_timeout.as_millis();
    // Statements find rows by keys. A plan made while a table is small reads all of it, and is kept when the table has grown; what
    // would read one after all is no reason to compile it.
    let by_keys = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;";
    let mut session = format!(
        "{by_keys} SET statement_timeout = {limit};\
         SET lock_timeout = {limit};\
         SET idle_in_transaction_session_timeout = {limit};\
         SET default_transaction_isolation = 'read committed';\
         SET default_transaction_read_only = off;\
         SET TIME ZONE 'UTC';"
    );
    session.push_str(match settings.durability {
        // A stronger setting of the server's own (a standby that must have it, too) stays.
        Durability::PowerLoss => {
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
        }
        Durability::ProcessCrash => "SET synchronous_commit = off;",
    });
    Backend::Postgres { url: url.into(), session }
}

/// libpq repeats the parts of a URL that it cannot read.
fn without_password(message: &str, url: &SecretString) -> String {
    let authority = url.expose_secret().split('/').nth(2).unwrap_or_default();
    let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).map(|(_, password)| password);
    match password {
        Some(password) if !password.is_empty() => message.replace(password, "[REDACTED]"),
        _ => message.to_owned(),
    }
}

/// Makes the file readable by its owner only: it holds password hashes and sealed keys. SQLite gives the files beside it
/// the same mode.
fn make_file(path: &str) -> Result<(), StoreError> {
    if Path::new(path).exists() {
        return Ok(());
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|error| StoreError::Settings(format!("cannot make the SQLite file {path}: {error}")))
}

fn check_sqlite(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: String = diesel::select(sql::<Text>("sqlite_version()")).get_result(connection)?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let (oldest, found) = (OLDEST_SQLITE, (next(), next(), next()));
    if found < oldest {
        return Err(StoreError::Settings(format!(
            "SQLite {version} can lose commits (WAL reset): at least {}.{}.{} is needed",
            oldest.0, oldest.1, oldest.2
        )));
    }
    let mode: String =
        diesel::select(sql::<Text>("(SELECT journal_mode FROM pragma_journal_mode)")).get_result(connection)?;
    if mode != "wal" {
        return Err(StoreError::Settings(format!(
            "SQLite cannot keep a write-ahead log here (journal mode {mode}): put the file on a local disk"
        )));
    }
    Ok(())
}

/// How long a call may take altogether, once it runs.
pub(super) fn longest_call(settings: &DatabaseSettings) -> Duration {
    settings.acquire_timeout + settings.statement_timeout + Duration::from_secs(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &mut AnyConnection, name: &str) -> i64 {
        let AnyConnection::Sqlite(connection) = connection else { panic!("not SQLite") };
        let value = sql::<diesel::sql_types::BigInt>(&format!("(SELECT * FROM pragma_{name})"));
        diesel::select(value).get_result(connection).unwrap()
    }

    #[test]
    fn a_sqlite_commit_survives_a_power_loss_unless_settings_say_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("x.sqlite").display());
        for (durability, synchronous) in [(Durability::PowerLoss, 2), (Durability::ProcessCrash, 1)] {
            let settings = DatabaseSettings { durability, ..DatabaseSettings::at(url.clone()) };
            let backend = Backend::of(&settings).unwrap();
            backend.prove().unwrap();
            let mut connection = backend.connect().unwrap();
            assert_eq!(pragma(&mut connection, "synchronous"), synchronous);
            assert_eq!(pragma(&mut connection, "foreign_keys"), 1);
            assert_eq!(pragma(&mut connection, "trusted_schema"), 0);
            assert_eq!(pragma(&mut connection, "busy_timeout"), 1000);
        }
    }

    #[test]
    fn waits_that_a_postgres_url_sets_itself_are_kept() {
        let settings = DatabaseSettings::at("postgres://u:p@db/x?connect_timeout=9");
        let Ok(Backend::Postgres { url, .. }) = Backend::of(&settings) else { panic!("not PostgreSQL") };
        let url = url.expose_secret();
        assert!(url.starts_with("postgres://u:p@db/x?connect_timeout=9&tcp_user_timeout=5000&"), "{url}");
        assert_eq!(url.matches("connect_timeout").count(), 1);
    }
}
