//! What an API does with lists that are there, gone, old, foreign or forged, through its one door.

use serde_json::{Value, json};
use time::Duration;
use wiremock::matchers::{header_exists, path};
use wiremock::{Mock, ResponseTemplate};

use super::*;
use crate::ResourceServer;
use crate::minting::{API, ISSUER, Issuer, NOW};
use crate::resource_server::{ResourceServerBuilder, Unauthenticated};
use crate::validator::InvalidToken;

const PATH: &str = "/oauth/status/0";

fn address() -> String {
    format!("{ISSUER}{PATH}")
}

fn list_token(issuer: &Issuer, ended: &[u64], change: impl FnOnce(&mut Value)) -> String {
    let mut bits = StatusBits::unset(64);
    for index in ended {
        bits.set(*index);
    }
    let now = NOW.unix_timestamp();
    let mut claims = json!({
        "sub": address(), "iat": now, "exp": now + 600, "ttl": 5,
        "status_list": { "bits": 1, "lst": bits.to_lst() },
    });
    change(&mut claims);
    let mut header = issuer.signer.header();
    header["typ"] = json!(TOKEN_TYPE);
    issuer.signer.sign_raw(&header.to_string(), &claims.to_string())
}

/// An issuer that serves `list`, and names `named` as its lists.
async fn serving(issuer: &Issuer, list: ResponseTemplate, named: &[String]) {
    issuer.server.reset().await;
    let metadata = json!({
        "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/jwks.json"), "token_endpoint": format!("{ISSUER}/oauth/token"),
        "status_list_aggregation_endpoint": format!("{ISSUER}/oauth/status"),
    });
    let answers = [
        ("/.well-known/openid-configuration", metadata),
        ("/jwks.json", issuer.signer.jwks()),
        ("/oauth/status", json!({ "status_lists": named })),
    ];
    for (at, body) in answers {
        Mock::given(path(at)).respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&issuer.server).await;
    }
    Mock::given(path(PATH)).and(header_exists("accept")).respond_with(list).mount(&issuer.server).await;
}

fn answering(token: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(token)
}

async fn issuer_that_ended(ended: &[u64]) -> Issuer {
    let issuer = Issuer::start().await;
    let token = list_token(&issuer, ended, |_| {});
    serving(&issuer, answering(&token), &[address()]).await;
    issuer
}

fn token_at(issuer: &Issuer, index: u64) -> String {
    issuer.token_with("status", json!({ "status_list": { "idx": index, "uri": address() } }))
}

fn builder(issuer: &Issuer) -> ResourceServerBuilder {
    let backchannel: url::Url = issuer.server.uri().parse().unwrap();
    ResourceServer::builder(ISSUER, API).backchannel_url(backchannel).clock(std::sync::Arc::new(issuer.clock.clone()))
}

async fn asked_for_the_list(issuer: &Issuer) -> usize {
    let requests = issuer.server.received_requests().await.unwrap();
    requests.iter().filter(|request| request.url.path() == PATH).count()
}

#[tokio::test]
async fn a_set_bit_ends_a_token_and_an_unset_one_does_not() {
    let issuer = issuer_that_ended(&[7]).await;
    let api = issuer.api();
    assert!(api.authenticate(&token_at(&issuer, 6)).await.is_ok());
    assert_eq!(api.authenticate(&token_at(&issuer, 7)).await.unwrap_err(), Unauthenticated::Ended);
    assert_eq!(api.authenticate(&token_at(&issuer, 64)).await.unwrap_err(), Unauthenticated::Ended, "no such place");
    assert!(api.authenticate(&issuer.token()).await.is_ok(), "a token without a status has none to end it");
}

#[tokio::test]
async fn a_list_is_fetched_once_for_many_tokens() {
    let issuer = issuer_that_ended(&[]).await;
    let api = issuer.api();
    let all = (0..50).map(|index| {
        let (api, token) = (api.clone(), token_at(&issuer, index));
        tokio::spawn(async move { api.authenticate(&token).await.is_ok() })
    });
    for one in all.collect::<Vec<_>>() {
        assert!(one.await.unwrap());
    }
    assert_eq!(asked_for_the_list(&issuer).await, 1);
}

#[tokio::test]
async fn an_address_that_the_issuer_does_not_name_is_not_fetched() {
    let issuer = Issuer::start().await;
    let token = list_token(&issuer, &[], |_| {});
    serving(&issuer, answering(&token), &[format!("{ISSUER}/oauth/status/1")]).await;
    assert_eq!(issuer.api().authenticate(&token_at(&issuer, 1)).await.unwrap_err(), Unauthenticated::Unavailable);
    assert_eq!(asked_for_the_list(&issuer).await, 0);
}

