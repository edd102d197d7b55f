//! `e2e bench`: what an exchange costs, in one run, on one machine, everything side by side.
//!
//! The auth server runs as a process of its own; its CPU time is the operating system's (`cpu`). Beside it stands the CPU time
//! of one verification and one signature by the same library (`raw`): machines differ, the ratio does less. Load is made in two
//! ways (`load`): as fast as it goes, and at a fixed rate, where a late answer counts from when it should have been asked for.

mod cpu;
mod disk;
mod load;
mod page;
mod raw;
mod report;
mod scenario;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::stack::Database;
use load::Pressure;
pub use report::Report;
use report::{Measured, Run};
pub use scenario::Scenario;
use server::Server;

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the figures go as JSON.
    pub json: Option<PathBuf>,
    /// Where they go as a page.
    pub html: Option<PathBuf>,
    /// Whether a look at everything will do: figures of a second each.
    pub quick: bool,
    /// All that there are, where none is named; likewise below.
    pub scenarios: Vec<Scenario>,
    pub algorithms: Vec<String>,
    pub databases: Vec<Engine>,
}

/// What the auth server stores in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl From<Engine> for Database {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite,
            Engine::Postgres => Self::Postgres,
        }
    }
}

impl Options {
    fn wants(&self, scenario: Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario)
    }
}

/// Signature algorithms of access tokens, as the configuration names them.
const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// How many connections ask at once.
const CONNECTIONS: [usize; 3] = [1, 16, 256];

/// So many files are open at once: two for each connection, here and at the server.
const FILES: u64 = 1024;

/// Measures until all is measured or somebody interrupts; either way nothing is left behind.
pub async fn run(options: Options) -> Result<()> {
    refuse_what_tells_nothing()?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let report = tokio::select! {
        report = measure(&options) => report?,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("stopped"),
    };
    println!("{report}");
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&report)?).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &options.html {
        std::fs::write(file, page::of(&report)).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn refuse_what_tells_nothing() -> Result<()> {
    if cfg!(debug_assertions) {
        bail!("this is a debug build, whose figures mean nothing: cargo run --release -p e2e -- bench");
    }
    let (files, _) = rlimit::Resource::NOFILE.get()?;
    ensure!(files >= FILES, "only {files} files may be open, and {FILES} are needed: ulimit -n {FILES}");
    Ok(())
}

async fn measure(options: &Options) -> Result<Report> {
    let time = if options.quick { Duration::from_secs(1) } else { Duration::from_secs(8) };
    let mut report = Report::of_this_machine(options.quick);
    let engines = if options.databases.is_empty() { Engine::value_variants() } else { &options.databases };
    let algorithms: Vec<&str> = options.algorithms.iter().map(String::as_str).collect();
    let algorithms = if algorithms.is_empty() { &ALGORITHMS } else { algorithms.as_slice() };
    for engine in engines {
        let database = Database::from(*engine);
        if database.is_left_out() {
            continue;
        }
        for algorithm in algorithms {
            eprintln!("{algorithm} on {database:?}");
            report.runs.push(measure_one(options, algorithm, database, time).await?);
        }
    }
    Ok(report)
}

async fn measure_one(options: &Options, algorithm: &str, database: Database, time: Duration) -> Result<Run> {
    let raw = raw::measure(algorithm)?;
    let server = Server::start(algorithm, database).await?;
    let disk_sync = disk::sync(server.directory())?;
    let mut measured = Vec::new();
    for scenario in Scenario::value_variants().iter().copied().filter(|scenario| options.wants(*scenario)) {
        let work = scenario.prepare(&server).await.with_context(|| format!("{scenario:?}"))?;
        for connections in CONNECTIONS {
            let pressure = Pressure::AsFastAsItGoes { connections };
            measured.push(one(&server, scenario, &work, pressure, time).await?);
        }
        if scenario == Scenario::Exchange {
            let fastest: f64 = measured.iter().map(|one: &Measured| one.per_second).fold(0.0, f64::max);
            let pressure = Pressure::AtRate { per_second: fastest / 2.0, connections: 64 };
            measured.push(one(&server, scenario, &work, pressure, time).await?);
        }
    }
    let memory = server.memory()?;
    server.stop().await?;
    Ok(Run { algorithm: algorithm.to_owned(), database: format!("{database:?}"), raw, disk_sync, memory, measured })
}

async fn one(
    server: &Server,
    scenario: Scenario,
    work: &scenario::Work,
    pressure: Pressure,
    time: Duration,
) -> Result<Measured> {
    // Connections, caches and branches are warm before anything counts.
    load::make(work, pressure, time / 8).await?;
    let before = server.cpu()?;
    let told = load::make(work, pressure, time).await.with_context(|| format!("{scenario:?} {pressure:?}"))?;
    let spent = server.cpu()?.saturating_sub(before);
    Ok(Measured::of(scenario, pressure, &told, spent))
}
