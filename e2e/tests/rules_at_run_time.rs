//! Rules that change while servers run: `auth-server apply` on one side, and within a second every replica refuses what is
//! not allowed any more, to exchanges and to refreshes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::stack::{Configuration, Database, Stack};
use e2e::steps::{Answer, AuthServer, Exchange, Tokens};
use e2e::world::{API_B, api_a_credentials};
use rstest::rstest;

/// API B gives refresh tokens to APIs that call it.
fn allow_offline_access(world: &mut Configuration) {
    world.set_in("apis", ("identifier", API_B), "allow_offline_access", true);
}

fn remove_pairing(world: &mut Configuration) {
    allow_offline_access(world);
    world.remove("pairings", ("target", API_B));
}

fn remove_scope(world: &mut Configuration) {
    allow_offline_access(world);
    world.set_in("pairings", ("target", API_B), "scopes", toml::Value::Array(vec!["write:receipts".into()]));
}

fn remove_permission(world: &mut Configuration) {
    allow_offline_access(world);
    world.set_in("users", ("username", "alice"), "permissions", toml::Table::new());
}

async fn exchange(server: &AuthServer, tokens: &Tokens, scope: &str) -> Result<Answer> {
    Exchange::of(&tokens.access_token).to(API_B).scope(scope).send(server, &api_a_credentials()).await
}

async fn refresh(server: &AuthServer, refresh_token: &str) -> Result<Answer> {
    server.token(&api_a_credentials(), &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await
}

/// Asks until the answer is a refusal; how long that took.
async fn until_refused(server: &AuthServer, tokens: &Tokens, reason: &str, since: Instant) -> Result<Duration> {
    loop {
        let answer = exchange(server, tokens, "read:receipts").await?;
        if !answer.is_success() {
            ensure!(answer.reason() == reason, "{answer:?}");
            return Ok(since.elapsed());
        }
        ensure!(since.elapsed() < Duration::from_secs(30), "still granted after 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[rstest]
#[case::pairing("target_not_paired", "target_not_paired", remove_pairing)]
#[case::scope("scope_outside_pairing", "target_not_paired", remove_scope)]
#[case::permission("nothing_left", "nothing_left", remove_permission)]
#[tokio::test]
async fn what_is_taken_away_is_refused_by_every_replica_within_a_second(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
    #[case] at_exchange: &str,
    #[case] at_refresh: &str,
    #[case] change: fn(&mut Configuration),
) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let mut stack = Stack::builder().in_process().on(database).configured(allow_offline_access).start().await?;
    let mut servers = vec![stack.auth_server.clone()];
    // SQLite is for one server alone.
    if database == Database::Postgres {
        servers.push(stack.replica().await?);
    }
    let tokens = stack.sign_in("alice").await?;
    let mut refresh_tokens = Vec::new();
    for server in &servers {
        let given: Tokens =
            exchange(server, &tokens, "offline_access read:receipts").await?.expect_status(200)?.read()?;
        refresh_tokens.push(given.refresh_token()?.to_owned());
    }

    let applied = stack.command(&["apply"], change).await?;
    assert_eq!(applied.code, 0, "{applied:?}");
    let since = Instant::now();
    for (server, refresh_token) in servers.iter().zip(&refresh_tokens) {
        let took = until_refused(server, &tokens, at_exchange, since).await?;
        // A second, and what a busy machine takes to look.
        ensure!(took < Duration::from_secs(3), "took {took:?}");
        let refused = refresh(server, refresh_token).await?.expect_error(400, "invalid_grant")?;
        assert_eq!(refused.reason(), at_refresh);
    }
    // And back: no restart either.
    let applied = stack.command(&["apply"], allow_offline_access).await?;
    assert_eq!(applied.code, 0, "{applied:?}");
    for server in &servers {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !exchange(server, &tokens, "read:receipts").await?.is_success() {
            ensure!(Instant::now() < deadline, "still refused after 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    stack.stop().await
}

#[tokio::test]
async fn a_configuration_that_does_not_hold_together_changes_nothing() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let unpaired = |world: &mut Configuration| world.remove("apis", ("identifier", API_B));
    let refused = stack.command(&["apply"], unpaired).await?;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains(API_B), "{}", refused.stderr);
    exchange(&stack.auth_server, &tokens, "read:receipts").await?.expect_status(200).context("as before")?;
    let again = stack.command(&["apply"], |_| {}).await?;
    assert_eq!((again.code, again.stdout.trim()), (0, "nothing has changed"));
    stack.stop().await
}
