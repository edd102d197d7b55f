//! Calls that come while others are under way are made together: one visit to the database for all that wait.
//!
//! What a call costs beyond its statements (a thread that wakes, a connection taken, a transaction and its disk sync) is then
//! paid once for many, and the more calls come the more share it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::expected::Expected;
use super::{Inner, Store, StoreError, Unavailability, doorbell};

/// How many calls share a visit at most, where they do.
const SHARE: usize = 256;

/// How long a visit that commits waits for more calls: a commit costs the same for one as for a hundred.
const PAUSE: Duration = Duration::from_micros(500);

/// How long it waits besides where very many are on their way.
const PAUSE_FOR_MANY: Duration = Duration::from_micros(5_500);

/// Calls of one kind that wait, and how many visits are under way for them.
pub struct Together<C> {
    state: Mutex<State<C>>,
    at_once: usize,
    /// How many calls share a visit at most, so that nobody waits for an endless one.
    share: usize,
    /// Whether a visit waits for those that are on their way.
    gathers: bool,
}

struct State<C> {
    waiting: VecDeque<C>,
    visits: usize,
}

impl<C> Together<C> {
    /// `at_once`: how many visits there may be at a time.
    #[must_use]
    pub fn new(at_once: usize) -> Arc<Self> {
        Self::make(at_once, SHARE, false)
    }

    /// For calls of which each takes a visit for itself.
    #[must_use]
    pub fn one_by_one(at_once: usize) -> Arc<Self> {
        Self::make(at_once, 1, false)
    }

    /// One visit at a time, which commits to a database in this process.
    #[must_use]
    pub fn committing() -> Arc<Self> {
        Self::make(1, SHARE, true)
    }

    fn make(at_once: usize, share: usize, gathers: bool) -> Arc<Self> {
        let state = Mutex::new(State { waiting: VecDeque::new(), visits: 0 });
        Arc::new(Self { state, at_once, share, gathers })
    }

    fn state(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a call. A visit that begins with it is for the caller to make.
    fn add(self: &Arc<Self>, call: C) -> Option<Visit<C>> {
        self.add_all([call])
    }

    fn add_all(self: &Arc<Self>, calls: impl IntoIterator<Item = C>) -> Option<Visit<C>> {
        let mut state = self.state();
        state.waiting.extend(calls);
        (state.visits < self.at_once).then(|| {
            state.visits += 1;
            Visit { together: Arc::clone(self), over: false }
        })
    }
}

/// A visit that is under way.
struct Visit<C> {
    together: Arc<Together<C>>,
    over: bool,
}

impl<C> Visit<C> {
    /// Whether as many wait as it can have.
    fn is_full(&self) -> bool {
        self.together.state().waiting.len() >= self.together.share
    }

    /// Waits for calls that are on their way, after a visit that had `last` of them.
    fn gather(&self, last: usize, expected: &Expected) {
        if !self.gathers_after(last) {
            return;
        }
        std::thread::sleep(PAUSE);
        if self.gathers_more(expected) {
            std::thread::sleep(PAUSE_FOR_MANY);
        }
    }

    /// Whoever came alone is not waited for: nobody else may be on their way.
    fn gathers_after(&self, last: usize) -> bool {
        self.together.gathers && last > 1 && !self.is_full()
    }

    fn gathers_more(&self, expected: &Expected) -> bool {
        let waiting = self.together.state().waiting.len();
        waiting < self.together.share && expected.are_very_many(waiting)
    }

    /// The calls that wait, as many as it can have.
    fn next(&mut self) -> Vec<C> {
        let mut state = self.together.state();
        let count = state.waiting.len().min(self.together.share);
        state.waiting.drain(..count).collect()
    }

    /// Ends the visit if nobody waits: whoever comes from now on begins the next.
    fn ends(&mut self) -> bool {
        let mut state = self.together.state();
        if !self.over && state.waiting.is_empty() {
            state.visits -= 1;
            self.over = true;
        }
        self.over
    }
}

/// A visit that never came to its end (the runtime stops) leaves nobody waiting for it.
impl<C> Drop for Visit<C> {
    fn drop(&mut self) {
        if !self.over {
            let mut state = self.together.state();
            state.visits -= 1;
            if state.visits == 0 {
                state.waiting.clear();
            }
        }
    }
}

impl Store {
    /// Makes a call together with others of its kind and waits for its answer. `serve` makes all calls of a visit, and must
    /// answer each.
    pub(super) async fn share<C, T>(
        &self,
        together: &Arc<Together<C>>,
        call: C,
        answer: oneshot::Receiver<Result<T, StoreError>>,
        serve: impl Fn(&Arc<Inner>, Vec<C>) + Send + 'static,
    ) -> Result<T, StoreError>
    where
        C: Send + 'static,
    {
        self.0.begin(together, call, serve);
        self.answered(answer).await
    }

