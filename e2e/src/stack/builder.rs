//! What kind of stack, and starting it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use shared_claims::{Clock, SystemClock};

use super::database::{Disk, Storage};
use super::server::{Launcher, Mode};
use super::tls::Tls;
use super::{Binaries, Configuration, Database, Ports, Reserved, Stack};
use crate::steps::{ApiA, ApiB, AuthServer};

type Change = Box<dyn FnOnce(&mut Configuration) + Send>;

/// A stack that is not started yet.
pub struct Builder {
    database: Database,
    binaries: Option<Binaries>,
    processes: bool,
    clock: Arc<dyn Clock>,
    ports: Option<Ports>,
    directory: Option<PathBuf>,
    tls: bool,
    environment: Vec<(String, PathBuf)>,
    disk: Option<Disk>,
    changes: Vec<Change>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            database: Database::Sqlite,
            binaries: None,
            processes: false,
            clock: Arc::new(SystemClock),
            ports: None,
            directory: None,
            tls: false,
            environment: vec![],
            disk: None,
            changes: vec![],
        }
    }
}

impl Builder {
    /// The services run in this process: quick to start, and the clock can be held. The default.
    #[must_use]
    pub fn in_process(mut self) -> Self {
        self.processes = false;
        self
    }

    /// The services run as processes, from binaries that are built first.
    #[must_use]
    pub fn as_processes(mut self) -> Self {
        self.processes = true;
        self
    }

    /// The services run as processes, from these binaries.
    #[must_use]
    pub fn from(mut self, binaries: Binaries) -> Self {
        self.binaries = Some(binaries);
        self.as_processes()
    }

    #[must_use]
    pub fn on(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// The time, in all services. In process only.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// These ports instead of free ones.
    #[must_use]
    pub fn at(mut self, ports: Ports) -> Self {
        self.ports = Some(ports);
        self
    }

    /// Data stays in `directory` instead of being thrown away.
    #[must_use]
    pub fn keeping_data_in(mut self, directory: PathBuf) -> Self {
        self.directory = Some(directory);
        self
    }

    /// The auth server speaks https, by a certificate of a development CA, and its issuer ends in a slash. The other
    /// services trust the CA where they run as processes.
    #[must_use]
    pub fn with_tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Where a [`Database::OwnPostgres`] keeps what it has.
    #[must_use]
    pub fn on_disk(mut self, disk: Disk) -> Self {
        self.disk = Some(disk);
        self
    }

    /// A variable in the environment of the auth server, as a process.
    #[must_use]
    pub fn with_environment(mut self, name: &str, value: PathBuf) -> Self {
        self.environment.push((name.to_owned(), value));
        self
    }

    /// A change to the demo world's configuration.
    #[must_use]
    pub fn configured(mut self, change: impl FnOnce(&mut Configuration) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Starts the stack; it is ready when this returns.
    pub async fn start(self) -> Result<Stack> {
        // It holds much, and every test holds it.
        Box::pin(self.start_all()).await
    }

    async fn start_all(self) -> Result<Stack> {
        let reserved = self.ports.map_or_else(Reserved::free, Reserved::bind)?;
        let ports = reserved.ports;
        let storage =
            Storage::open(self.database, self.directory, self.disk).await.context("the database does not start")?;
        let mut configuration = Configuration::demo(ports)?;
        configuration.store_at(storage.url(), storage.directory());
        let tls = self.tls.then(|| Tls::in_directory(storage.directory())).transpose()?;
        if let Some(tls) = &tls {
            tls.configure(&mut configuration, ports);
        }
        for change in self.changes {
            change(&mut configuration);
        }
        let mode = match (self.processes, self.binaries) {
            (false, _) => Mode::InProcess(self.clock),
            (true, Some(binaries)) => Mode::Processes(binaries),
            (true, None) => Mode::Processes(tokio::task::spawn_blocking(Binaries::built).await??),
        };
        let directory = storage.directory().to_owned();
        let launcher = Launcher { configuration, mode, tls, directory, environment: self.environment };
        let mut servers = vec![];
        for (service, listener) in reserved.into_listeners() {
            servers.push((service, launcher.start(service, listener, ports).await?));
        }
        let auth_server = AuthServer::discover(launcher.configuration.issuer()).await?;
        let stack = Stack {
            api_a: ApiA::at(&ports.api_a())?,
            api_b: ApiB::at(&ports.api_b())?,
            api_c: ApiB::at(&ports.api_c())?,
            api_a2: ApiA::at(&ports.api_a2())?,
            auth_server,
            ports,
            servers,
            launcher,
            storage,
        };
        stack.expect_ready().await?;
        Ok(stack)
    }
}

impl Stack {
    /// Waits until the auth server answers `/readyz` with `status`: it may keep an answer for a second.
    pub async fn readiness_becomes(&self, status: u16) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.auth_server.get("/readyz").await?;
            if answer.status == status {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "after 30 s /readyz is still {answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Each service says of itself that it is ready.
    async fn expect_ready(&self) -> Result<()> {
        let auth_server = self.auth_server.get("/readyz").await?;
        ensure!(auth_server.status == 200, "the auth server is not ready: {auth_server:?}");
        let apis = [&self.api_b, &self.api_c].map(|api| api.get("healthz", None));
        let mut answers = futures_util::future::try_join_all(apis).await?;
        for api in [&self.api_a2, &self.api_a] {
            answers.push(api.get("healthz", None).await?);
        }
        for answer in answers {
            ensure!(answer.status == 200, "an API is not well: {answer:?}");
        }
        Ok(())
    }
}
