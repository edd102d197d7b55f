//! A circuit breaker: an auth server that is down is left alone for a while, and its callers hear so at once.
//!
//! Closed: everybody asks. After some failures in a row it opens: nobody asks. After a rest it is half open: one asks, and
//! its outcome closes or opens it again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{Duration, OffsetDateTime};

use super::measure;
use crate::Clock;

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub failures: u32,
    pub rest: Duration,
}

pub(super) struct Breaker {
    limits: Limits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: OffsetDateTime,
    },
    /// Somebody asks, and nobody else.
    HalfOpen,
}

/// Nobody asks for so long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resting(pub Duration);

/// Leave to ask once. Dropped without a word, it counts as nothing: the caller went away.
pub(super) struct Leave<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    is_told: bool,
}

impl Breaker {
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self { limits, clock, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    pub fn ask(&self) -> Result<Leave<'_>, Resting> {
        let now = self.clock.now();
        let mut state = self.state();
        let is_probe = match *state {
            State::Closed { .. } => false,
            // A clock that was set back must not keep it open for longer than the rest.
            State::Open { until } if until > now && until - now <= self.limits.rest => {
                return Err(Resting(until - now));
            }
            State::Open { .. } => true,
            State::HalfOpen => return Err(Resting(self.limits.rest)),
        };
        if is_probe {
            *state = State::HalfOpen;
        }
        Ok(Leave { breaker: self, is_probe, is_told: false })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, state: &mut State) {
        if !matches!(state, State::Open { .. }) {
            log::warn!("the auth server does not answer: it is left alone for {} s", self.limits.rest.whole_seconds());
        }
        *state = State::Open { until: self.clock.now() + self.limits.rest };
        measure::circuit_is_open(true);
    }
}

impl Leave<'_> {
    /// The server answered, whatever it said.
    pub fn answered(mut self) {
        self.is_told = true;
        let mut state = self.breaker.state();
        // Who asked before it opened comes too late to close it: that is the probe's.
        if self.is_probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
            measure::circuit_is_open(false);
        }
    }

    /// The server is away.
    pub fn failed(mut self) {
        self.is_told = true;
        let mut state = self.breaker.state();
        match *state {
            State::Closed { failures } if failures + 1 < self.breaker.limits.failures => {
                *state = State::Closed { failures: failures + 1 };
            }
            State::Closed { .. } => self.breaker.open(&mut state),
            _ if self.is_probe => self.breaker.open(&mut state),
            _ => {}
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.is_told {
            // The next one may try.
            *self.breaker.state() = State::Open { until: self.breaker.clock.now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;
    use time::macros::datetime;

    const REST: Duration = Duration::seconds(5);

    fn breaker() -> (Breaker, ManualClock) {
        let clock = ManualClock::at(datetime!(2026-01-01 12:00 UTC));
        (Breaker::new(Limits { failures: 3, rest: REST }, Arc::new(clock.clone())), clock)
    }

    fn fail(breaker: &Breaker, times: u32) {
        (0..times).for_each(|_| breaker.ask().unwrap().failed());
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let (breaker, _) = breaker();
        fail(&breaker, 2);
        breaker.ask().unwrap().answered();
        fail(&breaker, 2);
        assert!(breaker.ask().is_ok());
        breaker.ask().unwrap().failed();
        assert_eq!(breaker.ask().err(), Some(Resting(REST)));
    }

    #[test]
    fn after_the_rest_one_asks_for_all() {
        let (breaker, clock) = breaker();
        fail(&breaker, 3);
        clock.advance(REST);
        let probe = breaker.ask().unwrap();
        assert!(breaker.ask().is_err(), "one at a time");
        probe.failed();
        assert!(breaker.ask().is_err(), "open again");
        clock.advance(REST);
        breaker.ask().unwrap().answered();
        fail(&breaker, 2);
        assert!(breaker.ask().is_ok(), "closed, and counting anew");
    }

    #[test]
    fn a_probe_that_was_given_up_lets_the_next_one_try() {
        let (breaker, clock) = breaker();
        fail(&breaker, 3);
        clock.advance(REST);
        drop(breaker.ask().unwrap());
        assert!(breaker.ask().is_ok());
    }

    #[test]
    fn who_asked_before_it_opened_neither_closes_it_nor_prolongs_its_rest() {
        let (breaker, clock) = breaker();
        let [early, late] = [breaker.ask().unwrap(), breaker.ask().unwrap()];
        fail(&breaker, 3);
        early.answered();
        assert!(breaker.ask().is_err());
        clock.advance(Duration::seconds(3));
        late.failed();
        assert_eq!(breaker.ask().err(), Some(Resting(Duration::seconds(2))));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let (breaker, clock) = breaker();
        fail(&breaker, 3);
        clock.advance(-Duration::hours(1));
        assert!(breaker.ask().is_ok());
    }
}
