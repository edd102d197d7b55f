//! Deputy's auth server: an OAuth 2.0 authorization server and OpenID provider, specialised in letting one API call
//! another on behalf of a signed-in user (RFC 8693).
//!
//! A request walks one way: [`endpoints`] (HTTP) → [`grants`] (one file per grant type) → [`exchange`] (the rules),
//! [`tokens`] (signing) and [`store`] (persistence). [`registry`] holds clients, APIs and pairings in memory; [`protocol`]
//! is the vocabulary that all of them share.

pub mod audit;
pub mod cli;
pub mod config;
pub mod endpoints;
pub mod exchange;
pub mod grants;
pub mod pages;
pub mod protocol;
pub mod registry;
mod running;
pub mod server;
pub mod store;
pub mod tls;
pub mod tokens;
pub mod users;

pub use config::{Config, ConfigError};
pub use running::start;
pub use shared_claims::service::Running;
