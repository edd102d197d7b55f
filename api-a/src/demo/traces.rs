//! What happened in a call, to be read by whoever knows its trace id: those who made it up, for 128 random bits cannot be
//! guessed (W3C Trace Context section 3.2.2.3).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::event::Event;
use super::memory::{Found, Memory, Origin};

/// How long a reader waits for a call to begin.
const PATIENCE: Duration = Duration::from_secs(10);
/// What comes so long after the end of a call still belongs to it.
const LINGER: Duration = Duration::from_secs(1);
/// No reader stays longer: a server that stops does not wait for one.
const LONGEST: Duration = Duration::from_secs(15);

/// The traces of this process. Clones share them.
#[derive(Clone)]
pub struct Traces(Arc<Shared>);

struct Shared {
    memory: Mutex<Memory>,
    changed: watch::Sender<()>,
}

impl Default for Traces {
    fn default() -> Self {
        Self(Arc::new(Shared { memory: Mutex::default(), changed: watch::Sender::new(()) }))
    }
}

impl Traces {
    /// A call begins; it has ended when what is returned is dropped.
    #[must_use]
    pub fn begin(&self, id: &str) -> Going {
        self.change(|memory| memory.begin(id, Instant::now()));
        Going { traces: self.clone(), id: id.to_owned() }
    }

    pub fn record(&self, id: &str, origin: Origin, event: Event) {
        self.change(|memory| memory.record(id, origin, event, Instant::now()));
    }

    /// Reads a trace from event number `position` on, as it grows.
    #[must_use]
    pub fn follow(&self, id: String, position: usize) -> Follower {
        let now = Instant::now();
        Follower {
            changed: self.0.changed.subscribe(),
            traces: self.clone(),
            id,
            position,
            until: now + PATIENCE,
            opened: now,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.memory());
        self.0.changed.send_replace(());
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is under way.
pub struct Going {
    traces: Traces,
    id: String,
}

impl Drop for Going {
    fn drop(&mut self) {
        self.traces.change(|memory| memory.end(&self.id, Instant::now()));
    }
}

/// A reader of one trace.
pub struct Follower {
    traces: Traces,
    changed: watch::Receiver<()>,
    id: String,
    position: usize,
    opened: Instant,
    /// Nothing more is waited for after that.
    until: Instant,
}

impl Follower {
    /// The next events, each with its number; none when the trace is over.
    pub async fn next(&mut self) -> Option<Vec<(usize, Event)>> {
        loop {
            self.changed.borrow_and_update();
            let found = self.traces.memory().after(&self.id, self.position, Instant::now());
            let events = match found {
                Found::Nothing => Vec::new(),
                Found::Going(events) => {
                    self.until = self.opened + LONGEST;
                    events
                }
                Found::Ended(events, at) => {
                    self.until = (at + LINGER).min(self.opened + LONGEST);
                    events
                }
            };
            if !events.is_empty() {
                let first = self.position;
                self.position += events.len();
                return Some(events.into_iter().zip(first..).map(|(event, number)| (number, event)).collect());
            }
            tokio::time::timeout_at(self.until.into(), self.changed.changed()).await.ok()?.ok()?;
        }
    }
}
