//! The auth server's command line, run as an operator would run it beside a running stack.

use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{Binaries, Configuration, Service, Stack};

/// What a command said.
#[derive(Clone, Debug)]
pub struct Said {
    /// -1: ended by a signal.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Stack {
    /// Runs `auth-server --config FILE ARGUMENTS`, the file being this stack's configuration with a change.
    pub async fn command(&self, arguments: &[&str], change: impl FnOnce(&mut Configuration) + Send) -> Result<Said> {
        self.command_into(Stdio::piped(), arguments, change).await
    }

    /// The same where nobody reads what it says.
    pub async fn command_unread(&self, arguments: &[&str]) -> Result<Said> {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        self.command_into(writer.into(), arguments, |_| {}).await
    }

    async fn command_into(
        &self,
        stdout: Stdio,
        arguments: &[&str],
        change: impl FnOnce(&mut Configuration) + Send,
    ) -> Result<Said> {
        let mut configuration = self.launcher.configuration.clone();
        change(&mut configuration);
        let file = tempfile::Builder::new().suffix(".toml").tempfile_in(self.directory())?;
        std::fs::write(file.path(), toml::to_string(configuration.of(Service::AuthServer))?)?;
        let binary = tokio::task::spawn_blocking(Binaries::built).await??.of(Service::AuthServer);
        let output = Command::new(&binary)
            .arg("--config")
            .arg(file.path())
            .args(arguments)
            .current_dir(self.directory())
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", binary.display()))?
            .wait_with_output()
            .await?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}
