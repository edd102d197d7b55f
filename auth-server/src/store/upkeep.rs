//! What SQLite needs done from time to time, on a thread beside the commits: within a commit it would hold up everybody who
//! waits for that.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::{Inner, StoreError, checkpoint, ledger_noting};

/// How long commits gather before anybody looks what is to be done.
const PAUSE: Duration = Duration::from_millis(20);

/// How long nothing is tried again that has failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// After so many commits since it came round, the thread has died or hangs: some seconds of the heaviest load.
const AT_MOST_SINCE: u32 = 2000;

/// Tells the thread of commits. When this goes, so does the thread.
pub(super) struct Upkeep {
    committed: SyncSender<()>,
    since: Arc<AtomicU32>,
}

/// What the thread hears.
pub(super) struct Heard {
    committed: Receiver<()>,
    /// How many commits there were since it came round.
    since: Arc<AtomicU32>,
}

impl Upkeep {
    pub fn new() -> (Self, Heard) {
        let (sender, receiver) = sync_channel(1);
        let since = Arc::<AtomicU32>::default();
        (Self { committed: sender, since: Arc::clone(&since) }, Heard { committed: receiver, since })
    }

    /// Something was committed. Costs next to nothing while the thread knows of it already.
    pub fn after_commit(&self) {
        self.since.fetch_add(1, Ordering::Relaxed);
        let _ = self.committed.try_send(());
    }

    /// Whether nothing is to be hoped for from the thread.
    pub fn is_lost(&self) -> bool {
        self.since.load(Ordering::Relaxed) > AT_MOST_SINCE
    }
}

/// Begins the upkeep of a store.
pub(super) fn begin(store: Weak<Inner>, Heard { committed, since }: Heard) -> Result<(), StoreError> {
    let work = move || {
        while committed.recv().is_ok() {
            std::thread::sleep(PAUSE);
            since.store(0, Ordering::Relaxed);
            let Some(store) = store.upgrade() else { return };
            let noted = ledger_noting::note(&store)
                .inspect_err(|error| log::warn!("where the ledger's last rows are is not noted for now: {error}"));
            let shortened = checkpoint::shorten(&store)
                .inspect_err(|error| log::warn!("the write-ahead log stays as long as it is for now: {error}"));
            drop(store);
            if noted.and(shortened).is_err() {
                std::thread::sleep(AFTER_A_FAILURE);
            }
        }
    };
    std::thread::Builder::new()
        .name("upkeep".into())
        .spawn(work)
        .map(drop)
        .map_err(|error| StoreError::Bug(format!("no thread for the database's upkeep: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_comes_round_no_more_is_given_up_after_a_while() {
        let (upkeep, heard) = Upkeep::new();
        (0..AT_MOST_SINCE).for_each(|_| upkeep.after_commit());
        assert!(!upkeep.is_lost());
        upkeep.after_commit();
        assert!(upkeep.is_lost());
        heard.since.store(0, Ordering::Relaxed);
        assert!(!upkeep.is_lost());
    }
}
