//! How many requests are here that will commit something: where they are very many, a commit waits for more of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use super::Store;

/// With so many for each processor they wait for it longer than for the disk: a commit that comes later delays nobody.
const MANY: usize = 64;

/// Requests that are counted, and how many of them are very many.
pub(super) struct Expected {
    here: AtomicUsize,
    very_many: usize,
}

impl Expected {
    pub fn on_this_machine() -> Self {
        let processors = available_parallelism().map_or(1, std::num::NonZero::get);
        Self { here: AtomicUsize::new(0), very_many: processors.saturating_mul(MANY) }
    }

    /// Counts a request, until it is done.
    pub fn announce(&self) -> Here<'_> {
        self.here.fetch_add(1, Ordering::Relaxed);
        Here(self)
    }

    /// As many as it takes to be very many.
    #[cfg(test)]
    pub fn announce_very_many(&self) -> Vec<Here<'_>> {
        (0..self.very_many).map(|_| self.announce()).collect()
    }

    /// Whether very many are still to come, when so many of those that are here `wait` for the commit already.
    pub fn are_very_many(&self, wait: usize) -> bool {
        self.here.load(Ordering::Relaxed).saturating_sub(wait) >= self.very_many
    }
}

/// A request that is here.
pub struct Here<'a>(&'a Expected);

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.here.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Store {
    /// Counts a request that will commit something, until it is done.
    #[must_use]
    pub fn announce(&self) -> Here<'_> {
        self.0.expected.announce()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_wait_for_the_commit_and_those_that_are_done_are_no_more_to_come() {
        let expected = Expected::on_this_machine();
        let mut here = expected.announce_very_many();
        assert!(expected.are_very_many(0));
        assert!(!expected.are_very_many(1));
        here.push(expected.announce());
        assert!(expected.are_very_many(1));
        here.clear();
        assert!(!expected.are_very_many(0));
    }
}
