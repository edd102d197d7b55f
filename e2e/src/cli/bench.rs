//! `e2e bench`: the command line of the benchmark.

use std::path::PathBuf;
use std::process::ExitCode;

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
    #[command(flatten)]
    depth: DepthArgs,
    /// Measure how cost grows too: with clients, users, grants, rows of the ledger, actors and replicas.
    #[arg(long)]
    growth: bool,
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

#[derive(Clone, Copy, Debug, Args)]
struct DepthArgs {
    /// A look at everything, a second each: the figures are rough.
    #[arg(long, conflicts_with = "long")]
    quick: bool,
    /// More time for each figure, a million exchanges before memory is looked at, ten million rows with --growth.
    #[arg(long)]
    long: bool,
}

impl From<DepthArgs> for Depth {
    fn from(arguments: DepthArgs) -> Self {
        match arguments {
            DepthArgs { quick: true, .. } => Self::Quick,
            DepthArgs { long: true, .. } => Self::Long,
            DepthArgs { .. } => Self::Normal,
        }
    }
}

impl From<BenchArgs> for Options {
    fn from(arguments: BenchArgs) -> Self {
        let BenchArgs { json, html, depth, growth, requests, check, port, parts, scenarios, algorithms, databases } =
            arguments;
        Self { json, html, depth: depth.into(), requests, growth, check, port, parts, scenarios, algorithms, databases }
    }
}

/// Exit codes: 0 measured, 1 something failed or, with `--check`, a goal is missed, 2 nothing can be measured like this.
pub(super) async fn run(arguments: BenchArgs) -> ExitCode {
    match bench::run(arguments.into()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Refused>() => complain(&error, 2),
        Err(error) => complain(&error, 1),
    }
}
