//! Settings of an exchange client, checked once.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use secrecy::SecretString;
use url::Url;

use super::breaker::{Breaker, Limits};
use super::cache::Answers;
use super::key::Asker;
use super::observer::{Observer, Watch};
use super::prover::Prover;
use super::token_endpoint::{TokenEndpoint, basic};
use super::{ExchangeClient, Inner};
use crate::discovery::Discovery;
use crate::dpop::ProofKey;
use crate::{Clock, SystemClock, http};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_REMEMBER_REFUSALS: Duration = Duration::from_secs(2);
/// An administrator who gives a permission does not want to wait longer for it to work.
const MOST_REMEMBER_REFUSALS: Duration = Duration::from_secs(30);
const DEFAULT_FAILURES: u32 = 5;
const DEFAULT_REST: Duration = Duration::from_secs(5);

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidExchangeClient {
    #[error("name the issuer and the client: both must not be empty")]
    Empty,
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the client's secret cannot be sent in a header")]
    Secret,
    #[error("no key for proofs can be made")]
    ProofKey,
}

/// Where the trace of the current call comes from, as the value of `traceparent`.
pub(super) type Traceparent = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Settings of an [`ExchangeClient`].
pub struct ExchangeClientBuilder {
    issuer: String,
    client: Option<(String, SecretString)>,
    backchannel_url: Option<Url>,
    timeout: Duration,
    remember_refusals: Duration,
    failures: u32,
    rest: Duration,
    traceparent: Traceparent,
    targets: Option<Client>,
    observer: Option<Arc<dyn Observer>>,
    bind_tokens: bool,
    clock: Arc<dyn Clock>,
}

impl ExchangeClientBuilder {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            client: None,
            backchannel_url: None,
            timeout: DEFAULT_TIMEOUT,
            remember_refusals: DEFAULT_REMEMBER_REFUSALS,
            failures: DEFAULT_FAILURES,
            rest: DEFAULT_REST,
            traceparent: Arc::new(|| None),
            targets: None,
            observer: None,
            bind_tokens: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// The client identity of this API.
    #[must_use]
    pub fn client(mut self, id: &str, secret: SecretString) -> Self {
        self.client = Some((id.to_owned(), secret));
        self
    }

    /// The auth server's base address, where this service reaches it under another name than browsers do.
    #[must_use]
    pub fn backchannel_url(mut self, url: Option<Url>) -> Self {
        self.backchannel_url = url;
        self
    }

    /// How long one exchange may take in all, and one call of a target API. Default: 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// For how long a refusal that cannot change is answered without asking again: 2 s unless set, 30 s at most, and never
    /// beyond the end of the subject token. Zero: not at all.
    #[must_use]
    pub fn remember_refusals(mut self, time: Duration) -> Self {
        self.remember_refusals = time.min(MOST_REMEMBER_REFUSALS);
        self
    }

    /// After so many failures in a row the auth server is left alone for so long, then one call tries again. Default: 5
    /// failures, 5 s.
    #[must_use]
    pub fn circuit(mut self, failures: u32, rest: Duration) -> Self {
        (self.failures, self.rest) = (failures.max(1), rest);
        self
    }

    /// Where the `traceparent` of a call comes from (W3C Trace Context): it is asked in the task that calls, and passed on to
    /// the auth server and the target API. Default: none is sent.
    #[must_use]
    pub fn traceparent(mut self, source: impl Fn() -> Option<String> + Send + Sync + 'static) -> Self {
        self.traceparent = Arc::new(source);
        self
    }

    /// The HTTP client that calls target APIs. Default: one with the time-out of this client that follows no redirects.
    #[must_use]
    pub fn http(mut self, http: Client) -> Self {
        self.targets = Some(http);
        self
    }

    /// Binds every token that is asked for to a key of this client (DPoP, RFC 9449): of no use to whoever finds one. Unless
    /// set, the callers' tokens decide: for a bound one only a bound one is given.
    #[must_use]
    pub fn bind_tokens(mut self, bind: bool) -> Self {
        self.bind_tokens = bind;
        self
    }

    /// Who is told of every request and its answer: for demos and while developing, since it sees access tokens. Default:
    /// nobody, at no cost.
    #[must_use]
    pub fn observer(mut self, observer: Option<Arc<dyn Observer>>) -> Self {
        self.observer = observer;
        self
    }

    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub fn build(self) -> Result<ExchangeClient, InvalidExchangeClient> {
        let (client_id, secret) = self
            .client
            .filter(|(id, _)| !id.is_empty() && !self.issuer.is_empty())
            .ok_or(InvalidExchangeClient::Empty)?;
        let http = http::client(self.timeout)?;
        let authorization = basic(&client_id, &secret).ok_or(InvalidExchangeClient::Secret)?;
        let prover = ProofKey::generate().map_err(|_| InvalidExchangeClient::ProofKey)?;
        let prover = Arc::new(Prover::new(prover, Arc::clone(&self.clock)));
        let watch = Watch(self.observer);
        let limits = Limits { failures: self.failures, rest: in_this_crate(self.rest) };
        Ok(ExchangeClient(Arc::new(Inner {
            asker: Asker::new(&self.issuer, &client_id, authorization.as_bytes(), prover.jkt()),
            answers: Answers::new(Arc::clone(&self.clock), in_this_crate(self.remember_refusals)),
            breaker: Breaker::new(limits, Arc::clone(&self.clock)),
            targets: self.targets.unwrap_or_else(|| http.clone()),
            endpoint: TokenEndpoint {
                discovery: Discovery::new(&self.issuer, self.backchannel_url, http.clone()),
                http,
                authorization,
                timeout: self.timeout,
                prover: Arc::clone(&prover),
                watch: watch.clone(),
            },
            prover,
            bind_tokens: self.bind_tokens,
            traceparent: self.traceparent,
            watch,
            clock: self.clock,
        })))
    }
}

fn in_this_crate(time: Duration) -> time::Duration {
    time::Duration::try_from(time).unwrap_or(time::Duration::MAX)
}
