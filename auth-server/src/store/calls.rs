//! Calls that are made one by one, each for itself, on threads that may wait: so many at a time, and the others in order.
//!
//! A thread that is done takes the call that has waited longest, and no other thread has to be woken for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::together::Together;
use super::{Inner, Store, StoreError, Unavailability, doorbell};

/// Those that wait for their turn.
pub(super) type Calls = Together<Call>;

pub(super) type Call = Box<dyn FnOnce(&Arc<Inner>) + Send>;

/// Where a call leaves what came of it.
pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

impl Store {
    /// Makes a call when its turn comes, and waits for what `work` answers. One that does not begin in time, or for which nobody
    /// waits any more, never does.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Inner>, Answer<T>) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, mut answered) = oneshot::channel();
        // By whoever comes first: the call that begins, or its asker, who has waited for too long.
        let is_decided = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&is_decided);
        let call: Call = Box::new(move |inner| {
            if !answer.is_closed() && !begins.swap(true, Ordering::AcqRel) {
                work(inner, answer);
            }
        });
        self.0.begin(&self.0.calls, call, serve);
        match timeout(self.0.queue_timeout, doorbell::answered(&mut answered)).await {
            Err(_) if !is_decided.swap(true, Ordering::AcqRel) => {
                Err(StoreError::unavailable(Unavailability::Overloaded, "too many calls are waiting"))
            }
            Err(_) => self.answered(answered).await,
            Ok(answer) => answer.unwrap_or_else(|unanswered| Err(StoreError::Bug(unanswered.to_string()))),
        }
    }
}

/// Makes the calls of a visit.
pub(super) fn serve(inner: &Arc<Inner>, calls: Vec<Call>) {
    for call in calls {
        call(inner);
    }
}
