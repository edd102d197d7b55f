//! The ledger of what was issued, refused and revoked, for whom and by whom.
//!
//! Each [`Event`] is a line in the log (target `audit`) and a row of the [`Ledger`], which is durable before a token leaves.
//! Rows are linked by hash (`chain`). Names and ids only; never a token, code, secret, password or cookie. Old rows move to files
//! ([`Archiving`]), and [`verify`] follows the chains through both. A [`Sink`] gets every row, too.

mod address;
mod archive_file;
mod archive_verification;
mod archived;
mod archiving;
mod chain;
mod event;
mod ledger;
mod line;
mod row;
mod sink;
mod strangers;
mod verification;
mod witnesses;
mod writer;

pub use address::coming_from;
pub use archive_verification::ArchiveBreach;
pub use archiving::{ArchiveError, Archiving, Written};
pub use chain::{Breach, Follower};
pub use event::{Event, ISSUED, Told};
pub use ledger::{Ledger, NotRecorded, Use};
pub use sink::{Delivery, Sink};
pub use verification::{VerificationError, Verified, verify};
