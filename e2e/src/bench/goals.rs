//! What is to be reached, beside what was measured in the same run. Where it can be, a goal is a ratio: machines differ.

use super::options::{Engine, RECOMMENDED};
use super::report::{CachedCall, Goal, Measured, Report, Run, Validation};
use super::scenario::Scenario;

/// Goals for the exchange are about the load that fills the machine: below it, most of what is counted is threads that wake up.
const CONNECTIONS: usize = 256;

/// How many requests above all others may be how late.
const ABOVE_THE_SYNC: f64 = 3.0;
const RAW: &str = "times raw work";
const EXCHANGE: &str = "times an exchange";
const MIB: f64 = 1024.0 * 1024.0;

/// Those that this run has figures for.
pub fn of(report: &Report) -> Vec<Goal> {
    let mut goals: Vec<Goal> = report.runs.iter().flat_map(of_run).collect();
    for Validation { algorithm, raw, first, repeat } in &report.validation {
        let what = format!("{algorithm}: validation at API B");
        goals.push(Goal::new(format!("{what}, repeated"), "us", *repeat, 3.0));
        goals.push(Goal::new(what, "times raw verification", first / raw.verify, 1.3));
    }
    for CachedCall { algorithm, unprotected, protected } in &report.cached_calls {
        let what = format!("{algorithm}: API A's cached path, above an unprotected one");
        goals.push(Goal::new(what, "us", protected - unprotected, 50.0));
    }
    for start in &report.start {
        let database = start.database.name();
        if start.database == Engine::Sqlite {
            goals.push(Goal::new(format!("{database}: start to ready"), "ms", start.median_ready(), 100.0));
        }
        goals.push(Goal::new(format!("{database}: memory, idle"), "MiB", mib(start.idle), 30.0));
        let after = format!("{database}: memory after {} exchanges", start.exchanges);
        goals.push(Goal::new(after, "MiB", mib(start.after_exchanges), 64.0));
    }
    for growth in &report.growth {
        goals.push(Goal::new(format!("growth of {}", growth.of), "times the cheapest", growth.steepness(), 1.1));
    }
    goals
}

fn of_run(run: &Run) -> Vec<Goal> {
    if run.relaxed {
        let late = run.at_rate().map(|one| milliseconds(one.latency.p99));
        return late
            .map(|late| Goal::new(format!("{}: p99 at half load", run.name()), "ms", late, 3.0))
            .into_iter()
            .collect();
    }
    let mut goals = Vec::new();
    let mut add = |what: &str, unit, measured: Option<f64>, at_most: Option<f64>| {
        if let (Some(measured), Some(at_most)) = (measured, at_most) {
            goals.push(Goal::new(format!("{}: {what}", run.name()), unit, measured, at_most));
        }
    };
    let raw_ratio = |scenario| run.at(scenario, CONNECTIONS).map(Measured::ratio);
    let exchanges = |scenario| run.at(scenario, CONNECTIONS).and_then(Measured::of_an_exchange);
    let recommended = run.algorithm == RECOMMENDED;
    let exchange = match (run.algorithm.as_str(), run.database) {
        (RECOMMENDED, Engine::Sqlite) => Some(2.0),
        (RECOMMENDED, Engine::Postgres) => Some(2.4),
        ("RS256", _) => Some(1.5),
        _ => None,
    };
    add("exchange", RAW, raw_ratio(Scenario::Exchange), exchange);
    add("exchange, recognised", RAW, raw_ratio(Scenario::Recognised), recommended.then_some(1.3));
    add("refresh", EXCHANGE, exchanges(Scenario::Refresh), recommended.then_some(1.5));
    add("code redemption", EXCHANGE, exchanges(Scenario::Redemption), recommended.then_some(1.5));
    let above = run.at_rate().map(|one| milliseconds(one.latency.p99) - milliseconds(run.disk_sync.p99));
    add("p99 at half load, above a sync's", "ms", above, recommended.then_some(ABOVE_THE_SYNC));
    goals
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far shorter")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "no process is that large")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

#[cfg(test)]
mod tests {
    use super::super::options::Depth;
    use super::*;

    #[test]
    fn goals_are_named_where_there_are_figures_for_them() {
        assert_eq!(of(&Report::of_this_machine(Depth::Quick)), []);
        let goals = of(&Report::example());
        let missed: Vec<&str> = goals.iter().filter(|goal| !goal.is_reached()).map(|goal| goal.what.as_str()).collect();
        assert_eq!(missed, ["SQLite: memory, idle", "growth of clients"], "{goals:?}");
        assert!(goals.contains(&Goal::new("ES256 on SQLite: exchange", RAW, 2.0, 2.0)), "{goals:?}");
    }
}
