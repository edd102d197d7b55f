//! A database that goes away: 503 and readiness false while it is gone, and all well again without a restart.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::stack::{Database, Stack};
use e2e::steps::{Answer, Exchange};
use e2e::world::{API_B, api_a_credentials};

#[tokio::test]
async fn a_database_that_is_gone_is_503_and_comes_back_by_itself() -> Result<()> {
    if Database::OwnPostgres.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(Database::OwnPostgres).start().await?;
    let tokens = stack.sign_in("alice").await?;
    stack.stop_database()?;

    let start = Instant::now();
    let refresh = stack.app()?.refresh(tokens.refresh_token()?).await?;
    is_unavailable(&refresh)?;
    ensure!(start.elapsed() < Duration::from_secs(10), "it took {:?} to say so", start.elapsed());
    let exchange = Exchange::of(&tokens.access_token).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
    is_unavailable(&exchange)?;
    stack.readiness_becomes(503).await?;
    stack.auth_server.get("/healthz").await?.expect_status(200)?;

    stack.resume_database()?;
    stack.readiness_becomes(200).await?;
    // The refused request left the refresh token as it was.
    stack.app()?.refresh(tokens.refresh_token()?).await?.expect_status(200)?;
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;
    stack.stop().await
}

fn is_unavailable(answer: &Answer) -> Result<()> {
    ensure!(answer.status == 503, "expected 503, got {answer:?}");
    let seconds: u32 = answer.header("retry-after").parse().context("no Retry-After in seconds")?;
    ensure!(seconds <= 60, "Retry-After: {seconds}");
    ensure!(answer.json()["error"].is_string(), "not an OAuth error: {answer:?}");
    ensure!(!answer.body.contains("postgres") && !answer.body.contains("127.0.0.1"), "internals leak: {answer:?}");
    Ok(())
}
