//! Calls that are made one by one, each for itself, on threads that may wait: so many at a time, and the others in order.
//!
//! A thread that is done takes the call that has waited longest, and no other thread has to be woken for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::together::Together;
use super::{Inner, Store, StoreError, Unavailability, doorbell};

/// Those that wait for their turn.
pub(super) type Calls = Together<Call>;

pub(super) type Call = Box<dyn FnOnce(&Arc<Inner>) + Send>;

/// Where a call leaves what came of it.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// Whether a call begins is decided once, by whoever comes first: the call, or its asker, who has waited for too long.
#[derive(Clone)]
pub(super) struct Turn {
    is_decided: Arc<AtomicBool>,
    asked: Instant,
    patience: Duration,
}

impl Turn {
    pub fn begins(&self) -> bool {
        !self.is_decided.swap(true, Ordering::AcqRel)
    }

    /// Whether what has begun may go on with something that has to wait for its turn again.
    pub fn is_in_time(&self) -> bool {
        self.asked.elapsed() < self.patience
    }
}

impl Store {
    /// Of a call that is made now.
    pub(super) fn turn(&self) -> Turn {
        Turn { is_decided: Arc::default(), asked: Instant::now(), patience: self.0.queue_timeout }
    }

    /// Makes a call when its turn comes, and waits for what `work` answers. One that does not begin in time, or for which nobody
    /// waits any more, never does.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Inner>, Answer<T>) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let turn = self.turn();
        let begins = turn.clone();
        let call: Call = Box::new(move |inner| {
            if !answer.is_closed() && begins.begins() {
                work(inner, answer);
            }
        });
        self.0.begin(&self.0.calls, call, serve);
        self.answered_in_turn(answered, &turn).await
    }

    /// Waits for what is answered to a call that may not begin in time.
    pub(super) async fn answered_in_turn<T>(
        &self,
        mut answered: oneshot::Receiver<Result<T, StoreError>>,
        turn: &Turn,
    ) -> Result<T, StoreError> {
        match timeout(self.0.queue_timeout, doorbell::answered(&mut answered)).await {
            Err(_) if turn.begins() => Err(too_many()),
            Err(_) => self.answered(answered).await,
            Ok(answer) => answer.unwrap_or_else(|unanswered| Err(StoreError::Bug(unanswered.to_string()))),
        }
    }
}

pub(super) fn too_many() -> StoreError {
    StoreError::unavailable(Unavailability::Overloaded, "too many calls are waiting")
}

/// Makes the calls of a visit.
pub(super) fn serve(inner: &Arc<Inner>, calls: Vec<Call>) {
    for call in calls {
        call(inner);
    }
}
