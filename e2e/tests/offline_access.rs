//! An API that goes on working for a user who is away: refresh tokens from an exchange (design: `offline_access`).

#![expect(clippy::expect_used, reason = "a test ends where it fails")]

use anyhow::Result;
use e2e::stack::{Configuration, Database, Service, Stack};
use e2e::steps::{Answer, Exchange, Jwt, Tokens};
use e2e::world::{self, API_B};
use rstest::rstest;
use shared_claims::{Clock, ManualClock, SystemClock};
use time::Duration;

/// A world in which API B gives refresh tokens to APIs that call it.
fn allow_offline_access(world: &mut Configuration) {
    let apis = world.auth_server["apis"].as_array_mut().expect("apis");
    let receipts = apis.iter_mut().find(|api| api["identifier"].as_str() == Some(API_B)).expect("API B");
    receipts.as_table_mut().expect("a table").insert("allow_offline_access".to_owned(), true.into());
}

async fn exchange(stack: &Stack, tokens: &Tokens, scope: &str) -> Result<Answer> {
    let exchange = Exchange::of(&tokens.access_token).to(API_B).scope(scope);
    exchange.send(&stack.auth_server, &world::api_a_credentials()).await
}

async fn refresh(stack: &Stack, refresh_token: &str) -> Result<Answer> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    stack.auth_server.token(&world::api_a_credentials(), &form).await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn an_api_goes_on_after_the_users_token_has_expired(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let clock = ManualClock::at(SystemClock.now());
    let builder = Stack::builder().in_process().on(database).with_clock(clock.clone());
    let stack = builder.configured(allow_offline_access).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let given: Tokens =
        exchange(&stack, &tokens, "openid offline_access read:receipts").await?.expect_status(200)?.read()?;
    assert_eq!(given.scope, "offline_access openid read:receipts");
    let identity = Jwt::parse(given.id_token()?)?;
    assert_eq!((identity.text("aud"), identity.claims.get("nonce")), ("api-a", None));

    clock.advance(Duration::minutes(11));
    exchange(&stack, &tokens, "read:receipts").await?.expect_error(400, "invalid_request")?;
    let renewed: Tokens = refresh(&stack, given.refresh_token()?).await?.expect_status(200)?.read()?;
    let (before, after) = (Jwt::parse(&given.access_token)?, Jwt::parse(&renewed.access_token)?);
    for claim in ["sub", "aud", "client_id", "act", "txn", "sid", "auth_time", "scope"] {
        assert_eq!(before.claims[claim], after.claims[claim], "{claim}");
    }
    stack.api_b.receipts(&renewed.access_token).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn a_target_that_allows_no_offline_access_gives_none() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let refused =
        exchange(&stack, &tokens, "offline_access read:receipts").await?.expect_error(400, "invalid_scope")?;
    assert_eq!(refused.reason(), "offline_access_not_allowed");
    stack.stop().await
}

/// What ends an exchange ends its renewal too.
#[rstest]
#[case::pairing("target_not_paired", |world: &mut Configuration| {
    world.auth_server["pairings"].as_array_mut().expect("pairings").clear();
})]
#[case::permission("nothing_left", |world: &mut Configuration| {
    let users = world.auth_server["users"].as_array_mut().expect("users");
    let alice = users.iter_mut().find(|user| user["username"].as_str() == Some("alice")).expect("alice");
    alice.as_table_mut().expect("a table").remove("permissions");
})]
#[case::user("refresh_token_invalid", |world: &mut Configuration| {
    let users = world.auth_server["users"].as_array_mut().expect("users");
    let alice = users.iter_mut().find(|user| user["username"].as_str() == Some("alice")).expect("alice");
    alice.as_table_mut().expect("a table").insert("blocked".to_owned(), true.into());
})]
#[tokio::test]
async fn what_is_not_allowed_any_more_is_not_renewed(
    #[case] reason: &str,
    #[case] change: fn(&mut Configuration),
) -> Result<()> {
    let mut stack = Stack::builder().in_process().configured(allow_offline_access).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let given: Tokens = exchange(&stack, &tokens, "offline_access read:receipts").await?.expect_status(200)?.read()?;
    stack.restart_with(Service::AuthServer, change).await?;
    let refused = refresh(&stack, given.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    assert_eq!(refused.reason(), reason);
    stack.stop().await
}

#[tokio::test]
async fn the_end_of_the_sign_in_ends_what_apis_were_given() -> Result<()> {
    let stack = Stack::builder().in_process().configured(allow_offline_access).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let given: Tokens = exchange(&stack, &tokens, "offline_access read:receipts").await?.expect_status(200)?.read()?;
    // A rotated refresh token of the app comes back after its successor was used: theft, and the grant ends.
    let app = stack.app()?;
    let first = tokens.refresh_token()?;
    let second: Tokens = app.refresh(first).await?.expect_status(200)?.read()?;
    app.refresh(second.refresh_token()?).await?.expect_status(200)?;
    app.refresh(first).await?.expect_error(400, "invalid_grant")?;
    refresh(&stack, given.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    stack.stop().await
}