#[tokio::test]
async fn a_list_that_proves_nothing_lets_nobody_in() {
    let issuer = Issuer::start().await;
    let foreign = Issuer::start().await;
    let lists = [
        list_token(&foreign, &[], |_| {}),
        list_token(&issuer, &[], |claims| claims["sub"] = json!(format!("{ISSUER}/oauth/status/1"))),
        list_token(&issuer, &[], |claims| claims["exp"] = json!(NOW.unix_timestamp())),
        list_token(&issuer, &[], |claims| claims["iat"] = json!(NOW.unix_timestamp() + 60)),
        list_token(&issuer, &[], |claims| claims["status_list"]["bits"] = json!(2)),
        list_token(&issuer, &[], |claims| claims["status_list"]["lst"] = json!("x")),
        issuer.token(),
        "none".to_owned(),
    ];
    for list in lists {
        serving(&issuer, answering(&list), &[address()]).await;
        let refused = issuer.api().authenticate(&token_at(&issuer, 1)).await.unwrap_err();
        assert_eq!(refused, Unauthenticated::Unavailable, "{list}");
    }
}

#[tokio::test]
async fn a_token_is_judged_before_its_status_costs_anything() {
    let issuer = issuer_that_ended(&[]).await;
    let mut expired = crate::minting::claims(NOW - Duration::HOUR);
    expired["status"] = json!({ "status_list": { "idx": 1, "uri": address() } });
    let refused = issuer.api().authenticate(&issuer.signer.sign(&expired)).await.unwrap_err();
    assert_eq!(refused, InvalidToken::Expired.into());
    assert_eq!(asked_for_the_list(&issuer).await, 0);
}

#[tokio::test]
async fn a_list_counts_for_a_while_after_the_auth_server_went_away_and_then_the_policy_decides() {
    let closed = StalePolicy { after: Duration::minutes(2), then: WhenStale::Refuse };
    for (policy, let_in) in [(closed, false), (StalePolicy { then: WhenStale::Accept, ..closed }, true)] {
        let issuer = issuer_that_ended(&[7]).await;
        let api = builder(&issuer).stale_policy(policy).build().unwrap();
        let (good, ended) = (token_at(&issuer, 1), token_at(&issuer, 7));
        assert!(api.authenticate(&good).await.is_ok());
        let gone = ResponseTemplate::new(503);
        serving(&issuer, gone, &[address()]).await;
        issuer.clock.advance(Duration::minutes(2));
        assert!(api.authenticate(&good).await.is_ok(), "within the bound");
        issuer.clock.advance(Duration::SECOND);
        assert_eq!(api.authenticate(&good).await.is_ok(), let_in);
        assert!(api.authenticate(&ended).await.is_err(), "what is known to have ended stays ended");
    }
}

#[tokio::test]
async fn a_list_never_goes_back() {
    let issuer = issuer_that_ended(&[7]).await;
    let policy = StalePolicy { after: Duration::ZERO, then: WhenStale::Accept };
    let api = builder(&issuer).stale_policy(policy).build().unwrap();
    assert_eq!(api.authenticate(&token_at(&issuer, 7)).await.unwrap_err(), Unauthenticated::Ended);
    let older = list_token(&issuer, &[], |claims| claims["iat"] = json!(NOW.unix_timestamp() - 60));
    serving(&issuer, answering(&older), &[address()]).await;
    issuer.clock.advance(Duration::SECOND);
    assert_eq!(api.authenticate(&token_at(&issuer, 7)).await.unwrap_err(), Unauthenticated::Ended);
}

#[tokio::test]
async fn those_who_wait_for_a_list_that_cannot_be_had_are_answered_together() {
    let issuer = Issuer::start().await;
    serving(&issuer, ResponseTemplate::new(503), &[address()]).await;
    let api = issuer.api();
    for index in 0..20 {
        assert!(api.authenticate(&token_at(&issuer, index)).await.is_err());
    }
    assert_eq!(asked_for_the_list(&issuer).await, 1);
}

#[test]
fn a_policy_is_read_from_settings_and_a_mistake_in_them_is_none() {
    let read = |text: &str| serde_json::from_str::<StalePolicy>(text);
    assert_eq!(read("{}").unwrap(), StalePolicy::default());
    let lenient = read(r#"{"stale_after_seconds":60,"when_stale":"accept"}"#).unwrap();
    assert_eq!(lenient, StalePolicy { after: Duration::minutes(1), then: WhenStale::Accept });
    assert!(read(r#"{"when_stale":"open"}"#).is_err() && read(r#"{"stale_after":60}"#).is_err());
}
