//! Keeping the score: each check becomes a line, and the lines become an exit code.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::steps::is_unreachable;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    /// It could not be tried; the detail says why.
    Skip,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub verdict: Verdict,
    /// Which of the six steps it belongs to; `-` for what lies around them.
    pub step: &'static str,
    pub name: &'static str,
    #[serde(rename = "milliseconds", serialize_with = "milliseconds")]
    pub took: Duration,
    pub detail: String,
}

fn milliseconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

/// All checks of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub checks: Vec<Line>,
    /// Nobody answered at the target's address.
    pub unreachable: bool,
}

impl Report {
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|line| line.verdict == verdict).count()
    }

    /// 0 all passed, 1 a check failed, 3 nobody answered. A run in which nothing passed is never 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.unreachable, self.count(Verdict::Fail), self.count(Verdict::Pass)) {
            (true, ..) => 3,
            (false, 0, 1..) => 0,
            _ => 1,
        }
    }
}

/// What a check that passed has to tell, and what later checks need of it.
pub struct Passed<T = ()> {
    detail: String,
    value: T,
}

/// The check passed.
pub fn passed(detail: impl Into<String>) -> Passed {
    Passed { detail: detail.into(), value: () }
}

impl Passed {
    /// The check passed and found `value`.
    pub fn with<T>(self, value: T) -> Passed<T> {
        Passed { detail: self.detail, value }
    }
}

/// Collects the lines.
pub struct Recorder<F> {
    report: Report,
    announce: F,
}

impl<F: FnMut(&Line)> Recorder<F> {
    pub fn new(announce: F) -> Self {
        Self { report: Report { checks: vec![], unreachable: false }, announce }
    }

    /// Does a check and writes down how it went; what it found, if it passed.
    pub async fn check<T>(
        &mut self,
        step: &'static str,
        name: &'static str,
        work: impl Future<Output = Result<Passed<T>>>,
    ) -> Option<T> {
        let start = Instant::now();
        let outcome = work.await;
        let took = start.elapsed();
        match outcome {
            Ok(Passed { detail, value }) => {
                self.add(Line { verdict: Verdict::Pass, step, name, took, detail });
                Some(value)
            }
            Err(error) => {
                self.report.unreachable |= self.report.checks.is_empty() && is_unreachable(&error);
                self.add(Line { verdict: Verdict::Fail, step, name, took, detail: format!("{error:#}") });
                None
            }
        }
    }

    /// Writes down that a check could not be tried.
    pub fn skip(&mut self, step: &'static str, name: &'static str, why: &str) {
        self.add(Line { verdict: Verdict::Skip, step, name, took: Duration::ZERO, detail: why.to_owned() });
    }

    fn add(&mut self, line: Line) {
        (self.announce)(&line);
        self.report.checks.push(line);
    }

    pub fn into_report(self) -> Report {
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_of(verdicts: &[Verdict]) -> Report {
        let line = |verdict| Line { verdict, step: "-", name: "n", took: Duration::ZERO, detail: String::new() };
        Report { checks: verdicts.iter().copied().map(line).collect(), unreachable: false }
    }

    #[test]
    fn the_exit_code_is_0_only_where_something_passed_and_nothing_failed() {
        assert_eq!(report_of(&[Verdict::Pass, Verdict::Skip]).exit_code(), 0);
        assert_eq!(report_of(&[Verdict::Pass, Verdict::Fail]).exit_code(), 1);
        assert_eq!(report_of(&[Verdict::Skip]).exit_code(), 1);
        assert_eq!(report_of(&[]).exit_code(), 1);
        assert_eq!(Report { unreachable: true, ..report_of(&[Verdict::Fail]) }.exit_code(), 3);
    }
}
