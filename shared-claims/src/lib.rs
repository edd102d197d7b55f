//! What every service of an on-behalf-of chain agrees on: the vocabulary of access tokens, how a token is checked,
//! and how an API exchanges the token that it was called with for one meant for the next API.
//!
//! - [`claims`], [`actor`], [`scope`]: plain types, no I/O (RFC 9068, RFC 8693).
//! - [`chain`]: what an API demands of the chain of actors behind a call.
//! - [`clock`]: where time comes in, so that tests can hold it still.
//! - [`validator`]: checking a token (RFC 9068), pure.
//! - [`discovery`], [`jwks`]: where the issuer's endpoints are (RFC 8414), and its keys, fetched and kept.
//! - [`resource_server`]: what an API keeps to check its callers' tokens.
//! - [`bearer`]: the token of a request.
//! - [`dpop`]: proof of possession, for tokens that are bound to a key (RFC 9449).
//! - [`challenge`], [`problem`]: how an API refuses (RFC 6750, RFC 9457).
//! - [`protected_resource`]: what an API says of itself (RFC 9728).
//! - [`extract`] (feature `actix`): extractors, so that a handler's signature says who may call it.
//! - [`exchange`] (feature `client`): a token for the next API, on behalf of the same user (RFC 8693).
//!
//! # An API that lets in who may come in
//!
//! ```no_run
//! # #[cfg(feature = "actix")]
//! # mod api {
//! use actix_web::{App, HttpServer, web};
//! use shared_claims::{Caller, ResourceServer, protected_resource};
//!
//! shared_claims::required_scope!(pub ReadReceipts = "read:receipts");
//!
//! /// Runs only for a valid token for this API that allows `read:receipts`. Others get their 401 or 403.
//! async fn receipts(caller: Caller<ReadReceipts>) -> String {
//!     format!("the receipts of {}", caller.claims.sub)
//! }
//!
//! pub async fn run() -> Result<(), Box<dyn std::error::Error>> {
//!     let api = ResourceServer::builder("http://localhost:9000", "https://api-b.example")
//!         .public_url("http://localhost:9002".parse::<url::Url>()?)
//!         .scopes("read:receipts write:receipts".parse()?)
//!         .build()?;
//!     let api = web::Data::new(api);
//!     HttpServer::new(move || {
//!         App::new()
//!             .app_data(api.clone())
//!             .service(protected_resource::route())
//!             .route("/api/receipts", web::get().to(receipts))
//!     })
//!     .bind("127.0.0.1:9002")?
//!     .run()
//!     .await?;
//!     Ok(())
//! }
//! # }
//! ```

pub mod access_token;
pub mod actor;
pub mod bearer;
pub mod chain;
pub mod challenge;
pub mod claims;
pub mod clock;
pub mod discovery;
pub mod dpop;
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
#[cfg(feature = "actix")]
mod reading;
pub mod recent_tokens;
pub mod resource_server;
pub mod scope;
#[cfg(feature = "service")]
pub mod service;
pub mod status_list;
pub mod validator;

pub use access_token::AccessToken;
pub use actor::{Actor, ActorIdentity};
pub use chain::{ChainPolicy, ChainRefused};
pub use challenge::{Challenge, Refusal};
pub use claims::{AccessTokenClaims, Audience};
pub use clock::{Clock, ManualClock, SystemClock};
#[cfg(feature = "client")]
pub use exchange::{CallError, CallerAnswer, ExchangeClient, ExchangeError, ExchangedToken};
#[cfg(feature = "actix")]
pub use extract::{AnyChain, AnyScope, Caller, RequiredChain, RequiredScope};
pub use problem::Problem;
pub use recent_tokens::{RecentTokens, TokenHash};
pub use resource_server::{ResourceServer, Unauthenticated};
pub use scope::{Scope, ScopeToken};

/// The guides' Rust is compiled with this crate's own.
#[cfg(all(doctest, feature = "actix"))]
#[doc = include_str!("../../docs/protect-your-api.md")]
mod protect_your_api {}
#[cfg(all(doctest, feature = "actix", feature = "client"))]
#[doc = include_str!("../../docs/call-another-api.md")]
mod call_another_api {}
