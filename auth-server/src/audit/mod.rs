//! The ledger of what was issued, refused and revoked, for whom and by whom.
//!
//! Each [`Event`] is a line in the log (target `audit`) and a row of the [`Ledger`], which is durable before a token leaves.
//! Rows are linked by hash (`chain`). Names and ids only; never a token, code, secret, password or cookie.

mod address;
mod chain;
mod event;
mod ledger;
mod strangers;
mod verification;

pub use address::coming_from;
pub use chain::{Breach, Follower};
pub use event::{Event, ISSUED};
pub use ledger::{Ledger, NotRecorded};
pub use verification::{VerificationError, Verified, verify};
