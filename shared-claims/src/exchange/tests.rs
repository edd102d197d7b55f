//! The client against a token endpoint that answers each subject with a token of its own.

use std::collections::HashMap;

use rstest::rstest;
use serde_json::json;
use time::macros::datetime;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::{AccessTokenClaims, ManualClock};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const B: &str = "https://api-b.example";

fn subject(text: &str) -> AccessToken {
    let claims: AccessTokenClaims = serde_json::from_value(json!({
        "iss": "i", "sub": "usr_1", "aud": "a", "iat": NOW.unix_timestamp(), "jti": "jti", "client_id": "app",
        "exp": (NOW + time::Duration::minutes(5)).unix_timestamp(),
    }))
    .unwrap();
    AccessToken::validated(claims, text)
}

/// An auth server that makes `for <subject token>` out of each subject token.
async fn auth_server(token_endpoint: impl wiremock::Respond + 'static) -> MockServer {
    let server = MockServer::start().await;
    let metadata = json!({
        "issuer": server.uri(),
        "jwks_uri": format!("{}/jwks", server.uri()),
        "token_endpoint": format!("{}/token", server.uri()),
    });
    Mock::given(path("/.well-known/openid-configuration"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&server)
        .await;
    Mock::given(method("POST")).and(path("/token")).respond_with(token_endpoint).mount(&server).await;
    server
}

fn form(request: &Request) -> HashMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

fn answer_each_subject(request: &Request) -> ResponseTemplate {
    let form = form(request);
    ResponseTemplate::new(200).set_body_json(json!({
        "access_token": format!("for {}", form["subject_token"]),
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 120,
        "scope": form.get("scope").cloned().unwrap_or_default(),
    }))
}

fn client(server: &MockServer, clock: &ManualClock) -> ExchangeClient {
    ExchangeClient::builder(&server.uri())
        .client("api-a", "secret-_".into())
        .timeout(Duration::from_millis(500))
        .clock(Arc::new(clock.clone()))
        .build()
        .unwrap()
}

async fn exchanges(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().iter().filter(|request| request.url.path() == "/token").count()
}

#[tokio::test]
async fn the_request_is_the_one_of_rfc_8693() {
    let server = auth_server(answer_each_subject).await;
    let client = client(&server, &ManualClock::at(NOW));
    let token = client.exchange(&subject("token-a"), B, &"read:receipts".parse().unwrap()).await.unwrap();
    assert_eq!(token.text(), "for token-a");
    assert_eq!(token.expires_at, NOW + time::Duration::minutes(2));

    let requests = server.received_requests().await.unwrap();
    let request = requests.iter().find(|request| request.url.path() == "/token").unwrap();
    let form = form(request);
    assert_eq!(form["grant_type"], GRANT_TYPE);
    assert_eq!(form["subject_token_type"], ACCESS_TOKEN);
    assert_eq!(form["audience"], B);
    assert_eq!(form["scope"], "read:receipts");
    // base64("api%2Da:secret%2D%5F"): both halves form-encoded.
    assert_eq!(request.headers["authorization"], "Basic YXBpJTJEYTpzZWNyZXQlMkQlNUY=");
}

#[tokio::test]
async fn nobody_gets_a_token_that_was_made_for_somebody_else() {
    let server = auth_server(answer_each_subject).await;
    let client = client(&server, &ManualClock::at(NOW));
    let scope: Scope = "read:receipts".parse().unwrap();
    let calls = (0..400).map(|call| {
        let (client, scope, user) = (client.clone(), scope.clone(), call % 20);
        tokio::spawn(async move {
            let token = client.exchange(&subject(&format!("token-of-user-{user}")), B, &scope).await.unwrap();
            assert_eq!(token.text(), format!("for token-of-user-{user}"));
        })
    });
    for call in futures_util::future::join_all(calls).await {
        call.unwrap();
    }
    assert_eq!(exchanges(&server).await, 20, "one exchange a user, whoever else waits");
}

#[tokio::test]
async fn everything_that_a_token_depends_on_is_in_the_key() {
    let server = auth_server(answer_each_subject).await;
    let client = client(&server, &ManualClock::at(NOW));
    for (token, audience, scope) in [
        ("t", B, "read"),
        ("t", B, "read write"),
        ("t", B, "write read"),
        ("t", "https://api-c.example", "read"),
        ("tr", B, "ead"),
        ("t", B, ""),
    ] {
        client.exchange(&subject(token), audience, &scope.parse().unwrap()).await.unwrap();
    }
    assert_eq!(exchanges(&server).await, 5, "only the order of scopes makes no difference");
}

#[tokio::test]
async fn a_kept_token_never_outlives_itself_or_its_subject() {
    let server = auth_server(answer_each_subject).await;
    let clock = ManualClock::at(NOW);
    let client = client(&server, &clock);
    let scope = Scope::empty();
    client.exchange(&subject("t"), B, &scope).await.unwrap();
    clock.advance(time::Duration::seconds(109));
    client.exchange(&subject("t"), B, &scope).await.unwrap();
    assert_eq!(exchanges(&server).await, 1);
    clock.advance(time::Duration::seconds(1));
    client.exchange(&subject("t"), B, &scope).await.unwrap();
    assert_eq!(exchanges(&server).await, 2, "less than 10 s are left of it");
    clock.advance(time::Duration::minutes(4));
    assert_eq!(client.exchange(&subject("t"), B, &scope).await.unwrap_err(), ExchangeError::SubjectExpired);
    assert_eq!(exchanges(&server).await, 2);
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let server = auth_server(ResponseTemplate::new(503)).await;
    let client = client(&server, &ManualClock::at(NOW));
    for _ in 0..2 {
        let error = client.exchange(&subject("t"), B, &Scope::empty()).await.unwrap_err();
        assert!(matches!(error, ExchangeError::Unavailable(_)), "{error}");
    }
    assert_eq!(exchanges(&server).await, 2);
}

#[tokio::test]
async fn a_slow_server_is_told_from_one_that_is_away() {
    let slow = auth_server(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).await;
    let error = client(&slow, &ManualClock::at(NOW)).exchange(&subject("t"), B, &Scope::empty()).await.unwrap_err();
    assert_eq!(error, ExchangeError::TimedOut);
    assert_eq!(exchanges(&slow).await, 1, "what may have been answered is not sent again");

    let nobody = ExchangeClient::builder("http://127.0.0.1:1").client("api-a", "s".into()).build().unwrap();
    let mut live = subject("t");
    live.claims.exp = SystemClock.now() + time::Duration::minutes(5);
    let error = nobody.exchange(&live, B, &Scope::empty()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Unavailable(_)), "{error}");
}

