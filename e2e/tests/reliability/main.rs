//! What the auth server survives: races, kills, a database that goes away, a full disk, syncs that fail, a power cut. Each is
//! brought about for real, under load, and what was said before, during and after is held against the ledger (`history`).
//!
//! What takes root (mounts) or a C compiler says so where it is missing. `DEPUTY_LONG=1` (`./test --long`) makes more rounds.

mod disk;
mod falsified;
mod history;
mod kills;
mod load;
mod outage;
mod power;
mod races;
mod sync_faults;
mod syncs;
