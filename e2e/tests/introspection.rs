//! Introspection (RFC 7662) and revocation (RFC 7009): who may know, what is told, and what ends.

use anyhow::{Context, Result};
use e2e::stack::{Configuration, Database, Stack};
use e2e::steps::{Answer, Credentials, Exchange, Jwt, Tokens, forgery};
use e2e::world::{self, API_A, API_B, api_a_credentials, demo_machine_credentials, demo_web_credentials};
use rstest::rstest;
use serde_json::json;

const SECRET: &str = "receipts-test-secret-0123456789abcdefghijklmnopqrstuv";

/// API B's client identity, and a gateway that may introspect API A's tokens.
fn add_clients(world: &mut Configuration) {
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let api_b =
        format!("id = 'api-b'\nname = 'Receipts'\nsecret = '{SECRET}'\ngrant_types = ['{exchange}']\napi = '{API_B}'");
    let gateway =
        format!("id = 'gateway'\nname = 'Gateway'\nsecret = '{SECRET}'\ngrant_types = []\nintrospects = ['{API_A}']");
    world.set_in("apis", ("identifier", API_B), "allow_offline_access", true);
    for client in [api_b, gateway] {
        world.add("clients", &client).unwrap_or_default();
    }
}

fn api_b() -> Credentials {
    Credentials::basic("api-b", SECRET)
}

fn gateway() -> Credentials {
    Credentials::basic("gateway", SECRET)
}

fn demo_app() -> Credentials {
    Credentials::public(world::DEMO_APP)
}

async fn exchanged(stack: &Stack, subject: &str, scope: &str) -> Result<Tokens> {
    let exchange = Exchange::of(subject).to(API_B).scope(scope);
    exchange.send(&stack.auth_server, &api_a_credentials()).await?.expect_status(200)?.read()
}

async fn introspect(stack: &Stack, by: &Credentials, token: &str) -> Result<Answer> {
    stack.auth_server.introspect(by, token).await?.expect_status(200)
}

async fn is_active(stack: &Stack, by: &Credentials, token: &str) -> Result<bool> {
    let answer = introspect(stack, by, token).await?;
    let active = answer.json()["active"].as_bool().context("no active")?;
    assert!(active || answer.json() == json!({ "active": false }), "what is not active tells nothing else: {answer:?}");
    Ok(active)
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_token_is_told_to_its_api_and_to_whoever_may_introspect_it(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).configured(add_clients).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let token_b = exchanged(&stack, &tokens.access_token, "read:receipts").await?.access_token;
    let told = introspect(&stack, &api_b(), &token_b).await?.json();
    let claims = Jwt::parse(&token_b)?.claims;
    assert_eq!(
        (&told["active"], &told["username"], &told["token_type"]),
        (&true.into(), &"alice".into(), &"Bearer".into())
    );
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "act", "txn", "sid", "auth_time"] {
        assert_eq!(told[claim], claims[claim], "{claim}");
    }
    assert!(is_active(&stack, &api_a_credentials(), &tokens.access_token).await?);
    assert!(is_active(&stack, &gateway(), &tokens.access_token).await?);
    for (who, token) in [
        (api_b(), &tokens.access_token),
        (api_a_credentials(), &token_b),
        (gateway(), &token_b),
        (demo_web_credentials(), &tokens.access_token),
        (demo_machine_credentials(), &token_b),
    ] {
        assert!(
            !is_active(&stack, &who, token).await?,
            "{} is told of a token that does not concern it",
            who.client_id()
        );
    }
    stack.stop().await
}

#[tokio::test]
async fn a_refresh_token_is_told_to_its_client_alone() -> Result<()> {
    let stack = Stack::builder().in_process().configured(add_clients).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let given = exchanged(&stack, &tokens.access_token, "offline_access read:receipts").await?;
    let told = introspect(&stack, &api_a_credentials(), given.refresh_token()?).await?.json();
    assert_eq!((&told["active"], &told["aud"], &told["username"]), (&true.into(), &API_B.into(), &"alice".into()));
    assert!(!is_active(&stack, &api_b(), given.refresh_token()?).await?);
    assert!(!is_active(&stack, &api_a_credentials(), tokens.refresh_token()?).await?, "the app's");
    stack.stop().await
}

#[tokio::test]
async fn nothing_that_is_not_good_is_active() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let good = &tokens.access_token;
    let keys = stack.auth_server.jwks().await?;
    let mut bad = vec![
        tokens.id_token()?.to_owned(),
        forgery::tampered(good, "sub", json!("usr_other"))?,
        forgery::unsigned(good, "none")?,
        forgery::signed_by_a_foreign_key(good)?,
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("Bearer {good}"),
    ];
    bad.extend(forgery::signed_with_the_public_key(good, &keys)?);
    for token in bad {
        assert!(!is_active(&stack, &api_a_credentials(), &token).await?);
    }
    stack.stop().await
}

