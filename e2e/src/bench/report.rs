//! The figures, as they are written to `--json` and as tables and page show them.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::cpu;
use super::load::{Pressure, Told};
use super::options::{Depth, Engine};
use super::raw::Raw;
use super::scenario::Scenario;
use super::stalls::Stalls;
use crate::suite;

/// All figures of one run. What was not measured is not there.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    pub processor: String,
    pub cores: usize,
    pub depth: Depth,
    pub runs: Vec<Run>,
    /// By algorithm.
    pub validation: Vec<Validation>,
    /// By algorithm.
    pub cached_calls: Vec<CachedCall>,
    pub chain: Option<Chain>,
    /// By database.
    pub start: Vec<Start>,
    pub growth: Vec<Growth>,
    pub goals: Vec<Goal>,
}

/// One algorithm on one database.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    pub algorithm: String,
    pub database: Engine,
    /// Whether a power cut may take what was answered (`database.durability = "process_crash"`).
    pub relaxed: bool,
    /// Of one sync of the disk below the database.
    pub disk_sync: Latency,
    /// Of the machine itself.
    pub stalls: Stalls,
    /// Of a server that does nothing but the raw work, at half of the most that it can do; where a goal is about latency.
    pub bare: Option<Latency>,
    pub measured: Vec<Measured>,
}

/// One load.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    pub scenario: Scenario,
    pub pressure: Pressure,
    pub requests: u64,
    pub per_second: f64,
    /// CPU time of the auth server for one request, in microseconds.
    pub cpu: f64,
    /// One verification and one signature at the same time.
    pub raw: Raw,
    /// CPU time of an exchange, measured right before and right after, where it is compared with one.
    pub exchange: Option<f64>,
    /// What part of a core it took to ask: of all connections one thread takes care.
    pub load: f64,
    pub latency: Latency,
    /// Of one sync of the disk at the same time, where requests come at a fixed rate.
    pub sync: Option<Latency>,
}

/// Microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
}

/// The check of a token at an API, the status list included: CPU time in microseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Validation {
    pub algorithm: String,
    pub raw: Raw,
    /// A token that was not seen before.
    pub first: f64,
    /// One that was.
    pub repeat: f64,
}

/// A call of API A that makes it call the next API: CPU time of API A's server in microseconds. What the auth server stores in is
/// nothing to it.
#[derive(Debug, Serialize, Deserialize)]
pub struct CachedCall {
    pub algorithm: String,
    /// By a handler that asks for no token and sends none.
    pub unprotected: f64,
    /// By one that checks its caller's token and sends its own, which it has.
    pub protected: f64,
}

/// A call that goes through three APIs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chain {
    pub algorithm: String,
    /// With a token that no API has seen: two exchanges, three validations.
    pub first: ChainCall,
    /// With one that all of them know.
    pub repeated: ChainCall,
}

/// One kind of such calls, by many callers at once unless said otherwise.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ChainCall {
    /// CPU time of the auth server for one call, in microseconds.
    pub auth_server: f64,
    /// That of the three APIs together.
    pub apis: f64,
    pub per_second: f64,
    /// Of one caller by himself.
    pub alone: Latency,
}

/// Start-up, and memory in bytes.
#[derive(Debug, Serialize, Deserialize)]
pub struct Start {
    pub database: Engine,
    /// Milliseconds from the start of the process until requests are accepted, on a database that is there.
    pub ready: Vec<f64>,
    pub idle: u64,
    /// After so many exchanges.
    pub exchanges: u64,
    pub after_exchanges: u64,
    /// Idle, with so many clients.
    pub clients: u64,
    pub with_clients: u64,
}

/// How the cost of an exchange depends on one thing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Growth {
    /// What grows.
    pub of: String,
    pub points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Point {
    pub size: u64,
    /// CPU time of the auth servers for one exchange, in microseconds.
    pub cpu: f64,
    pub raw: Raw,
}

/// A figure that must not be higher than its goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    pub what: String,
    pub unit: String,
    pub measured: f64,
    pub at_most: f64,
}

impl Latency {
    pub fn of(times: &Histogram<u64>) -> Self {
        let at = |quantile| times.value_at_quantile(quantile);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) }
    }
}

