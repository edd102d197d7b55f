//! Requests written by hand, as somebody would who tries what the exchange client would never send; and what came back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Client, RequestBuilder};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::Value;
use shared_claims::discovery::{Discovery, ServerMetadata};
use shared_claims::exchange::observer::MASKED_SECRET;
use shared_claims::http;
use url::Url;

use super::event::{Request, Response, milliseconds, pairs, text};
use crate::config::{ClientIdentity, Config};

const PATIENCE: Duration = Duration::from_secs(5);
/// A trace ends by itself before.
const LONGEST_STREAM: Duration = Duration::from_secs(20);
const LARGEST_ANSWER: usize = 256 * 1024;
const AUTH_SERVER: &str = "auth-server";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A request, and what came back.
#[derive(Debug, Serialize)]
pub struct Attempt {
    pub from: String,
    pub to: String,
    pub request: Request,
    pub response: Option<Response>,
    pub took_ms: f64,
    /// Why there is no response, for people.
    pub error: Option<String>,
}

impl Attempt {
    /// The auth server is away: nobody knows where its token endpoint is.
    fn unsent(client: &ClientIdentity, error: String) -> Self {
        let (from, to, error) = (client.id.clone(), AUTH_SERVER.to_owned(), Some(error));
        Self { from, to, request: post("", None), response: None, took_ms: 0.0, error }
    }

    /// The token that an exchange gave, if it did.
    pub fn token(&self) -> Option<String> {
        let response = self.response.as_ref().filter(|response| response.status == 200)?;
        let body: Value = serde_json::from_str(response.body.as_ref()?).ok()?;
        body["access_token"].as_str().map(str::to_owned)
    }
}

/// What an exchange is asked for (RFC 8693 section 2.1).
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    pub subject: &'a str,
    pub audience: &'a str,
    pub scope: &'a str,
}

/// Sends what it is told to, as whom it is told to.
pub struct ByHand {
    http: Client,
    /// For what is read as long as it goes on.
    streams: Client,
    discovery: Discovery,
}

impl ByHand {
    pub fn of(config: &Config) -> reqwest::Result<Self> {
        let http = http::client(PATIENCE)?;
        let discovery = Discovery::new(config.issuer.as_str(), config.backchannel_url.clone(), http.clone());
        Ok(Self { http, streams: http::client(LONGEST_STREAM)?, discovery })
    }

    pub fn streams(&self) -> &Client {
        &self.streams
    }

    /// Whether the auth server explains exchanges.
    pub async fn is_explained(&self) -> bool {
        self.metadata().await.is_ok_and(|metadata| metadata.explain_endpoint.is_some())
    }

    /// Asks for a token, as `client`.
    pub async fn exchange(&self, client: &ClientIdentity, wish: Wish<'_>) -> Attempt {
        let metadata = match self.metadata().await {
            Ok(metadata) => metadata,
            Err(error) => return Attempt::unsent(client, error),
        };
        let request = self.authenticated(&metadata.token_endpoint, client).form(&wish.form());
        attempted(&client.id, AUTH_SERVER, request, |body| post(metadata.token_endpoint_name.as_str(), body)).await
    }

    /// Asks why, for the same request; none where the auth server does not explain.
    pub async fn explanation(&self, client: &ClientIdentity, wish: Wish<'_>) -> Option<Value> {
        let endpoint = self.metadata().await.ok()?.explain_endpoint.clone()?;
        let answer = self.authenticated(&endpoint, client).form(&wish.form()).send().await.ok()?;
        let answer = answer.error_for_status().ok()?;
        http::json(answer, LARGEST_ANSWER).await.ok()
    }

    /// `GET url` with a token. `shown`: the address as people reach it.
    pub async fn get(&self, from: &str, to: &str, url: &str, shown: &str, token: &str) -> Attempt {
        let authorization = format!("Bearer {token}");
        let request = self.http.get(url).header(AUTHORIZATION, &authorization);
        let shown = |body| Request {
            method: "GET".to_owned(),
            url: shown.to_owned(),
            headers: vec![("authorization".to_owned(), authorization.clone())],
            body,
        };
        attempted(from, to, request, shown).await
    }

    async fn metadata(&self) -> Result<Arc<ServerMetadata>, String> {
        self.discovery.metadata().await.map_err(|error| error.to_string())
    }

    fn authenticated(&self, endpoint: &Url, client: &ClientIdentity) -> RequestBuilder {
        self.http.post(endpoint.clone()).basic_auth(&client.id, Some(client.secret.expose_secret()))
    }
}

impl<'a> Wish<'a> {
    fn form(self) -> [(&'static str, &'a str); 5] {
        [
            ("grant_type", GRANT_TYPE),
            ("subject_token", self.subject),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", self.audience),
            ("scope", self.scope),
        ]
    }
}

/// A client's request as it may be seen.
fn post(url: &str, body: Option<String>) -> Request {
    let headers = [
        ("authorization", format!("Basic {MASKED_SECRET}")),
        ("content-type", "application/x-www-form-urlencoded".into()),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).into();
    Request { method: "POST".to_owned(), url: url.to_owned(), headers, body }
}

/// Sends it. `shown`: the request as it may be seen, with its body.
async fn attempted(
    from: &str,
    to: &str,
    request: RequestBuilder,
    shown: impl FnOnce(Option<String>) -> Request,
) -> Attempt {
    let started = Instant::now();
    let (body, outcome) = match request.build_split() {
        (client, Ok(request)) => {
            let body = request.body().and_then(reqwest::Body::as_bytes).map(text);
            (body, answered(client.execute(request)).await)
        }
        (_, Err(error)) => (None, Err(error.without_url().to_string())),
    };
    let (response, error) = match outcome {
        Ok(response) => (Some(response), None),
        Err(error) => (None, Some(error)),
    };
    let (from, to, request) = (from.to_owned(), to.to_owned(), shown(body));
    Attempt { from, to, request, response, took_ms: milliseconds(started.elapsed()), error }
}

async fn answered(sent: impl Future<Output = reqwest::Result<reqwest::Response>>) -> Result<Response, String> {
    let response = sent.await.map_err(|error| format!("no answer: {}", error.without_url()))?;
    let (status, headers): (_, HeaderMap) = (response.status().as_u16(), response.headers().clone());
    let body = http::text(response, LARGEST_ANSWER).await.map_err(|error| format!("the answer broke off: {error}"))?;
    Ok(Response { status, headers: pairs(&headers), body: Some(text(&body)) })
}
