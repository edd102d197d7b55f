use serde_json::json;
use time::Duration;

use super::*;
use crate::minting::{API, ISSUER, Issuer};

#[tokio::test]
async fn a_good_token_tells_who_calls_and_keeps_its_text_to_itself() {
    let issuer = Issuer::start().await;
    let text = issuer.token();
    let token = issuer.api().authenticate(&text).await.unwrap();
    assert_eq!((token.claims.sub.as_str(), token.text()), ("usr_alice", text.as_str()));
    assert_eq!(token.scope().to_string(), "read:receipts");
    assert!(!format!("{token:?}").contains(&text));
}

#[tokio::test]
async fn a_token_for_another_api_is_refused() {
    let issuer = Issuer::start().await;
    let token = issuer.token_with("aud", "https://api-a.example");
    let refused = issuer.api().authenticate(&token).await.unwrap_err();
    assert_eq!(refused, Unauthenticated::Invalid(InvalidToken::WrongAudience));
    assert_eq!(refused.reason(), "wrong_audience");
}

#[tokio::test]
async fn a_token_ends_when_its_time_has_come() {
    let issuer = Issuer::start().await;
    let (api, token) = (issuer.api(), issuer.token());
    assert!(api.authenticate(&token).await.is_ok());
    issuer.clock.advance(Duration::minutes(10));
    assert_eq!(api.authenticate(&token).await.unwrap_err(), InvalidToken::Expired.into());
}

#[tokio::test]
async fn a_token_bound_to_a_key_is_no_bearer_token() {
    let issuer = Issuer::start().await;
    let token = issuer.token_with("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }));
    assert_eq!(issuer.api().authenticate(&token).await.unwrap_err(), InvalidToken::Bound.into());
}

#[tokio::test]
async fn a_token_that_is_none_costs_the_auth_server_nothing() {
    let issuer = Issuer::start().await;
    assert_eq!(issuer.api().authenticate("none").await.unwrap_err(), InvalidToken::Malformed.into());
    assert_eq!(issuer.server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn without_keys_nobody_is_let_in_and_nobody_is_called_wrong() {
    let issuer = Issuer::away().await;
    assert_eq!(issuer.api().authenticate(&issuer.token()).await.unwrap_err(), Unauthenticated::Unavailable);
}

#[tokio::test]
async fn a_known_key_lets_callers_in_while_the_auth_server_is_away() {
    let issuer = Issuer::start().await;
    let (api, token) = (issuer.api(), issuer.token());
    assert!(api.authenticate(&token).await.is_ok());
    issuer.server.reset().await;
    issuer.clock.advance(Duration::minutes(6));
    assert!(api.authenticate(&token).await.is_ok());
}

#[test]
fn an_empty_name_fails_at_start() {
    assert!(ResourceServer::builder("", API).build().is_err());
    assert!(ResourceServer::builder(ISSUER, "").build().is_err());
}
