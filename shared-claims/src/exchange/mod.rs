//! Step 4 of the flow, from the API's side: exchanges the token that it was called with for a token of the API that it
//! wants to call on behalf of the same user (RFC 8693).
//!
//! A call passes through `on_behalf` (what is wanted), `cache` (what is known, by `key`), `breaker` (whether the auth server
//! is worth asking), `token_endpoint` and `response` (asking), with a proof by `prover` where the token is to be bound. What went wrong is an [`ExchangeError`], or a [`CallError`]
//! where the target API was called too; [`ResourceServer::answer_to`](crate::ResourceServer::answer_to) makes of either what
//! the own caller should hear. An [`Observer`](observer::Observer) sees what is sent. Nothing here needs a web framework.
//!
//! # A worker that goes on where a request ended
//!
//! ```no_run
//! use shared_claims::{ExchangeClient, ResourceServer};
//!
//! /// A job as it lies in the queue: with the token of the user's call. It must be done before that token ends.
//! struct Job {
//!     token: String,
//! }
//!
//! async fn export(job: Job, api: &ResourceServer, client: &ExchangeClient) -> Result<String, Box<dyn std::error::Error>> {
//!     // Nobody vouches for what lies in a queue: it is checked like a token that comes with a request.
//!     let caller = api.authenticate(&job.token).await?;
//!     let receipts = client
//!         .on_behalf_of(&caller)
//!         .audience("https://api-b.example")
//!         .scope(&"read:receipts".parse()?)
//!         .get("http://localhost:9002/api/receipts")
//!         .send()
//!         .await?;
//!     Ok(receipts.error_for_status()?.text().await?)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let api = ResourceServer::builder("http://localhost:9000", "https://api-a.example").build()?;
//! let client = ExchangeClient::builder("http://localhost:9000").client("api-a", "the secret".into()).build()?;
//! # let _ = (api, client, export);
//! # Ok(())
//! # }
//! ```

mod breaker;
mod builder;
mod cache;
mod call;
mod caller_answer;
mod error;
mod key;
mod measure;
pub mod observer;
mod on_behalf;
mod prover;
mod response;
mod target_challenge;
#[cfg(test)]
mod tests;
mod token;
mod token_endpoint;

use std::sync::Arc;
use std::time::Instant;

use crate::{AccessToken, Clock};
use breaker::{Breaker, Resting};
use builder::Traceparent;
pub use builder::{ExchangeClientBuilder, InvalidExchangeClient};
use cache::Answers;
pub use call::{Call, CallError};
pub use caller_answer::CallerAnswer;
pub use error::ExchangeError;
use key::{Asker, Key};
use measure::Found;
use observer::Watch;
pub use on_behalf::{OnBehalfOf, Subject};
use prover::Prover;
use response::NoToken;
pub use token::ExchangedToken;
use token_endpoint::{TokenEndpoint, Wish};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Exchanges tokens at one issuer, as one client. Clones share what is kept.
#[derive(Clone)]
pub struct ExchangeClient(Arc<Inner>);

struct Inner {
    asker: Asker,
    answers: Answers,
    breaker: Breaker,
    endpoint: TokenEndpoint,
    /// Calls target APIs.
    targets: reqwest::Client,
    prover: Arc<Prover>,
    /// Whether tokens are bound whatever the caller's is.
    bind_tokens: bool,
    traceparent: Traceparent,
    watch: Watch,
    clock: Arc<dyn Clock>,
}

impl ExchangeClient {
    #[must_use]
    pub fn builder(issuer: &str) -> ExchangeClientBuilder {
        ExchangeClientBuilder::new(issuer)
    }

    /// Begins a call on behalf of the user of `caller`, which is the token that this API was called with.
    pub fn on_behalf_of<'a>(&'a self, caller: &'a AccessToken) -> Subject<'a> {
        Subject::new(self, caller)
    }
}

impl Inner {
    /// What is kept, or what the auth server says. `fresh`: past what is kept.
    async fn token(&self, wish: Wish<'_>, fresh: bool) -> Result<ExchangedToken, ExchangeError> {
        if wish.subject.expires_at() <= self.clock.now() {
            self.watch.not_sent(wish.belonging(), &ExchangeError::SubjectExpired);
            return Err(ExchangeError::SubjectExpired);
        }
        let key = self.key(wish);
        if fresh {
            measure::looked_up(Found::Bypassed);
            let outcome = self.exchange(wish).await;
            self.answers.replace(key, wish.subject, &outcome).await;
            return outcome;
        }
        let (outcome, found) = self.answers.get_or(key, wish.subject, self.exchange(wish)).await;
        measure::looked_up(found);
        if matches!(found, Found::Token | Found::Refusal) {
            self.watch.kept(wish.belonging(), outcome.as_ref());
        }
        outcome
    }

    /// Lets go of a token that its API refuses.
    async fn forget(&self, wish: Wish<'_>, token: &ExchangedToken) {
        self.answers.drop_token(&self.key(wish), token).await;
    }

    fn key(&self, wish: Wish<'_>) -> Key {
        Key::new(&self.asker, wish.subject, wish.audience, wish.scope)
    }

    async fn exchange(&self, wish: Wish<'_>) -> Result<ExchangedToken, ExchangeError> {
        let started = Instant::now();
        let outcome = self.ask(wish).await;
        measure::exchanged(outcome.as_ref().map_or_else(ExchangeError::reason, |_| "granted"), started.elapsed());
        outcome
    }

    async fn ask(&self, wish: Wish<'_>) -> Result<ExchangedToken, ExchangeError> {
        let leave = self.breaker.ask().map_err(|Resting(rest)| {
            let error = ExchangeError::CircuitOpen { retry_after: rest.try_into().unwrap_or_default() };
            self.watch.not_sent(wish.belonging(), &error);
            error
        })?;
        let outcome = match self.ask_once(wish).await {
            // It has said which nonce it wants (RFC 9449 section 8), and says so once.
            Err(NoToken::WantsNonce) => self.ask_once(wish).await,
            outcome => outcome,
        };
        let outcome = outcome.map_err(NoToken::into_error);
        if outcome.as_ref().is_err_and(ExchangeError::is_outage) {
            leave.failed();
        } else {
            leave.answered();
        }
        outcome
    }

    async fn ask_once(&self, wish: Wish<'_>) -> Result<ExchangedToken, NoToken> {
        let asked_at = self.clock.now();
        let bound = self.bind_tokens || wish.subject.claims.cnf.is_some();
        let (response, sight) = self.endpoint.ask(wish, bound).await?;
        response::read(response, sight, wish.scope, bound, asked_at).await
    }
}
