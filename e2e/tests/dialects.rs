//! Both dialects of asking on behalf of a user, over HTTP: RFC 8693, and RFC 7523 as Microsoft's libraries write it.

use anyhow::{Context, Result};
use e2e::stack::{Configuration, Database, Stack};
use e2e::steps::{Answer, Exchange, Jwt, forgery};
use e2e::world::{self, API_B, API_C, api_a_credentials};
use rstest::rstest;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What MSAL sends: `assertion`, `requested_token_use`, and scopes with their API's identifier before them.
async fn on_behalf_of(stack: &Stack, assertion: &str, scope: &str, more: &[(&str, &str)]) -> Result<Answer> {
    let mut form = vec![
        ("grant_type", JWT_BEARER),
        ("assertion", assertion),
        ("requested_token_use", "on_behalf_of"),
        ("scope", scope),
    ];
    for (name, value) in more {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    stack.auth_server.token(&api_a_credentials(), &form).await
}

fn token(answer: &Answer) -> Result<Jwt> {
    Jwt::parse(answer.json()["access_token"].as_str().context("no access_token")?)
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn both_dialects_give_the_same_token(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let by_exchange = Exchange::of(&tokens.access_token).to(API_B).scope("read:receipts");
    let by_exchange = by_exchange.send(&stack.auth_server, &api_a_credentials()).await?.expect_status(200)?;
    let scope = format!("{API_B}/read:receipts openid profile offline_access");
    let by_bearer = on_behalf_of(&stack, &tokens.access_token, &scope, &[]).await?.expect_status(200)?;

    let (one, other) = (token(&by_exchange)?, token(&by_bearer)?);
    for claim in ["iss", "sub", "aud", "client_id", "azp", "scope", "act", "txn", "sid", "auth_time", "acr", "amr"] {
        assert_eq!(one.claims[claim], other.claims[claim], "{claim}");
    }
    assert_eq!(by_exchange.json()["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert!(by_bearer.json().get("issued_token_type").is_none(), "that member belongs to RFC 8693");
    assert_eq!(by_bearer.json()["scope"], format!("{API_B}/read:receipts openid"), "spelt as it was asked for");
    assert!(by_bearer.json()["id_token"].is_string() && by_bearer.json().get("refresh_token").is_none());
    stack.api_b.receipts(by_bearer.json()["access_token"].as_str().unwrap_or_default()).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn the_defaults_of_a_pairing_can_be_asked_for() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let scope = format!("{API_B}/.default");
    let given = on_behalf_of(&stack, &tokens.access_token, &scope, &[]).await?.expect_status(200)?;
    assert_eq!(token(&given)?.claims["scope"], "read:receipts");
    stack.stop().await
}

/// A rule that does not hold is `invalid_request` by RFC 8693 and `invalid_grant` by RFC 7523, for the same reason.
#[tokio::test]
async fn a_refusal_has_its_reason_in_both_dialects_and_its_code_in_each() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let good = stack.sign_in("alice").await?;
    let app = stack.app()?;
    let (code, request) = app.obtain_code(&e2e::steps::Person::named("alice")?).await?;
    let ended: e2e::steps::Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    app.redeem(&code, &request.verifier).await?.expect_error(400, "invalid_grant")?;
    let alice = good.access_token.as_str();
    let cases = [
        (alice, API_B, "delete:receipts", "scope_outside_pairing", "invalid_scope", "invalid_scope"),
        (alice, "https://nowhere.example", "x", "target_not_paired", "invalid_target", "invalid_target"),
        (alice, world::API_A, "read:reports", "target_not_paired", "invalid_target", "invalid_target"),
        (alice, API_C, "read:archive", "consent_missing", "interaction_required", "interaction_required"),
        (&ended.access_token, API_B, "read:receipts", "subject_token_revoked", "invalid_request", "invalid_grant"),
        (
            good.id_token()?,
            API_B,
            "read:receipts",
            "subject_token_not_an_access_token",
            "invalid_request",
            "invalid_grant",
        ),
        (good.refresh_token()?, API_B, "read:receipts", "subject_token_malformed", "invalid_request", "invalid_grant"),
    ];
    for (subject, target, scope, reason, by_exchange, by_bearer) in cases {
        let exchange = Exchange::of(subject).to(target).scope(scope);
        let exchange = exchange.send(&stack.auth_server, &api_a_credentials()).await?;
        let bearer = on_behalf_of(&stack, subject, &format!("{target}/{scope}"), &[]).await?;
        assert_eq!((exchange.expect_error(400, by_exchange)?.reason().as_str(), reason), (reason, reason));
        assert_eq!(bearer.expect_error(400, by_bearer)?.reason(), reason);
    }
    stack.stop().await
}

#[tokio::test]
async fn an_assertion_that_is_no_living_access_token_is_an_invalid_grant() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let good = &tokens.access_token;
    let keys = stack.auth_server.jwks().await?;
    let mut assertions = vec![
        ("another user", forgery::tampered(good, "sub", serde_json::json!("usr_other"))?),
        ("alg none", forgery::unsigned(good, "none")?),
        ("a foreign key", forgery::signed_by_a_foreign_key(good)?),
        ("a broken signature", forgery::with_a_broken_signature(good)?),
        ("a header's value", format!("Bearer {good}")),
        ("nothing that is a token", "x".to_owned()),
    ];
    let public_key = forgery::signed_with_the_public_key(good, &keys)?;
    assertions.extend(public_key.into_iter().map(|token| ("HS256 with the public key", token)));
    for (name, assertion) in assertions {
        let answer = on_behalf_of(&stack, &assertion, &format!("{API_B}/read:receipts"), &[]).await?;
        let refused = answer.expect_error(400, "invalid_grant").context(name)?;
        assert!(refused.reason().starts_with("subject_token_"), "{name}: {refused:?}");
        assert!(!refused.body.contains(&assertion) || assertion == "x", "{name}: the answer repeats the token");
    }
    stack.stop().await
}

#[rstest]
#[case::no_use(&[("requested_token_use", "")], "invalid_request", "requested_token_use_not_supported")]
#[case::other_use(&[("requested_token_use", "ON_BEHALF_OF")], "invalid_request", "requested_token_use_not_supported")]
#[case::no_assertion(&[("assertion", "")], "invalid_request", "parameter_missing")]
#[case::two_targets(&[("scope", "https://api-b.example/r https://api-c.example/r")], "invalid_target", "several_targets")]
#[case::target_twice(&[("audience", "https://api-c.example")], "invalid_target", "target_conflict")]
#[case::default_and_names(
    &[("scope", "https://api-b.example/.default https://api-b.example/r")], "invalid_scope", "scope_and_default"
)]
#[case::malformed_scope(&[("scope", "https://api-b.example/\"")], "invalid_scope", "scope_malformed")]
#[case::no_target(&[("scope", "openid")], "invalid_request", "target_missing")]
#[tokio::test]
async fn a_wrong_request_has_its_own_refusal(
    #[case] change: &[(&str, &str)],
    #[case] code: &str,
    #[case] reason: &str,
) -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let answer = on_behalf_of(&stack, &tokens.access_token, &format!("{API_B}/read:receipts"), change).await?;
    assert_eq!((answer.expect_error(400, code)?.reason().as_str(), reason), (reason, reason));
    stack.stop().await
}

#[tokio::test]
async fn a_client_that_may_ask_in_one_dialect_may_not_ask_in_the_other() -> Result<()> {
    let without_bearer = |world: &mut Configuration| {
        let kept = toml::Value::Array(vec![TOKEN_EXCHANGE.into(), "refresh_token".into()]);
        world.set_in("clients", ("id", "api-a"), "grant_types", kept);
    };
    let stack = Stack::builder().in_process().configured(without_bearer).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let exchange = Exchange::of(&tokens.access_token).to(API_B);
    exchange.send(&stack.auth_server, &api_a_credentials()).await?.expect_status(200)?;
    let bearer = on_behalf_of(&stack, &tokens.access_token, &format!("{API_B}/read:receipts"), &[]).await?;
    assert_eq!(bearer.expect_error(400, "unauthorized_client")?.reason(), "grant_type_not_allowed");
    stack.stop().await
}
