//! `e2e bench`: the command line of the benchmark.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::complain;
use crate::bench::{self, Depth, Engine, Options, Part, Refused, Scenario};

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Write the figures to this file, for programs.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write them to this file as a page, with plots.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// A look at everything in a few minutes, where it takes some forty else: the figures are rough.
    #[arg(long)]
    quick: bool,
    /// How long a load lasts, for a profiler say [default: 4, with --quick 0.8]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// How many exchanges are made before memory is looked at.
    #[arg(long, value_name = "COUNT")]
    requests: Option<u64>,
    /// Fail (exit code 1) where a goal is missed.
    #[arg(long)]
    check: bool,
    /// Let the auth server listen here, for a profiler say [default: any port that is free]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Measure this part only (may be repeated).
    #[arg(long = "part", value_enum, value_name = "NAME")]
    parts: Vec<Part>,
    /// Measure this at the auth server only (may be repeated).
    #[arg(long = "scenario", value_enum, value_name = "NAME")]
    scenarios: Vec<Scenario>,
    /// Sign with this only (may be repeated): `ES256`, `EdDSA`, `RS256`.
    #[arg(long = "algorithm", value_name = "ALG")]
    algorithms: Vec<String>,
    /// Store here only (may be repeated).
    #[arg(long = "database", value_enum, value_name = "NAME")]
    databases: Vec<Engine>,
}

impl From<BenchArgs> for Options {
    fn from(arguments: BenchArgs) -> Self {
        let BenchArgs { json, html, quick, seconds, requests, check, port, parts, scenarios, algorithms, databases } =
            arguments;
        let depth = if quick { Depth::Quick } else { Depth::Full };
        Self { json, html, depth, time: seconds, requests, check, port, parts, scenarios, algorithms, databases }
    }
}

/// A load of no time measures nothing, and nobody waits longer than an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let possible = Duration::from_millis(100)..=Duration::from_hours(1);
    seconds.filter(|time| possible.contains(time)).ok_or_else(|| "0.1 to 3600 seconds".to_owned())
}

/// Exit codes: 0 measured, 1 something failed or, with `--check`, a goal is missed, 2 nothing can be measured like this.
pub(super) async fn run(arguments: BenchArgs) -> ExitCode {
    match bench::run(arguments.into()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Refused>() => complain(&error, 2),
        Err(error) => complain(&error, 1),
    }
}
