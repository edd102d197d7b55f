//! A client that holds a key and proves it, request by request (DPoP, RFC 9449), by hand, so that it can also be done wrongly.

use std::sync::Arc;

use anyhow::{Context, Result};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use shared_claims::dpop::{ProofKey, ProofRequest};
use shared_claims::{Clock, SystemClock};
use url::Url;

use super::{Answer, App, AuthServer, AuthorizationRequest, Credentials, http};

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Whoever holds one key.
pub struct Holder {
    key: ProofKey,
    http: Client,
    clock: Arc<dyn Clock>,
}

impl Holder {
    /// Somebody with a new key.
    pub fn new() -> Result<Self> {
        Self::with_clock(SystemClock)
    }

    /// The same, whose clock a test holds.
    pub fn with_clock(clock: impl Clock) -> Result<Self> {
        Ok(Self { key: ProofKey::generate().context("a key")?, http: http::client()?, clock: Arc::new(clock) })
    }

    /// The key's thumbprint, by which tokens are bound to it.
    #[must_use]
    pub fn jkt(&self) -> &str {
        self.key.jkt()
    }

    /// A proof for one request.
    pub fn proof(
        &self,
        method: &str,
        url: &str,
        access_token: Option<&str>,
        nonce: Option<&str>,
    ) -> Result<HeaderValue> {
        let url: Url = url.parse()?;
        let request = ProofRequest { method, url: &url, access_token, nonce, now: self.clock.now() };
        Ok(self.key.proof(&request).context("a proof")?.parse()?)
    }

    /// A proof for a request at the token endpoint, as the issuer names it.
    pub fn proof_for_token(&self, server: &AuthServer, nonce: Option<&str>) -> Result<HeaderValue> {
        self.proof("POST", &server.url("oauth/token"), None, nonce)
    }

    /// A request at the token endpoint, with a proof.
    pub async fn token(&self, server: &AuthServer, who: &Credentials, form: &[(&str, &str)]) -> Result<Answer> {
        server.token_with(who, form, [(DPOP, self.proof_for_token(server, None)?)]).await
    }

    /// Step 2, with a proof.
    pub async fn redeem(&self, app: &App, code: &str, request: &AuthorizationRequest) -> Result<Answer> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &app.redirect_uri),
            ("code_verifier", &request.verifier),
        ];
        self.token(&app.auth_server, &app.credentials, &form).await
    }

    /// `GET url` with a bound token and a proof for this request and that token.
    pub async fn get(&self, url: &str, access_token: &str) -> Result<Answer> {
        let proof = self.proof("GET", url, Some(access_token), None)?;
        self.get_with(url, access_token, proof).await
    }

    /// The same with whatever proof.
    pub async fn get_with(&self, url: &str, access_token: &str, proof: HeaderValue) -> Result<Answer> {
        let request = self.http.request(Method::GET, url).header(AUTHORIZATION, format!("DPoP {access_token}"));
        Answer::from(request.header(DPOP, proof).send().await?).await
    }
}
