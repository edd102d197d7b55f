//! Where a stack keeps its data: a directory of its own, and a database of its own on either engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::configuration::sqlite_in;
use super::postgres::Cluster;

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

/// A stack's directory and database; gone with it, unless the directory was given.
pub(super) struct Storage {
    url: String,
    directory: PathBuf,
    cluster: Option<Arc<Cluster>>,
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
        let cluster = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(tokio::task::spawn_blocking(Cluster::shared).await??),
            Database::OwnPostgres => Some(tokio::task::spawn_blocking(|| Cluster::start().map(Arc::new)).await??),
        };
        let url = match &cluster {
            None => sqlite_in(&directory, "auth-server"),
            Some(cluster) => {
                let cluster = Arc::clone(cluster);
                tokio::task::spawn_blocking(move || cluster.create_database()).await??
            }
        };
        Ok(Self { url, directory, cluster, _temporary: temporary })
    }

    /// The auth server's database.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_deref()
    }
}
