//! A service as a process of its own: its configuration in a file, its output in a log, gone when it is dropped.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};

use super::Service;

/// How long a service may take to become ready.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a killed one may take to be gone.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// A running process.
pub(crate) struct Process {
    child: Child,
    service: Service,
    log: PathBuf,
}

impl Process {
    /// Starts `binary` and returns once it has said that it is ready.
    pub(crate) async fn start(
        binary: &Path,
        service: Service,
        configuration: &str,
        directory: &Path,
        address: SocketAddr,
        environment: &[(String, PathBuf)],
    ) -> Result<Self> {
        let file = |ending: &str| directory.join(format!("{}.{ending}", service.name()));
        let (config, ready, log) = (file("toml"), file("ready"), file("log"));
        fs::write(&config, configuration)?;
        if ready.exists() {
            fs::remove_file(&ready)?;
        }
        let output = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = Command::new(binary);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command
            .arg("--config")
            .arg(&config)
            .arg("--port")
            .arg(address.port().to_string())
            .arg("--ready-file")
            .arg(&ready)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C at a terminal reaches the harness alone, which then stops its services in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        let mut process = Self { child, service, log };
        process.wait_until_ready(&ready).await?;
        Ok(process)
    }

    /// The ready file is renamed into place when the service accepts connections.
    async fn wait_until_ready(&mut self, ready: &Path) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !ready.exists() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}: {}", self.service.name(), self.last_words());
            }
            ensure!(Instant::now() < deadline, "{} is not ready: {}", self.service.name(), self.last_words());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Asks the process to stop (SIGTERM) and waits until it has: with 0, or something is wrong.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("sh").arg("-c").arg(format!("kill -TERM {pid}")).status().await?;
        }
        let status = self.child.wait().await?;
        ensure!(status.success(), "{} stopped with {status}: {}", self.service.name(), self.last_words());
        Ok(())
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills the process (SIGKILL), as a crash would end it, and waits until it has gone.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("it cannot be killed")
    }

    /// Waits until the process ends by itself.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// The end of the log: what a person needs to see why.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Process {
    /// Killed, and gone when this returns: what it writes to is removed next.
    fn drop(&mut self) {
        if self.child.start_kill().is_err() {
            return;
        }
        let deadline = Instant::now() + LAST_PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
