//! The server that is measured: started here, as it ships, on the demo world, with one signature algorithm for all tokens.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::cpu;
use crate::stack::{Binaries, Configuration, Database, Service, Stack, set};
use crate::steps::{Person, Tokens};

pub struct Server {
    pub stack: Stack,
    pid: u32,
}

impl Server {
    pub async fn start(algorithm: &str, database: Database) -> Result<Self> {
        let algorithm = algorithm.to_owned();
        let configure = move |world: &mut Configuration| {
            set(&mut world.auth_server, "keys.signing_alg", algorithm.as_str());
            // For the load alone: nothing that is measured depends on it.
            set(&mut world.auth_server, "exchange.error_docs", false);
        };
        let binaries = tokio::task::spawn_blocking(Binaries::built).await??;
        let stack = Stack::builder().from(binaries).on(database).configured(configure).start().await?;
        let pid = stack.process_id(Service::AuthServer).context("the auth server is no process")?;
        Ok(Self { stack, pid })
    }

    pub fn cpu(&self) -> Result<Duration> {
        cpu::of_process(self.pid)
    }

    pub fn memory(&self) -> Result<u64> {
        cpu::resident(self.pid)
    }

    pub fn directory(&self) -> &Path {
        self.stack.directory()
    }

    /// So many people sign in to the demo app, one after the other in one browser.
    pub async fn sign_ins(&self, count: usize) -> Result<Vec<Tokens>> {
        let (app, alice) = (self.stack.app()?, Person::named("alice")?);
        let mut tokens = Vec::with_capacity(count);
        for _ in 0..count {
            tokens.push(app.sign_in(&alice).await?);
        }
        Ok(tokens)
    }

    pub async fn stop(self) -> Result<()> {
        self.stack.stop().await
    }
}