#[tokio::test]
async fn who_proves_nothing_is_told_nothing() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let server = &stack.auth_server;
    let wrong = Credentials::basic("api-a", "api-a-wrong-secret-0123456789abcdefghijklmnopqrst");
    server.introspect(&wrong, &tokens.access_token).await?.expect_error(401, "invalid_client")?;
    server.introspect(&Credentials::Nothing, &tokens.access_token).await?.expect_error(401, "invalid_client")?;
    server.introspect(&demo_app(), &tokens.access_token).await?.expect_error(400, "unauthorized_client")?;
    let endpoint = &server.metadata.introspection_endpoint;
    let twice = [("token", "a"), ("token", "a")];
    server.post_form(endpoint, &api_a_credentials(), &twice).await?.expect_error(400, "invalid_request")?;
    server.post_form(endpoint, &api_a_credentials(), &[]).await?.expect_error(400, "invalid_request")?;
    stack.stop().await
}

#[rstest]
#[case::refresh_token(|tokens: &Tokens| tokens.refresh_token.clone().unwrap_or_default())]
#[case::access_token(|tokens: &Tokens| tokens.access_token.clone())]
#[tokio::test]
async fn what_an_app_gives_back_ends_the_whole_chain(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[case] given_back: fn(&Tokens) -> String,
) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).configured(add_clients).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let other = stack.sign_in("alice").await?;
    let given = exchanged(&stack, &tokens.access_token, "offline_access read:receipts").await?;
    let token = given_back(&tokens);
    assert_eq!(stack.auth_server.revoke(&demo_app(), &token).await?.expect_status(200)?.body, "");

    assert!(!is_active(&stack, &api_a_credentials(), &tokens.access_token).await?);
    assert!(!is_active(&stack, &api_b(), &given.access_token).await?);
    assert!(!is_active(&stack, &api_a_credentials(), given.refresh_token()?).await?);
    stack.app()?.refresh(tokens.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    let exchange = Exchange::of(&tokens.access_token).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
    assert_eq!(exchange.expect_error(400, "invalid_request")?.reason(), "subject_token_revoked");
    // Once more is no error, and another sign-in of the same person goes on.
    stack.auth_server.revoke(&demo_app(), &token).await?.expect_status(200)?;
    assert!(is_active(&stack, &api_a_credentials(), &other.access_token).await?);
    stack.stop().await
}

#[tokio::test]
async fn what_an_api_gives_back_ends_its_own_tokens_and_not_the_users_sign_in() -> Result<()> {
    let stack = Stack::builder().in_process().configured(add_clients).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let given = exchanged(&stack, &tokens.access_token, "offline_access read:receipts").await?;
    let again = exchanged(&stack, &tokens.access_token, "offline_access read:receipts").await?;
    stack.auth_server.revoke(&api_a_credentials(), given.refresh_token()?).await?.expect_status(200)?;
    assert!(!is_active(&stack, &api_a_credentials(), given.refresh_token()?).await?);
    let form = [("grant_type", "refresh_token"), ("refresh_token", given.refresh_token()?)];
    stack.auth_server.token(&api_a_credentials(), &form).await?.expect_error(400, "invalid_grant")?;
    assert!(is_active(&stack, &api_a_credentials(), again.refresh_token()?).await?);
    assert!(is_active(&stack, &api_a_credentials(), &tokens.access_token).await?);
    let refused = stack.auth_server.revoke(&api_a_credentials(), &given.access_token).await?;
    assert_eq!(refused.expect_error(400, "unsupported_token_type")?.reason(), "exchanged_access_token");
    stack.stop().await
}

#[tokio::test]
async fn nobody_gives_back_what_is_anothers() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    for token in [tokens.refresh_token()?, &tokens.access_token] {
        let refused = stack.auth_server.revoke(&demo_web_credentials(), token).await?;
        assert_eq!(refused.expect_error(400, "invalid_request")?.reason(), "token_of_another_client");
    }
    stack
        .auth_server
        .revoke(&Credentials::Nothing, tokens.refresh_token()?)
        .await?
        .expect_error(401, "invalid_client")?;
    stack.auth_server.revoke(&demo_app(), "unknown").await?.expect_status(200)?;
    stack.app()?.refresh(tokens.refresh_token()?).await?.expect_status(200)?;
    stack.stop().await
}
