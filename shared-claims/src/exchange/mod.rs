//! Step 4 of the flow, from the API's side: exchanges the token that it was called with for a token of the API that it
//! wants to call on behalf of the same user (RFC 8693).

mod cache;
mod error;
mod response;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Client;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;
use url::Url;
use zeroize::Zeroizing;

use crate::discovery::{Discovery, DiscoveryError};
use crate::{AccessToken, Clock, Scope, SystemClock, http};
use cache::{Key, TokenCache};
pub use error::ExchangeError;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const RETRIES: usize = 2;

/// A token for another API, on behalf of the same user. It tells nothing of itself in debug output.
#[derive(Clone)]
pub struct ExchangedToken {
    text: SecretString,
    pub scope: Scope,
    pub expires_at: OffsetDateTime,
}

impl ExchangedToken {
    /// What goes behind `Authorization: Bearer`.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.expose_secret()
    }
}

impl std::fmt::Debug for ExchangedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangedToken")
            .field("scope", &self.scope.to_string())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Exchanges tokens at one issuer, as one client. Clones share the cache.
#[derive(Clone)]
pub struct ExchangeClient(Arc<Inner>);

struct Inner {
    discovery: Discovery,
    http: Client,
    client_id: String,
    authorization: HeaderValue,
    clock: Arc<dyn Clock>,
    cache: TokenCache,
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InvalidExchangeClient {
    #[error("name the issuer and the client: both must not be empty")]
    Empty,
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
    #[error("the client's secret cannot be sent in a header")]
    Secret,
}

/// Settings of an [`ExchangeClient`].
pub struct ExchangeClientBuilder {
    issuer: String,
    client: Option<(String, SecretString)>,
    backchannel_url: Option<Url>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl ExchangeClientBuilder {
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

    /// How long one call may take in all. Default: 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
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
        Ok(ExchangeClient(Arc::new(Inner {
            discovery: Discovery::new(&self.issuer, self.backchannel_url, http.clone()),
            http,
            authorization: basic(&client_id, &secret)?,
            client_id,
            cache: TokenCache::new(Arc::clone(&self.clock)),
            clock: self.clock,
        })))
    }
}

impl ExchangeClient {
    #[must_use]
    pub fn builder(issuer: &str) -> ExchangeClientBuilder {
        ExchangeClientBuilder {
            issuer: issuer.to_owned(),
            client: None,
            backchannel_url: None,
            timeout: DEFAULT_TIMEOUT,
            clock: Arc::new(SystemClock),
        }
    }

    /// A token for `audience` with `scope` (empty: the pairing's defaults), on behalf of the user of `subject`. From the
    /// cache where it has one that is still good.
    pub async fn exchange(
        &self,
        subject: &AccessToken,
        audience: &str,
        scope: &Scope,
    ) -> Result<ExchangedToken, ExchangeError> {
        self.exchange_traced(subject, audience, scope, None).await
    }

    /// The same, passing on the `traceparent` of the request that it is done for (W3C Trace Context).
    pub async fn exchange_traced(
        &self,
        subject: &AccessToken,
        audience: &str,
        scope: &Scope,
        traceparent: Option<&str>,
    ) -> Result<ExchangedToken, ExchangeError> {
        let inner = &self.0;
        if subject.expires_at() <= inner.clock.now() {
            return Err(ExchangeError::SubjectExpired);
        }
        let key = Key::new(subject, audience, scope, &inner.client_id);
        inner.cache.get_or(key, subject, inner.ask(subject, audience, scope, traceparent)).await
    }
}

impl Inner {
    async fn ask(
        &self,
        subject: &AccessToken,
        audience: &str,
        scope: &Scope,
        traceparent: Option<&str>,
    ) -> Result<ExchangedToken, ExchangeError> {
        let metadata = self.discovery.metadata().await.map_err(|error| match error {
            DiscoveryError::Unreachable(why) => ExchangeError::Unavailable(why),
            DiscoveryError::Unusable(why) => ExchangeError::Fault(why),
        })?;
        let (asked_at, asked) = (self.clock.now(), scope);
        let scope = scope.to_string();
        // What is no header value is not passed on; it is the caller's, and no reason to fail.
        let traceparent = traceparent.and_then(|text| HeaderValue::from_str(text).ok());
        let mut form = vec![
            ("grant_type", GRANT_TYPE),
            ("subject_token", subject.text()),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", audience),
        ];
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        let send = || async {
            let mut request = self.http.post(metadata.token_endpoint.clone()).form(&form);
            request = request.header(reqwest::header::AUTHORIZATION, self.authorization.clone());
            if let Some(traceparent) = &traceparent {
                request = request.header("traceparent", traceparent.clone());
            }
            request.send().await
        };
        // Only what never reached the server is sent again: anything else may have been answered already.
        let response = send
            .retry(
                ExponentialBuilder::default()
                    .with_min_delay(Duration::from_millis(50))
                    .with_max_times(RETRIES)
                    .with_jitter(),
            )
            .when(reqwest::Error::is_connect)
            .await
            .map_err(not_sent)?;
        response::read(response, asked, asked_at).await
    }
}

fn not_sent(error: reqwest::Error) -> ExchangeError {
    if error.is_timeout() && !error.is_connect() {
        ExchangeError::TimedOut
    } else {
        ExchangeError::Unavailable(error.without_url().to_string())
    }
}

/// `client_secret_basic`: both halves form-encoded, then joined (RFC 6749 section 2.3.1).
fn basic(client_id: &str, secret: &SecretString) -> Result<HeaderValue, InvalidExchangeClient> {
    use base64::Engine as _;
    let encoded = |text: &str| Zeroizing::new(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
    let pair = Zeroizing::new(format!("{}:{}", *encoded(client_id), *encoded(secret.expose_secret())));
    let value = Zeroizing::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&value).map_err(|_| InvalidExchangeClient::Secret)?;
    value.set_sensitive(true);
    Ok(value)
}