impl Measured {
    pub fn of(scenario: Scenario, pressure: Pressure, told: &Told, cpu: f64, raw: Raw) -> Self {
        Self {
            scenario,
            pressure,
            requests: told.requests,
            per_second: told.per_second(),
            cpu,
            raw,
            exchange: None,
            load: told.share(),
            latency: Latency::of(&told.latency),
            sync: None,
        }
    }

    /// How many times the raw work it is.
    pub fn ratio(&self) -> f64 {
        self.cpu / self.raw.both()
    }

    /// How many times an exchange it is.
    pub fn of_an_exchange(&self) -> Option<f64> {
        self.exchange.map(|exchange| self.cpu / exchange)
    }

    /// An exchange as fast as it goes.
    pub fn is_closed_exchange(&self) -> bool {
        self.scenario == Scenario::Exchange && matches!(self.pressure, Pressure::AsFastAsItGoes { .. })
    }
}

impl Run {
    pub fn has_exchanges(&self) -> bool {
        self.measured.iter().any(Measured::is_closed_exchange)
    }

    /// The load of a scenario by so many connections as fast as it goes.
    pub fn at(&self, scenario: Scenario, connections: usize) -> Option<&Measured> {
        let pressure = Pressure::AsFastAsItGoes { connections };
        self.measured.iter().find(|one| one.scenario == scenario && one.pressure == pressure)
    }

    /// The exchanges at a fixed rate that is half of the most that the server can do.
    pub fn at_rate(&self) -> Option<&Measured> {
        let is_at_rate = |one: &&Measured| matches!(one.pressure, Pressure::AtRate { .. });
        let exchanges = self.measured.iter().filter(|one| one.scenario == Scenario::Exchange);
        let at_rate = exchanges.filter(is_at_rate);
        at_rate.max_by(|one, other| one.per_second.total_cmp(&other.per_second))
    }

    fn syncs_in_words(&self) -> String {
        let words = |sync: Latency| format!("p50 {} us, p99 {} us", sync.p50, sync.p99);
        let beside = self.at_rate().and_then(|one| one.sync);
        let beside = beside.map(|sync| format!("; beside exchanges at half of the most {}", words(sync)));
        format!("a sync of the disk took {}{}", words(self.disk_sync), beside.unwrap_or_default())
    }

    /// In words, what the machine made of it.
    pub(super) fn circumstances(&self) -> Vec<String> {
        let bare = self.bare.map(|Latency { p50, p99, .. }| {
            format!("a server of the raw work alone, at half of its most, answers after p50 {p50} us, p99 {p99} us")
        });
        [self.syncs_in_words(), self.stalls.in_words()].into_iter().chain(bare).collect()
    }

    pub fn name(&self) -> String {
        let relaxed = if self.relaxed { ", durability process_crash" } else { "" };
        format!("{} on {}{relaxed}", self.algorithm, self.database.name())
    }
}

impl Start {
    pub fn median_ready(&self) -> f64 {
        super::raw::median(&self.ready)
    }
}

impl Growth {
    /// The dearest point beside the cheapest, each beside its raw work: 1 is flat.
    pub fn steepness(&self) -> f64 {
        let ratios: Vec<f64> = self.points.iter().map(Point::ratio).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        ratios.iter().copied().fold(0.0, f64::max) / least
    }
}

impl Point {
    pub fn ratio(&self) -> f64 {
        self.cpu / self.raw.both()
    }
}

impl Goal {
    pub fn new(what: impl Into<String>, unit: &str, measured: f64, at_most: f64) -> Self {
        Self { what: what.into(), unit: unit.to_owned(), measured, at_most }
    }

    pub fn is_reached(&self) -> bool {
        self.measured <= self.at_most
    }
}

impl Report {
    pub(super) fn of_this_machine(depth: Depth) -> Self {
        Self {
            processor: cpu::model(),
            cores: cpu::cores(),
            depth,
            runs: Vec::new(),
            validation: Vec::new(),
            cached_calls: Vec::new(),
            chain: None,
            start: Vec::new(),
            growth: Vec::new(),
            goals: Vec::new(),
        }
    }

