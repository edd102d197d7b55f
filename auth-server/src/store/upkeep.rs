//! What SQLite needs done from time to time, on a thread beside the commits: within a commit it would hold up everybody who
//! waits for that.

use std::sync::Weak;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::{Inner, StoreError, checkpoint, ledger_places};

/// How long commits gather before anybody looks what is to be done.
const PAUSE: Duration = Duration::from_millis(20);

/// How long nothing is tried again that has failed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);

/// How much the thread gives way to others: what it does can wait, and runs for milliseconds, for which those that are woken on
/// its processor would wait.
const NICE: i32 = 10;

/// Tells the thread of commits. When this goes, so does the thread.
pub(super) struct Upkeep(SyncSender<()>);

impl Upkeep {
    pub fn new() -> (Self, Receiver<()>) {
        let (sender, receiver) = sync_channel(1);
        (Self(sender), receiver)
    }

    /// Something was committed. Costs nothing while the thread knows of it already.
    pub fn after_commit(&self) {
        let _ = self.0.try_send(());
    }
}

/// Begins the upkeep of a store.
pub(super) fn begin(store: Weak<Inner>, committed: Receiver<()>) -> Result<(), StoreError> {
    let work = move || {
        // Where it may not, it works as the others do. On Linux this is of one thread.
        let _ = rustix::process::nice(NICE);
        while committed.recv().is_ok() {
            std::thread::sleep(PAUSE);
            let Some(store) = store.upgrade() else { return };
            let noted = ledger_places::note(&store)
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
