//! The figures: as a table for people, and for programs.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::load::{Pressure, Told};
use super::raw::Raw;
use super::scenario::Scenario;

/// All figures of one run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub cores: usize,
    /// Whether each figure is of a second only.
    pub quick: bool,
    pub runs: Vec<Run>,
}

/// One algorithm on one database.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    pub algorithm: String,
    pub database: String,
    pub raw: Raw,
    /// Of one sync of the disk below the database.
    pub disk_sync: Latency,
    /// Bytes that the auth server holds after the load.
    pub memory: u64,
    pub measured: Vec<Measured>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    pub scenario: Scenario,
    pub pressure: Pressure,
    pub per_second: f64,
    /// Of the auth server, for one request, in microseconds.
    pub cpu: f64,
    pub latency: Latency,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
}

impl Latency {
    pub fn of(times: &Histogram<u64>) -> Self {
        let at = |quantile| times.value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) }
    }
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer requests")]
    pub fn of(scenario: Scenario, pressure: Pressure, told: &Told, spent: Duration) -> Self {
        let requests = told.requests.max(1) as f64;
        Self {
            scenario,
            pressure,
            per_second: told.requests as f64 / told.time.as_secs_f64(),
            cpu: spent.as_secs_f64() * 1e6 / requests,
            latency: Latency::of(&told.latency),
        }
    }
}

impl Report {
    pub fn of_this_machine(quick: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { cores, quick, runs: Vec::new() }
    }
}

impl Pressure {
    pub fn in_words(self) -> String {
        match self {
            Self::AsFastAsItGoes { connections } => format!("{connections} connections"),
            Self::AtRate { per_second, .. } => format!("at {per_second:.0} a second"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cores{}", self.cores, if self.quick { ", a quick look: the figures are rough" } else { "" })?;
        for run in &self.runs {
            writeln!(f, "\n{} on {}", run.algorithm, run.database)?;
            let Raw { verify, sign } = run.raw;
            writeln!(
                f,
                "  raw: verification {verify:.1} us, signature {sign:.1} us; a disk sync {} us, p99 {} us; memory {} MiB",
                run.disk_sync.p50,
                run.disk_sync.p99,
                run.memory / 1024 / 1024
            )?;
            writeln!(
                f,
                "  {:<19} {:<16} {:>9} {:>9} {:>6} {:>9} {:>9} {:>9}",
                "", "", "a second", "CPU us", "ratio", "p50 us", "p99 us", "p99.9 us"
            )?;
            for one in &run.measured {
                let ratio = one.cpu / run.raw.both();
                let Latency { p50, p99, p999, .. } = one.latency;
                writeln!(
                    f,
                    "  {:<19} {:<16} {:>9.0} {:>9.1} {:>6.2} {p50:>9} {p99:>9} {p999:>9}",
                    one.scenario.name(),
                    one.pressure.in_words(),
                    one.per_second,
                    one.cpu,
                    ratio
                )?;
            }
        }
        Ok(())
    }
}
