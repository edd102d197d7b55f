//! The connections of the pool: made when needed, asked before use, thrown away when broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::result::QueryResult;
use log::warn;

use super::backend::Backend;
use super::connection::{AnyConnection, ConnectError};
use super::error::leaves_connection_whole;

/// A connection that is kept, in the pool or beside it, with what decides whether it is used again.
pub(super) struct KeptConnection {
    connection: AnyConnection,
    broken: bool,
    last_used: Instant,
}

/// A connection that was used so lately is not asked whether it is still there: that would double what a call costs.
const SURELY_THERE: Duration = Duration::from_millis(50);

impl From<AnyConnection> for KeptConnection {
    fn from(connection: AnyConnection) -> Self {
        Self { connection, broken: false, last_used: Instant::now() }
    }
}

impl KeptConnection {
    pub(super) fn run<T>(&mut self, work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>) -> QueryResult<T> {
        let result = work(&mut self.connection);
        self.last_used = Instant::now();
        self.broken |= result.as_ref().is_err_and(|error| !leaves_connection_whole(error));
        result
    }

    /// This connection, if it can be used again.
    pub(super) fn if_whole(self) -> Option<Self> {
        (!self.broken).then_some(self)
    }
}

/// Makes the pool's connections.
pub(super) struct Connector {
    pub(super) backend: Backend,
    /// Whether the last attempt to connect failed: calls then do not wait for the next one.
    pub(super) away: Arc<AtomicBool>,
}

impl r2d2::ManageConnection for Connector {
    type Connection = KeptConnection;
    type Error = ConnectError;

    fn connect(&self) -> Result<KeptConnection, ConnectError> {
        let connected = self.backend.connect();
        let was_away = self.away.swap(connected.is_err(), Ordering::Relaxed);
        if was_away && connected.is_ok() {
            warn!("the database is back");
        }
        Ok(connected?.into())
    }

    /// Asks before use: a call must not fail because the server was restarted since the last one.
    fn is_valid(&self, pooled: &mut KeptConnection) -> Result<(), ConnectError> {
        if pooled.last_used.elapsed() < SURELY_THERE {
            return Ok(());
        }
        if let AnyConnection::Postgres(connection) = &mut pooled.connection {
            diesel::sql_query("SELECT 1").execute(connection).map_err(|error| ConnectError(error.to_string()))?;
        }
        Ok(())
    }

    fn has_broken(&self, pooled: &mut KeptConnection) -> bool {
        pooled.broken || std::thread::panicking()
    }
}
