//! From the start of the process to ready on a database that is there, and memory: idle, after many exchanges, with many
//! clients.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};

use super::load::{self, Length, Pressure};
use super::options::{Engine, Options};
use super::preparation::prepare;
use super::report::Start;
use super::scenario::Scenario;
use super::server::{Kind, Server};
use super::{clients, cpu, tell};
use crate::stack::{Binaries, Service, Stack};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// So often it is looked whether the server is ready: far shorter than what is measured.
const LOOK: Duration = Duration::from_micros(250);

/// The server is idle when it has done twice what it does every half second.
const IDLE: Duration = Duration::from_millis(1200);

const PRESSURE: Pressure = Pressure::AsFastAsItGoes { connections: 16 };

/// On each database.
pub async fn measure(options: &Options) -> Result<Vec<Start>> {
    let mut measured = Vec::new();
    for engine in options.engines() {
        measured.push(Box::pin(on(engine, options)).await.context(engine.name())?);
    }
    Ok(measured)
}

async fn on(engine: Engine, options: &Options) -> Result<Start> {
    tell(&format!("start-up and memory, {}", engine.name()));
    // One person is enough, and a start looks for everybody in the configuration.
    let kind = Kind { people: 1, ..Kind::of(options, options.algorithm(), engine) };
    let mut server = Server::start(&kind).await?;
    let (mut ready, mut idle) = (Vec::new(), 0);
    let count = options.depth.starts();
    server
        .replace(async |stack| {
            for _ in 0..count {
                let started = start_once(stack).await?;
                ready.push(started.0);
                idle = started.1;
            }
            Ok(())
        })
        .await?;
    let requests = options.requests.unwrap_or(options.depth.exchanges());
    let work = prepare(Scenario::Exchange, &mut server, 0).await?;
    tell(&format!("  {requests} exchanges"));
    load::make(&work, PRESSURE, Length::counting(requests)).await?;
    let after_exchanges = server.memory()?;
    server.stop().await?;
    let count = options.depth.clients();
    tell(&format!("  {count} clients"));
    let server = Server::start_with(&kind, move |world| clients::add(world, count)).await?;
    tokio::time::sleep(IDLE).await;
    let with_clients = server.memory()?;
    server.stop().await?;
    Ok(Start {
        database: engine,
        ready,
        idle,
        exchanges: requests,
        after_exchanges,
        clients: count as u64,
        with_clients,
    })
}

/// Milliseconds until it was ready, and the memory that it held when idle.
async fn start_once(stack: &Stack) -> Result<(f64, u64)> {
    let binary = Binaries::built()?.of(Service::AuthServer);
    let file = stack.directory().join("bench.ready");
    let begun = Instant::now();
    let mut process = spawn(&binary, stack, &file)?;
    while !file.exists() {
        ensure!(process.try_wait()?.is_none() && begun.elapsed() < PATIENCE, "the server does not start");
        tokio::time::sleep(LOOK).await;
    }
    let ready = begun.elapsed();
    tokio::time::sleep(IDLE).await;
    let pid = process.id().context("it has ended")?;
    let idle = cpu::resident(pid)?;
    let ended = Command::new("sh").arg("-c").arg(format!("kill -TERM {pid}")).status().await?;
    ensure!(ended.success() && process.wait().await?.success(), "the server does not stop");
    std::fs::remove_file(file)?;
    Ok((ready.as_secs_f64() * 1000.0, idle))
}

/// With the configuration that the stack has written, and nothing of the harness in between.
fn spawn(binary: &Path, stack: &Stack, ready: &Path) -> Result<Child> {
    let configuration = stack.directory().join(format!("{}.toml", Service::AuthServer.name()));
    let mut command = Command::new(binary);
    command.arg("--config").arg(configuration).arg("--ready-file").arg(ready);
    command.args(["--port", &stack.ports.auth_server.to_string()]).current_dir(stack.directory());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
    command.spawn().with_context(|| format!("cannot run {}", binary.display()))
}
