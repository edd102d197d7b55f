//! Where a stack keeps its data: a directory of its own, and a database of its own on either engine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::configuration::sqlite_in;
use super::postgres::{self, Cluster};

/// The engine below the auth server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Database {
    #[default]
    Sqlite,
    /// A database in a throw-away cluster that the tests of this process share.
    Postgres,
    /// A throw-away cluster of its own, which a test may stop and start.
    OwnPostgres,
}

impl Database {
    /// Whether tests on this engine are to be left out (`DEPUTY_SKIP_POSTGRES=1`); says so if they are.
    #[must_use]
    pub fn is_left_out(self) -> bool {
        self != Self::Sqlite && postgres::skipped()
    }
}

/// A stack's directory and database; gone with it, unless the directory was given.
pub(super) struct Storage {
    url: String,
    directory: PathBuf,
    own_cluster: Option<Cluster>,
    _temporary: Option<TempDir>,
}

impl Storage {
    pub(super) async fn open(database: Database, given: Option<PathBuf>) -> Result<Self> {
        let (directory, temporary) = if let Some(directory) = given {
            std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
            (directory, None)
        } else {
            let temporary = tempfile::Builder::new().prefix("deputy-").tempdir()?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let directory = std::path::absolute(directory)?;
        let mut own_cluster = None;
        let url = match database {
            Database::Sqlite => sqlite_in(&directory, "auth-server"),
            Database::Postgres => {
                let url = spawn_blocking(|| postgres::shared().map(Cluster::create_database)).await?;
                url.context("PostgreSQL is left out by DEPUTY_SKIP_POSTGRES")?
            }
            Database::OwnPostgres => {
                let cluster = spawn_blocking(Cluster::start).await?.map_err(Error::msg)?;
                own_cluster.insert(cluster).create_database()
            }
        };
        Ok(Self { url, directory, own_cluster, _temporary: temporary })
    }

    /// The auth server's database.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn own_cluster(&self) -> Result<&Cluster> {
        self.own_cluster.as_ref().context("this stack has no PostgreSQL of its own")
    }
}
