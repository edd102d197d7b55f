//! Starting one service, in this process or as a process, and stopping it again.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use shared_claims::Clock;
use shared_claims::service::Running;

use super::process::Process;
use super::tls::Tls;
use super::{Binaries, Configuration, Ports, Service};

/// How long a service may take to stop in good order.
const PATIENCE: Duration = Duration::from_secs(25);

/// A running service.
pub(super) enum Instance {
    InProcess(Running),
    Process(Box<Process>),
}

impl Instance {
    pub(super) async fn stop(self) -> Result<()> {
        let stopping = async {
            match self {
                Self::InProcess(running) => running.stop().await,
                Self::Process(process) => return process.stop().await,
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, stopping).await.context("a service does not stop")?
    }
}

impl Instance {
    /// Ends a process as a crash would.
    pub(super) async fn kill(self) -> Result<()> {
        match self {
            Self::InProcess(_) => bail!("only a process can be killed"),
            Self::Process(process) => process.kill().await,
        }
    }
}

/// How the services of a stack are started.
#[derive(Clone)]
pub(super) struct Launcher {
    pub configuration: Configuration,
    pub mode: Mode,
    pub tls: Option<Tls>,
    pub directory: PathBuf,
    /// What the auth server's process finds in its environment.
    pub environment: Vec<(String, PathBuf)>,
}

#[derive(Clone)]
pub(super) enum Mode {
    InProcess(Arc<dyn Clock>),
    Processes(Binaries),
}

impl Launcher {
    /// Starts `service` at its port, which `listener` has held so far.
    pub(super) async fn start(&self, service: Service, listener: TcpListener, ports: Ports) -> Result<Instance> {
        let text = self.configuration.written(service)?;
        let started = match &self.mode {
            Mode::InProcess(clock) => start_here(service, &text, listener, Arc::clone(clock)).await,
            Mode::Processes(binaries) => {
                // The process binds the port itself: it is let go at the last moment.
                drop(listener);
                let trusted = self.tls.iter().map(|tls| ("SSL_CERT_FILE".to_owned(), tls.ca_certificate()));
                let own = self.environment.iter().filter(|_| service == Service::AuthServer).cloned();
                let environment: Vec<_> = trusted.chain(own).collect();
                let (binary, address) = (binaries.of(service), ports.address(service));
                Process::start(&binary, service, &text, &self.directory, address, &environment)
                    .await
                    .map(|process| Instance::Process(Box::new(process)))
            }
        };
        started.with_context(|| format!("{} does not start", service.name()))
    }
}

async fn start_here(service: Service, text: &str, listener: TcpListener, clock: Arc<dyn Clock>) -> Result<Instance> {
    Ok(match service {
        Service::AuthServer => {
            Instance::InProcess(auth_server::start(auth_server::Config::from_toml(text)?, listener, clock).await?)
        }
        Service::ApiA | Service::ApiA2 => {
            Instance::InProcess(api_a::start(api_a::Config::from_toml(text)?, listener, clock).await?)
        }
        Service::ApiB | Service::ApiC => {
            Instance::InProcess(api_b::start(api_b::Config::from_toml(text)?, listener, clock).await?)
        }
    })
}
