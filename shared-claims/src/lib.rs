//! What every service of an on-behalf-of chain agrees on: the vocabulary of access tokens, how a token is checked,
//! and how an API exchanges the token that it was called with for one meant for the next API.
//!
//! - [`claims`], [`actor`], [`scope`]: plain types, no I/O (RFC 9068, RFC 8693).
//! - [`clock`]: where time comes in, so that tests can hold it still.
//! - [`validator`]: checking a token (RFC 9068), pure.
//! - [`discovery`]: where the issuer's endpoints are (RFC 8414).
//! - [`exchange`] (feature `client`): a token for the next API, on behalf of the same user (RFC 8693).

pub mod access_token;
pub mod actor;
pub mod challenge;
pub mod claims;
pub mod clock;
pub mod discovery;
#[cfg(feature = "client")]
pub mod exchange;
#[cfg(feature = "actix")]
pub mod extract;
pub mod http;
pub mod jwks;
#[cfg(test)]
mod minting;
pub mod problem;
pub mod protected_resource;
pub mod resource_server;
pub mod scope;
#[cfg(feature = "service")]
pub mod service;
pub mod validator;

pub use access_token::AccessToken;
pub use actor::Actor;
pub use challenge::{Challenge, Refusal};
pub use claims::{AccessTokenClaims, Audience};
pub use clock::{Clock, ManualClock, SystemClock};
#[cfg(feature = "client")]
pub use exchange::{ExchangeClient, ExchangeError, ExchangedToken};
#[cfg(feature = "actix")]
pub use extract::{AnyScope, Caller, RequiredScope};
pub use problem::Problem;
pub use resource_server::{ResourceServer, Unauthenticated};
pub use scope::{Scope, ScopeToken};
