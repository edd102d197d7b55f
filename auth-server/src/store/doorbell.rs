//! Answers that come to a thread at the same time, from another, wake it once.
//!
//! The runtime of a thread that serves is told of each task that another thread wakes by a system call of its own, whether it sleeps
//! or not: the thread that commits for seventy made seventy. Here whoever comes first rings, and the others are let in with them.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use tokio::runtime::{self, Handle};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// One of each thread, with the task that opens.
struct Doorbell {
    at_the_door: Mutex<Vec<Waker>>,
    bell: Notify,
}

/// What this thread has of a doorbell.
struct Door {
    of: runtime::Id,
    doorbell: Arc<Doorbell>,
    opens: JoinHandle<()>,
}

thread_local! {
    static DOOR: RefCell<Option<Door>> = const { RefCell::new(None) };
}

/// Waits for what another thread answers.
pub(super) async fn answered<T>(answer: impl Future<Output = T>) -> T {
    let door = Doorbell::of_this_thread();
    let (mut answer, mut caller) = (pin!(answer), None);
    std::future::poll_fn(|context| {
        let caller = caller.get_or_insert_with(|| Caller::at(&door, context.waker()));
        if !caller.task.will_wake(context.waker()) {
            *caller = Caller::at(&door, context.waker());
        }
        answer.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(caller))))
    })
    .await
}

impl Doorbell {
    /// It belongs to the runtime in which it was made, and falls with it.
    fn of_this_thread() -> Arc<Self> {
        let of = Handle::current().id();
        DOOR.with_borrow_mut(|door| match door {
            Some(door) if door.of == of && !door.opens.is_finished() => Arc::clone(&door.doorbell),
            door => {
                let doorbell = Arc::new(Self { at_the_door: Mutex::default(), bell: Notify::new() });
                let opens = tokio::spawn(Arc::clone(&doorbell).open());
                Arc::clone(&door.insert(Door { of, doorbell, opens }).doorbell)
            }
        })
    }

    async fn open(self: Arc<Self>) {
        loop {
            self.bell.notified().await;
            let came = std::mem::take(&mut *self.at_the_door());
            came.into_iter().for_each(Waker::wake);
        }
    }

    fn at_the_door(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.at_the_door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that is to be woken.
struct Caller {
    door: Arc<Doorbell>,
    task: Waker,
}

impl Caller {
    fn at(door: &Arc<Doorbell>, task: &Waker) -> Arc<Self> {
        Arc::new(Self { door: Arc::clone(door), task: task.clone() })
    }
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_first = {
            let mut at_the_door = self.door.at_the_door();
            at_the_door.push(self.task.clone());
            at_the_door.len() == 1
        };
        if is_first {
            self.door.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;
    use tokio::sync::oneshot;

    use super::*;

    fn answer_from_another_thread(value: u32) -> oneshot::Receiver<u32> {
        let (answer, answered) = oneshot::channel();
        std::thread::spawn(move || answer.send(value));
        answered
    }

    #[test]
    fn everybody_gets_their_answer_however_many_wait_on_a_thread() {
        let ask = |value| async move { answered(answer_from_another_thread(value)).await.unwrap() };
        let runtime = Builder::new_current_thread().build().unwrap();
        let all = runtime.block_on(futures_util::future::join_all((0..100).map(ask)));
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_thread_that_has_had_a_runtime_before_is_woken_in_the_next() {
        for value in 0..3 {
            let runtime = Builder::new_current_thread().build().unwrap();
            assert_eq!(runtime.block_on(answered(answer_from_another_thread(value))).unwrap(), value);
        }
    }

    #[test]
    fn two_runtimes_that_a_thread_goes_between_have_a_door_each() {
        let runtimes = [(); 2].map(|()| Builder::new_current_thread().build().unwrap());
        for value in 0..4 {
            let runtime = &runtimes[value as usize % 2];
            assert_eq!(runtime.block_on(answered(answer_from_another_thread(value))).unwrap(), value);
        }
    }

    #[test]
    fn whoever_comes_while_others_are_at_the_door_does_not_ring() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let door = Doorbell::of_this_thread();
            let (one, other) = (Caller::at(&door, Waker::noop()), Caller::at(&door, Waker::noop()));
            one.wake_by_ref();
            door.bell.notified().await;
            other.wake_by_ref();
            let rung = tokio::time::timeout(std::time::Duration::ZERO, door.bell.notified()).await;
            assert!(rung.is_err());
            assert_eq!(door.at_the_door().len(), 2);
        });
    }
}
