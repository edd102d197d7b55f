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

/// A database of its own on the copy of a disk; it stops when this is dropped.
pub struct DatabaseCopy {
    pub url: String,
    _cluster: Cluster,
}

impl Database {
    /// The user that `PostgreSQL` runs as, where that is not this process's own: what its disk must belong to.
    pub fn owner(self) -> Result<Option<String>> {
        if self == Self::Sqlite { Ok(None) } else { Cluster::user().map_err(Error::msg) }
    }
}

/// A disk of a test's own, for a `PostgreSQL` of its own.
#[derive(Clone, Debug)]
pub enum Disk {
    /// All of it lies there, and every commit is synced.
    Everything(PathBuf),
    /// The tables lie there; the log of what is to be written to them lies elsewhere.
    Tables(PathBuf),
    /// Every commit is synced, and the server finds this in its environment.
    Watched(Vec<(String, PathBuf)>),
}

fn start_on(disk: Option<Disk>) -> Result<(Cluster, String), String> {
    match disk {
        None => Cluster::start().map(|cluster| (cluster, None)),
        Some(Disk::Everything(directory)) => Cluster::start_in(&directory, true, &[]).map(|cluster| (cluster, None)),
        Some(Disk::Watched(environment)) => {
            Cluster::start_in(Path::new("/tmp"), true, &environment).map(|cluster| (cluster, None))
        }
        Some(Disk::Tables(directory)) => Cluster::start().map(|cluster| (cluster, Some(directory))),
    }
    .map(|(cluster, tables)| {
        let url = match tables {
            Some(directory) => cluster.create_database_in(&directory),
            None => cluster.create_database(),
        };
        (cluster, url)
    })
}

/// A stack's directory and database; gone with it, unless the directory was given.
pub(super) struct Storage {
    url: String,
    directory: PathBuf,
    own_cluster: Option<Cluster>,
    _temporary: Option<TempDir>,
}

impl Storage {
    /// `given`: a directory to keep; `disk`: where the tables of a PostgreSQL of its own lie.
    pub(super) async fn open(database: Database, given: Option<PathBuf>, disk: Option<Disk>) -> Result<Self> {
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
                let (cluster, url) = spawn_blocking(|| start_on(disk)).await?.map_err(Error::msg)?;
                own_cluster = Some(cluster);
                url
            }
        };
        Ok(Self { url, directory, own_cluster, _temporary: temporary })
    }

    /// The database as a copy of its disk has it, which is mounted at `copy`.
    pub(super) fn on_copy(&self, disk: &Path, copy: &Path) -> Result<DatabaseCopy> {
        let own = self.own_cluster()?;
        let folder = copy.join(own.folder().strip_prefix(disk)?);
        let cluster = own.start_copy(folder).map_err(Error::msg)?;
        let url = self.url.replace(&format!(":{}/", own.port()), &format!(":{}/", cluster.port()));
        Ok(DatabaseCopy { url, _cluster: cluster })
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
