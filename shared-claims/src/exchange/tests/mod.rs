//! The client against a token endpoint that answers each subject with a token of its own.

mod answers;
mod bound;
mod calls;
mod observing;
mod outages;
mod sharing;

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use time::macros::datetime;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::{AccessTokenClaims, ManualClock, Scope};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const B: &str = "https://api-b.example";

/// Alice's token, good for five minutes.
fn subject(text: &str) -> AccessToken {
    subject_until(text, NOW + time::Duration::minutes(5))
}

fn subject_until(text: &str, exp: OffsetDateTime) -> AccessToken {
    let claims: AccessTokenClaims = serde_json::from_value(json!({
        "iss": "i", "sub": "usr_1", "aud": "a", "iat": NOW.unix_timestamp(), "jti": "jti", "client_id": "app",
        "exp": exp.unix_timestamp(),
    }))
    .unwrap();
    AccessToken::validated(claims, text)
}

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

/// An auth server with this token endpoint.
async fn auth_server(token_endpoint: impl wiremock::Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    publish_metadata(&server).await;
    Mock::given(method("POST")).and(path("/token")).respond_with(token_endpoint).mount(&server).await;
    server
}

async fn publish_metadata(server: &MockServer) {
    let metadata = json!({
        "issuer": server.uri(),
        "jwks_uri": format!("{}/jwks", server.uri()),
        "token_endpoint": format!("{}/token", server.uri()),
    });
    Mock::given(path("/.well-known/openid-configuration"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(server)
        .await;
}

fn form(request: &Request) -> HashMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

/// Makes `for <subject token>` out of each subject token.
fn answer_each_subject(request: &Request) -> ResponseTemplate {
    let form = form(request);
    granted(&format!("for {}", form["subject_token"]), form.get("scope").map_or("", String::as_str))
}

fn granted(token: &str, scope: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "access_token": token, "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 120, "scope": scope,
    }))
}

fn refused(error: &str, description: &str) -> ResponseTemplate {
    ResponseTemplate::new(400).set_body_json(json!({ "error": error, "error_description": description }))
}

fn client(server: &MockServer, clock: &ManualClock) -> ExchangeClient {
    builder(server, clock).build().unwrap()
}

fn builder(server: &MockServer, clock: &ManualClock) -> ExchangeClientBuilder {
    ExchangeClient::builder(&server.uri())
        .client("api-a", "secret-_".into())
        .timeout(Duration::from_millis(500))
        .clock(Arc::new(clock.clone()))
}

/// The token for API B, by the client's ordinary way.
async fn token_b(client: &ExchangeClient, subject: &AccessToken) -> Result<ExchangedToken, ExchangeError> {
    client.on_behalf_of(subject).audience(B).token().await
}

async fn exchanges(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().iter().filter(|request| request.url.path() == "/token").count()
}