    /// Whether anything was measured.
    pub(super) fn has_figures(&self) -> bool {
        let Self { runs, validation, cached_calls, chain, start, growth, .. } = self;
        let parts =
            [runs.is_empty(), validation.is_empty(), cached_calls.is_empty(), start.is_empty(), growth.is_empty()];
        chain.is_some() || parts.contains(&false)
    }

    /// Where it was measured, and how thoroughly.
    pub(super) fn machine(&self) -> String {
        let build = if is_smoke_build() { ", by a build whose figures mean nothing" } else { "" };
        format!("{} cores of {}{}{build}", self.cores, self.processor, self.depth.in_words())
    }
}

/// Whether the services are of the quickly made build with which `./test` only looks whether the benchmark runs.
fn is_smoke_build() -> bool {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.to_owned());
    let directory = suite::binaries().or_else(beside);
    directory.is_some_and(|directory| directory.file_name().is_some_and(|profile| profile == "smoke"))
}

impl Pressure {
    pub fn in_words(self) -> String {
        match self {
            Self::AsFastAsItGoes { connections: 1 } => "1 connection".to_owned(),
            Self::AsFastAsItGoes { connections } => format!("{connections} connections"),
            Self::AtRate { per_second, connections } => format!("{connections} at {per_second:.0}/s"),
        }
    }
}

/// Microseconds for one of so many.
#[expect(clippy::cast_precision_loss, reason = "a load has far fewer requests")]
pub fn each(spent: Duration, requests: u64) -> f64 {
    spent.as_secs_f64() * 1e6 / requests.max(1) as f64
}

#[cfg(test)]
impl Report {
    /// One with a figure for everything.
    pub(super) fn example() -> Self {
        let raw = Raw { verify: 50.0, sign: 20.0 };
        let latency = Latency { p50: 900, p90: 1_000, p99: 2_000, p999: 3_000 };
        let measured = |scenario, pressure| Measured {
            scenario,
            pressure,
            requests: 1_000,
            per_second: 500.0,
            cpu: 140.0,
            raw,
            exchange: scenario.is_compared().then_some(140.0),
            load: 0.5,
            latency,
            sync: matches!(pressure, Pressure::AtRate { .. }).then_some(latency),
        };
        let run = Run {
            algorithm: "ES256".to_owned(),
            database: Engine::Sqlite,
            relaxed: false,
            disk_sync: latency,
            stalls: Stalls { share: 0.01, longest: 10.0 },
            bare: Some(latency),
            measured: vec![
                measured(Scenario::Exchange, Pressure::AsFastAsItGoes { connections: 256 }),
                measured(Scenario::Exchange, Pressure::AtRate { per_second: 250.0, connections: 64 }),
                measured(Scenario::Refresh, Pressure::AsFastAsItGoes { connections: 256 }),
            ],
        };
        let points = vec![Point { size: 10, cpu: 140.0, raw }, Point { size: 1_000, cpu: 161.0, raw }];
        let mut report = Self::of_this_machine(Depth::Full);
        report.processor = "a <fast> one".to_owned();
        report.runs = vec![run];
        report.validation = vec![Validation { algorithm: "ES256".to_owned(), raw, first: 60.0, repeat: 2.0 }];
        report.cached_calls = vec![CachedCall { algorithm: "ES256".to_owned(), unprotected: 40.0, protected: 70.0 }];
        let call = ChainCall { auth_server: 300.0, apis: 900.0, alone: latency, per_second: 900.0 };
        report.chain = Some(Chain { algorithm: "ES256".to_owned(), first: call, repeated: call });
        report.start = vec![Start {
            database: Engine::Sqlite,
            ready: vec![40.0, 900.0, 41.0],
            idle: 31 << 20,
            exchanges: 1_000,
            after_exchanges: 32 << 20,
            clients: 100,
            with_clients: 40 << 20,
        }];
        report.growth = vec![Growth { of: "clients".to_owned(), points }];
        report.goals = vec![
            Goal::new("ES256 on SQLite: refresh", "times an exchange", 1.0, 1.5),
            Goal::new("memory, idle", "MiB", 31.0, 30.0),
        ];
        report
    }
}
