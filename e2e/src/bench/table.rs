//! The figures as text, for people at a terminal.

use std::fmt::{Display, Formatter, Result};

use super::report::{CachedCall, Chain, ChainCall, Growth, Latency, Measured, Report, Run, Start, Validation};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "{}", self.machine())?;
        writeln!(
            f,
            "ratio: to one verification and one signature; times: of the CPU time of an exchange; load: the part of a core that asking \
             took"
        )?;
        for run in &self.runs {
            write!(f, "{run}")?;
        }
        for Validation { algorithm, raw, first, repeat } in &self.validation {
            writeln!(f, "\nValidation at API B, {algorithm}, CPU us")?;
            writeln!(f, "  raw verification {:.1}; a new token {first:.1}; one seen before {repeat:.2}", raw.verify)?;
        }
        for CachedCall { algorithm, unprotected, protected } in &self.cached_calls {
            writeln!(f, "\nAPI A with a token that it has, {algorithm}, CPU us")?;
            writeln!(
                f,
                "  unprotected handler {unprotected:.1}; protected {protected:.1}; difference {:.1}",
                protected - unprotected
            )?;
        }
        if let Some(chain) = &self.chain {
            write!(f, "{chain}")?;
        }
        for start in &self.start {
            write!(f, "{start}")?;
        }
        for growth in &self.growth {
            write!(f, "{growth}")?;
        }
        self.goals(f)
    }
}

impl Report {
    fn goals(&self, f: &mut Formatter<'_>) -> Result {
        if self.goals.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{:<68} {:>9} {:>9}", "Goals", "measured", "at most")?;
        for goal in &self.goals {
            let reached = if goal.is_reached() { "reached" } else { "MISSED" };
            writeln!(
                f,
                "  {:<66} {:>9.2} {:>9.2}  {reached:<7}  {}",
                goal.what, goal.measured, goal.at_most, goal.unit
            )?;
        }
        Ok(())
    }
}

impl Display for Run {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\n{}", self.name())?;
        self.circumstances().iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        writeln!(
            f,
            "  {:<20} {:<16} {:>8} {:>8} {:>8} {:>6} {:>6} {:>6} {:>8} {:>8} {:>8}",
            "", "", "a second", "CPU us", "raw us", "ratio", "times", "load", "p50 us", "p99 us", "p99.9 us"
        )?;
        self.measured.iter().try_for_each(|one| line(one, f))
    }
}

fn line(one: &Measured, f: &mut Formatter<'_>) -> Result {
    let Latency { p50, p99, p999, .. } = one.latency;
    let times = one.of_an_exchange().map_or_else(String::new, |times| format!("{times:.2}"));
    writeln!(
        f,
        "  {:<20} {:<16} {:>8.0} {:>8.1} {:>8.1} {:>6.2} {times:>6} {:>4.0} % {p50:>8} {p99:>8} {p999:>8}",
        one.scenario.name(),
        one.pressure.in_words(),
        one.per_second,
        one.cpu,
        one.raw.both(),
        one.ratio(),
        one.load * 100.0,
    )
}

impl Display for Chain {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\nA call through three APIs, {}, CPU us", self.algorithm)?;
        for (what, call) in [("the first time", &self.first), ("again", &self.repeated)] {
            let ChainCall { auth_server, apis, per_second, alone } = call;
            writeln!(
                f,
                "  {what:<15} auth server {auth_server:.0}, APIs {apis:.0}, {per_second:.0} a second; alone p50 {} us, p99 {} us",
                alone.p50, alone.p99
            )?;
        }
        Ok(())
    }
}

impl Display for Start {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mib = |bytes: u64| bytes / 1024 / 1024;
        writeln!(f, "\nStart-up and memory on {}", self.database.name())?;
        writeln!(f, "  ready after {:.1} ms (median of {})", self.median_ready(), self.ready.len())?;
        writeln!(
            f,
            "  idle {} MiB; after {} exchanges {} MiB; idle with {} clients {} MiB",
            mib(self.idle),
            self.exchanges,
            mib(self.after_exchanges),
            self.clients,
            mib(self.with_clients)
        )
    }
}

impl Display for Growth {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\nAn exchange with more {}", self.of)?;
        writeln!(f, "  {:>11} {:>8} {:>8} {:>6}", self.of, "CPU us", "raw us", "ratio")?;
        for point in &self.points {
            writeln!(f, "  {:>11} {:>8.1} {:>8.1} {:>6.2}", point.size, point.cpu, point.raw.both(), point.ratio())?;
        }
        writeln!(f, "  the dearest is {:.2} times the cheapest", self.steepness())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_which_goals_are_missed() {
        let table = Report::example().to_string();
        let line = |what: &str| table.lines().find(|line| line.contains(what)).unwrap_or_default().to_owned();
        assert!(line("ES256 on SQLite: refresh").contains("reached"), "{table}");
        assert!(line("memory, idle").contains("MISSED"), "{table}");
        assert!(line("exchange             256 connections").contains("2.00"), "{table}");
    }

    #[test]
    fn a_run_without_figures_still_prints() {
        let report = Report::of_this_machine(super::super::options::Depth::Quick);
        assert!(report.to_string().contains("cores"), "{report}");
    }
}