#[rstest]
#[case::no_type(json!({"access_token":"t","token_type":"Bearer","expires_in":60}))]
#[case::other_type(json!({"access_token":"t","issued_token_type":"urn:x","token_type":"Bearer","expires_in":60}))]
#[case::bound(json!({"access_token":"t","issued_token_type":ACCESS_TOKEN,"token_type":"DPoP","expires_in":60}))]
#[case::empty(json!({"access_token":"","issued_token_type":ACCESS_TOKEN,"token_type":"Bearer","expires_in":60}))]
#[case::over(json!({"access_token":"t","issued_token_type":ACCESS_TOKEN,"token_type":"Bearer","expires_in":0}))]
#[tokio::test]
async fn an_answer_that_is_not_rfc_8693_is_a_fault(#[case] answer: serde_json::Value) {
    let server = auth_server(ResponseTemplate::new(200).set_body_json(answer)).await;
    let error = client(&server, &ManualClock::at(NOW)).exchange(&subject("t"), B, &Scope::empty()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Fault(_)), "{error}");
}

#[tokio::test]
async fn a_scope_that_the_answer_leaves_out_is_the_one_that_was_asked_for() {
    let answer = json!({"access_token":"t","issued_token_type":ACCESS_TOKEN,"token_type":"Bearer","expires_in":60});
    let server = auth_server(ResponseTemplate::new(200).set_body_json(answer)).await;
    let scope: Scope = "read:receipts".parse().unwrap();
    assert_eq!(client(&server, &ManualClock::at(NOW)).exchange(&subject("t"), B, &scope).await.unwrap().scope, scope);
}

#[tokio::test]
async fn a_token_that_allows_more_than_was_asked_for_is_a_fault() {
    let answer = json!({"access_token":"t","issued_token_type":ACCESS_TOKEN,"token_type":"Bearer","expires_in":60,
        "scope":"read:receipts admin"});
    let server = auth_server(ResponseTemplate::new(200).set_body_json(answer)).await;
    let scope: Scope = "read:receipts".parse().unwrap();
    let error = client(&server, &ManualClock::at(NOW)).exchange(&subject("t"), B, &scope).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Fault(_)), "{error}");
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let token = ExchangedToken { text: "canary".into(), scope: Scope::empty(), expires_at: NOW };
    assert!(!format!("{token:?} {:?}", subject("canary")).contains("canary"));
}