    /// What somebody answers who works on a thread that may wait.
    pub(super) async fn answered<T>(&self, answer: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
        match timeout(self.0.queue_timeout + self.0.longest_call, doorbell::answered(answer)).await {
            Ok(Ok(answer)) => answer.inspect_err(|error| log::debug!("{error}")),
            Ok(Err(unanswered)) => Err(StoreError::Bug(unanswered.to_string())),
            Err(_) => Err(StoreError::unavailable(Unavailability::TooSlow, "no answer from the database")),
        }
    }
}

impl Inner {
    /// Adds a call. A visit that begins with it is made on a thread of its own.
    pub(super) fn begin<C: Send + 'static>(
        self: &Arc<Self>,
        together: &Arc<Together<C>>,
        call: C,
        serve: impl Fn(&Arc<Self>, Vec<C>) + Send + 'static,
    ) {
        if let Some(visit) = together.add(call) {
            let inner = Arc::clone(self);
            // Nobody waits for the thread: whoever made a call waits for its answer.
            drop(spawn_blocking(move || serve_all(&inner, visit, &serve)));
        }
    }

    /// Adds calls from a thread that may wait. A visit that begins with them begins here; calls that come meanwhile do not keep
    /// this thread from its own.
    pub(super) fn share<C: Send + 'static>(
        self: &Arc<Self>,
        together: &Arc<Together<C>>,
        calls: impl IntoIterator<Item = C>,
        serve: impl Fn(&Arc<Self>, Vec<C>) + Send + 'static,
    ) {
        let Some(mut visit) = together.add_all(calls) else { return };
        serve_next(self, &mut visit, &serve);
        if !visit.ends() {
            let inner = Arc::clone(self);
            drop(spawn_blocking(move || serve_all(&inner, visit, &serve)));
        }
    }
}

/// Until nobody waits any more.
fn serve_all<C>(inner: &Arc<Inner>, mut visit: Visit<C>, serve: &impl Fn(&Arc<Inner>, Vec<C>)) {
    let mut last = 0;
    loop {
        visit.gather(last, &inner.expected);
        if visit.ends() {
            return;
        }
        last = serve_next(inner, &mut visit, serve);
    }
}

/// Serves those that wait. Says how many that were.
fn serve_next<C>(inner: &Arc<Inner>, visit: &mut Visit<C>, serve: &impl Fn(&Arc<Inner>, Vec<C>)) -> usize {
    let calls = visit.next();
    let count = calls.len();
    // Another visit may have taken all.
    if count == 0 {
        return 0;
    }
    // Whoever made these calls learns it from the lost answer; the calls behind them must not be lost with them.
    if catch_unwind(AssertUnwindSafe(|| serve(inner, calls))).is_err() {
        log::error!("a visit to the database ended in a panic");
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_while_a_visit_is_under_way_shares_the_next() {
        let together = Together::new(1);
        let mut visit = together.add(1).unwrap();
        assert_eq!(visit.next(), [1]);
        assert!(together.add(2).is_none());
        assert!(together.add(3).is_none());
        assert!(!visit.ends());
        assert_eq!(visit.next(), [2, 3]);
        assert!(visit.ends());
        assert!(together.add(4).is_some());
    }

    #[test]
    fn calls_that_go_one_by_one_share_no_visit_and_begin_as_many_as_there_may_be() {
        let together = Together::one_by_one(2);
        let mut visits = [1, 2].map(|call| together.add(call).unwrap());
        assert!(together.add(3).is_none());
        assert_eq!(visits.each_mut().map(Visit::next), [vec![1], vec![2]]);
        assert_eq!(visits[0].next(), [3]);
        assert!(visits.iter_mut().all(Visit::ends));
    }

    #[test]
    fn a_commit_waits_for_others_where_there_were_some_and_there_is_room() {
        let together = Together::committing();
        let visit = together.add(0).unwrap();
        assert!(visit.gathers_after(2));
        assert!(!visit.gathers_after(1));
        assert!(together.add_all(1..SHARE).is_none());
        assert!(!visit.gathers_after(2));
        assert!(!Together::new(1).add(0).unwrap().gathers_after(2));
    }

    #[test]
    fn a_commit_waits_longer_where_very_many_are_on_their_way_and_there_is_room() {
        let (together, expected) = (Together::committing(), Expected::on_this_machine());
        let visit = together.add(0).unwrap();
        assert!(!visit.gathers_more(&expected));
        let _most = expected.announce_very_many();
        assert!(!visit.gathers_more(&expected), "one of them waits already");
        let _one_more = expected.announce();
        assert!(visit.gathers_more(&expected));
        let _others: Vec<_> = (0..SHARE).map(|_| expected.announce()).collect();
        assert!(together.add_all(1..SHARE).is_none());
        assert!(!visit.gathers_more(&expected));
    }

    #[test]
    fn a_visit_that_never_begins_leaves_nobody_waiting() {
        let together = Together::new(1);
        let (call, answer) = oneshot::channel::<()>();
        drop(together.add(call).unwrap());
        assert!(answer.blocking_recv().is_err());
        assert!(together.add(oneshot::channel().0).is_some());
    }
}
