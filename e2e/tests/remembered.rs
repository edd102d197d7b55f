//! The auth server remembers what stands behind the tokens that come often. What has changed counts in the very next exchange all
//! the same, also where another process has changed it.

use anyhow::Result;
use e2e::stack::{Database, Stack};
use e2e::steps::{Answer, Exchange, Jwt, Tokens};
use e2e::world::{API_B, api_a_credentials};
use rstest::rstest;

async fn exchange(stack: &Stack, tokens: &Tokens) -> Result<Answer> {
    Exchange::of(&tokens.access_token)
        .to(API_B)
        .scope("read:receipts")
        .send(&stack.auth_server, &api_a_credentials())
        .await
}

/// Often enough to be remembered.
async fn exchange_often(stack: &Stack, tokens: &Tokens) -> Result<()> {
    for _ in 0..5 {
        exchange(stack, tokens).await?.expect_status(200)?;
    }
    Ok(())
}

async fn refused(stack: &Stack, tokens: &Tokens) -> Result<String> {
    Ok(exchange(stack, tokens).await?.expect_error(400, "invalid_request")?.reason().clone())
}

async fn tell(stack: &Stack, arguments: &[&str]) -> Result<()> {
    let told = stack.command(arguments, |_| {}).await?;
    assert_eq!(told.code, 0, "{told:?}");
    Ok(())
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn what_a_command_has_changed_counts_in_the_very_next_exchange(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).start().await?;
    let (alice, bob) = (stack.sign_in("alice").await?, stack.sign_in("bob").await?);
    exchange_often(&stack, &alice).await?;
    exchange_often(&stack, &bob).await?;

    tell(&stack, &["users", "block", "alice"]).await?;
    assert_eq!(refused(&stack, &alice).await?, "user_blocked");
    tell(&stack, &["users", "unblock", "alice"]).await?;
    exchange_often(&stack, &alice).await?;

    let txn = Jwt::parse(&alice.access_token)?.text("txn").to_owned();
    tell(&stack, &["grants", "revoke", &txn]).await?;
    assert_eq!(refused(&stack, &alice).await?, "subject_token_revoked");
    exchange_often(&stack, &bob).await?;
    stack.stop().await
}
