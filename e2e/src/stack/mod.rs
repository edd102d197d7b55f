//! The services of the demo world on free ports, in this process or as processes, on `SQLite` or `PostgreSQL`.
//!
//! A [`Stack`] is ready when [`Builder::start`] returns: it waits for conditions, not for time. It stops in good order
//! by [`Stack::stop`]; when it is dropped instead, its processes are killed and its databases removed.

mod binaries;
mod builder;
mod command;
mod configuration;
mod database;
mod ports;
#[path = "../../../auth-server/tests/support/postgres.rs"]
mod postgres;
mod process;
mod server;
mod tls;

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};
use url::Url;

pub use binaries::Binaries;
pub use builder::Builder;
pub use command::Said;
pub use configuration::{Configuration, set, sqlite_in};
pub use database::{Database, DatabaseCopy, Disk};
pub use ports::{Ports, Reserved};

use crate::steps::{ApiA, ApiB, App, AuthServer, Person, Tokens};
use database::Storage;
use server::{Instance, Launcher};
use tls::Tls;

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    AuthServer,
    ApiA,
    ApiB,
    /// The archive: API B's binary with a configuration of its own.
    ApiC,
    /// The second API of the longer chain: API A's binary with a configuration of its own.
    ApiA2,
}

impl Service {
    /// In the order they start in.
    pub const ALL: [Self; 5] = [Self::AuthServer, Self::ApiB, Self::ApiC, Self::ApiA2, Self::ApiA];

    /// Its name in the demo world.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthServer => "auth-server",
            Self::ApiA => "api-a",
            Self::ApiB => "api-b",
            Self::ApiC => "api-c",
            Self::ApiA2 => "api-a2",
        }
    }

    /// The name of its binary and its crate.
    #[must_use]
    pub fn binary(self) -> &'static str {
        match self {
            Self::ApiC => Self::ApiB.name(),
            Self::ApiA2 => Self::ApiA.name(),
            other => other.name(),
        }
    }
}

/// A running demo world.
pub struct Stack {
    pub auth_server: AuthServer,
    pub api_a: ApiA,
    pub api_b: ApiB,
    /// The archive.
    pub api_c: ApiB,
    /// The second API of the longer chain.
    pub api_a2: ApiA,
    pub ports: Ports,
    // Order matters: the servers go before the storage that they use.
    servers: Vec<(Service, Instance)>,
    launcher: Launcher,
    storage: Storage,
}

impl Stack {
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The issuer, exactly as configured.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.launcher.configuration.issuer()
    }

    /// The certificate that clients of a stack over https have to trust.
    pub fn ca_certificate(&self) -> Result<PathBuf> {
        Ok(self.tls()?.ca_certificate())
    }

    /// By which a browser may be told to trust the auth server's certificate.
    pub fn key_fingerprint(&self) -> Result<String> {
        self.tls()?.key_fingerprint()
    }

    fn tls(&self) -> Result<&Tls> {
        self.launcher.tls.as_ref().context("this stack speaks plain http")
    }

    /// Where API A is, and the demo app at its root.
    #[must_use]
    pub fn api_a_url(&self) -> Url {
        self.ports.api_a()
    }

    #[must_use]
    pub fn api_b_url(&self) -> Url {
        self.ports.api_b()
    }

    #[must_use]
    pub fn api_c_url(&self) -> Url {
        self.ports.api_c()
    }

    #[must_use]
    pub fn api_a2_url(&self) -> Url {
        self.ports.api_a2()
    }

    /// The demo app.
    pub fn app(&self) -> Result<App> {
        App::demo(&self.auth_server, &self.api_a_url())
    }

    /// Steps 1 and 2 in one go: somebody signs in to the demo app.
    pub async fn sign_in(&self, username: &str) -> Result<Tokens> {
        self.app()?.sign_in(&Person::named(username)?).await
    }

    /// Where the services keep their files and, as processes, their logs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.storage.directory()
    }

    /// Stops the database of a stack on [`Database::OwnPostgres`] at once, as a crash would.
    pub fn stop_database(&self) -> Result<()> {
        self.storage.own_cluster()?.stop().map_err(Error::msg)
    }

    /// The `PostgreSQL` that a copy of this one's disk holds, as after a power cut. `disk`, `copy`: where either is mounted.
    pub fn database_on_copy(&self, disk: &Path, copy: &Path) -> Result<DatabaseCopy> {
        self.storage.on_copy(disk, copy)
    }

    /// Starts it again.
    pub fn resume_database(&self) -> Result<()> {
        self.storage.own_cluster()?.resume().map_err(Error::msg)
    }

    /// Starts one more auth server on the same database, as replicas run: same issuer, an address of its own.
    pub async fn replica(&mut self) -> Result<AuthServer> {
        let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let ports = Ports { auth_server: port, ..self.ports };
        let server = self.launcher.start(Service::AuthServer, listener, ports).await?;
        // Behind the first one: what stops or restarts the auth server means that.
        self.servers.push((Service::AuthServer, server));
        Ok(self.auth_server.at_port(port))
    }

    /// Stops one service; the others stay.
    pub async fn stop_service(&mut self, service: Service) -> Result<()> {
        if let Some(place) = self.servers.iter().position(|(running, _)| *running == service) {
            self.servers.remove(place).1.stop().await?;
        }
        Ok(())
    }

    /// The process of a service, where it is one.
    #[must_use]
    pub fn process_id(&self, service: Service) -> Option<u32> {
        self.process_ids(service).first().copied()
    }

    /// The same with those of its replicas.
    #[must_use]
    pub fn process_ids(&self, service: Service) -> Vec<u32> {
        let processes = self.servers.iter().filter(|(running, _)| *running == service);
        let ids = processes.filter_map(|(_, server)| match server {
            Instance::Process(process) => process.id(),
            Instance::InProcess(_) => None,
        });
        ids.collect()
    }

    /// Kills the process of a service (SIGKILL); where it has died by itself, it is only taken away.
    pub async fn kill_service(&mut self, service: Service) -> Result<()> {
        let place = self.servers.iter().position(|(running, _)| *running == service).context("it does not run")?;
        self.servers.remove(place).1.kill().await
    }

    /// Starts a stopped service again, at its old address and with its old data.
    pub async fn start_service(&mut self, service: Service) -> Result<()> {
        let listener = std::net::TcpListener::bind(self.ports.address(service))?;
        let server = self.launcher.start(service, listener, self.ports).await?;
        self.servers.push((service, server));
        Ok(())
    }

    /// Stops a service and starts it again with a changed configuration.
    pub async fn restart_with(&mut self, service: Service, change: impl FnOnce(&mut Configuration)) -> Result<()> {
        self.stop_service(service).await?;
        change(&mut self.launcher.configuration);
        self.start_service(service).await
    }

    /// Waits until a service ends by itself, which none should: what it said last. Services in this process never do.
    pub async fn first_to_end(&mut self) -> Result<String> {
        let ends = self.servers.iter_mut().filter_map(|(service, server)| match server {
            Instance::Process(process) => Some(Box::pin(async move {
                let status = process.ended().await?;
                Ok(format!("{} ended with {status}: {}", service.name(), process.last_words()))
            })),
            Instance::InProcess(_) => None,
        });
        let ends: Vec<_> = ends.collect();
        if ends.is_empty() {
            std::future::pending::<()>().await;
        }
        futures_util::future::select_all(ends).await.0
    }

    /// Stops everything, the callers before the called.
    pub async fn stop(mut self) -> Result<()> {
        while let Some((_, server)) = self.servers.pop() {
            server.stop().await?;
        }
        Ok(())
    }
}
