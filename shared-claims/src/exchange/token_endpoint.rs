//! Asking the auth server: the request of RFC 8693 section 2.1, within a time, and sent again only where nothing was sent.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Response};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::observer::{Belonging, Leg, Sight, Watch};
use super::prover::Prover;
use super::{ACCESS_TOKEN, ExchangeError, GRANT_TYPE};
use crate::discovery::{Discovery, DiscoveryError, ServerMetadata};
use crate::dpop::DPOP;
use crate::{AccessToken, Scope};

const RETRIES: usize = 2;

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub subject: &'a AccessToken,
    pub audience: &'a str,
    /// Empty: the pairing's defaults.
    pub scope: &'a Scope,
    /// The trace that this is done for (W3C Trace Context).
    pub traceparent: Option<&'a HeaderValue>,
}

impl<'a> Wish<'a> {
    pub fn belonging(self) -> Belonging<'a> {
        Belonging { traceparent: self.traceparent, audience: self.audience }
    }
}

/// One issuer's token endpoint, as one client.
pub(super) struct TokenEndpoint {
    pub discovery: Discovery,
    pub http: Client,
    pub authorization: HeaderValue,
    pub timeout: Duration,
    pub prover: Arc<Prover>,
    pub watch: Watch,
}

impl TokenEndpoint {
    /// The answer, whatever it is; all tries together take no longer than the time-out.
    /// `bound`: the token is to be bound to the own key.
    pub async fn ask<'a>(&'a self, wish: Wish<'a>, bound: bool) -> Result<(Response, Sight<'a>), ExchangeError> {
        let asked = async {
            let metadata = self.metadata().await.inspect_err(|error| self.watch.not_sent(wish.belonging(), error))?;
            let name = &metadata.token_endpoint_name;
            let proof = if bound { Some(self.prover.proof("POST", name, None)?) } else { None };
            let (response, sight) = self.send(&metadata, wish, proof).await?;
            self.prover.learn(name, response.headers());
            Ok((response, sight))
        };
        tokio::time::timeout(self.timeout, asked).await.unwrap_or(Err(ExchangeError::TimedOut))
    }

    async fn metadata(&self) -> Result<Arc<ServerMetadata>, ExchangeError> {
        self.discovery.metadata().await.map_err(|error| match error {
            DiscoveryError::Unreachable(why) => ExchangeError::Unavailable(why),
            DiscoveryError::Unusable(why) => ExchangeError::Fault(why),
        })
    }

    async fn send<'a>(
        &'a self,
        metadata: &ServerMetadata,
        wish: Wish<'a>,
        proof: Option<HeaderValue>,
    ) -> Result<(Response, Sight<'a>), ExchangeError> {
        let scope = wish.scope.to_string();
        let mut form = vec![
            ("grant_type", GRANT_TYPE),
            ("subject_token", wish.subject.text()),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", wish.audience),
        ];
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        let request = || {
            let mut request = self.http.post(metadata.token_endpoint.clone()).form(&form);
            request = request.header(AUTHORIZATION, self.authorization.clone());
            if let Some(traceparent) = wish.traceparent {
                request = request.header("traceparent", traceparent.clone());
            }
            if let Some(proof) = &proof {
                request = request.header(DPOP, proof.clone());
            }
            request
        };
        let name = metadata.token_endpoint_name.as_str();
        let sight = self.watch.sends(wish.belonging(), Leg::Exchange, name, || request().build().ok());
        let send = || request().send();
        // Only what never reached the server is sent again: anything else may have been answered already.
        let backoff = ExponentialBuilder::default().with_min_delay(Duration::from_millis(50)).with_max_times(RETRIES);
        let answer = send.retry(backoff.with_jitter()).when(reqwest::Error::is_connect).await;
        sight.after(answer.map_err(not_answered))
    }
}

fn not_answered(error: reqwest::Error) -> ExchangeError {
    if error.is_timeout() && !error.is_connect() {
        ExchangeError::TimedOut
    } else {
        ExchangeError::Unavailable(error.without_url().to_string())
    }
}

/// `client_secret_basic`: both halves form-encoded, then joined (RFC 6749 section 2.3.1). None where a header cannot hold it.
pub(super) fn basic(client_id: &str, secret: &SecretString) -> Option<HeaderValue> {
    use base64::Engine as _;
    let encoded = |text: &str| Zeroizing::new(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
    let pair = Zeroizing::new(format!("{}:{}", *encoded(client_id), *encoded(secret.expose_secret())));
    let value = Zeroizing::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some(value)
}
