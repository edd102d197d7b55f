//! What every service of an on-behalf-of chain agrees on: the vocabulary of access tokens, how a token is checked,
//! and how an API exchanges the token that it was called with for one meant for the next API.
//!
//! - [`claims`], [`actor`], [`scope`]: plain types, no I/O (RFC 9068, RFC 8693).
//! - [`clock`]: where time comes in, so that tests can hold it still.

pub mod actor;
pub mod claims;
pub mod clock;
pub mod scope;
pub mod validator;

pub use actor::Actor;
pub use claims::{AccessTokenClaims, Audience};
pub use clock::{Clock, ManualClock, SystemClock};
pub use scope::{Scope, ScopeToken};
