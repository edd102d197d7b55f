//! Bringing the tables up to this program's version.

use diesel::connection::SimpleConnection as _;
use diesel::result::QueryResult;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use log::info;
use tokio::task::spawn_blocking;

use super::connection::AnyConnection;
use super::{Store, StoreError, Unavailability};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Replicas that start together take turns under this lock: the letters "deputy".
const LOCK: i64 = 0x64_65_70_75_74_79;

impl Store {
    /// Applies the migrations that are missing, each in a transaction. Nothing happens where none is missing.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // A connection of its own: no statement timeout, and the lock falls with it whatever happens.
        let backend = self.0.backend.clone();
        let migration = spawn_blocking(move || {
            let connected = backend.connect();
            let mut connection =
                connected.map_err(|error| StoreError::unavailable(Unavailability::Disconnected, error))?;
            migrate(&mut connection)
        });
        migration.await.map_err(|panic| StoreError::Bug(panic.to_string()))?
    }
}

fn migrate(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let applied = match connection {
        AnyConnection::Sqlite(connection) => {
            // What sorts all rows of a table needs no memory for them.
            connection.batch_execute("PRAGMA temp_store = FILE")?;
            connection.run_pending_migrations(SQLITE).map(|run| run.len())
        }
        AnyConnection::Postgres(connection) => {
            take_turn(connection)?;
            connection.run_pending_migrations(POSTGRES).map(|run| run.len())
        }
    };
    let applied = applied.map_err(|error| {
        // The harness hands out one error for all; what passes by itself must stay recognisable.
        match error.downcast::<diesel::result::Error>() {
            Ok(error) => StoreError::from(*error),
            Err(error) => StoreError::Bug(format!("migration failed: {error}")),
        }
    })?;
    if applied > 0 {
        info!("the database has been migrated ({applied} steps)");
    }
    Ok(())
}

fn take_turn(connection: &mut diesel::PgConnection) -> QueryResult<()> {
    connection.batch_execute(&format!(
        "SET statement_timeout = 0; SET lock_timeout = '60s'; SELECT pg_advisory_lock({LOCK}); SET lock_timeout = 0;"
    ))
}
