//! Token Status List: a chain that has ended is refused at both APIs within seconds, without a call for each request.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::stack::{Database, Service, Stack};
use e2e::steps::{Answer, Credentials, Exchange, Jwt, Person, Tokens};
use e2e::world::{self, API_B, api_a_credentials};
use rstest::rstest;

/// What the issue of a revocation promises, and what these tests hold it to.
const WITHIN: Duration = Duration::from_secs(5);

async fn token_b(stack: &Stack, tokens: &Tokens) -> Result<String> {
    let exchange = Exchange::of(&tokens.access_token).to(API_B).scope("read:receipts");
    let answer = exchange.send(&stack.auth_server, &api_a_credentials()).await?.expect_status(200)?;
    Ok(answer.json()["access_token"].as_str().context("no access_token")?.to_owned())
}

/// Asks until the API refuses; how long that took.
async fn until_refused<F: Future<Output = Result<Answer>>>(since: Instant, ask: impl Fn() -> F) -> Result<Duration> {
    loop {
        let answer = ask().await?;
        if !answer.is_success() {
            answer.expect_challenge(401, "invalid_token")?;
            return Ok(since.elapsed());
        }
        ensure!(since.elapsed() < Duration::from_secs(30), "still let in after 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn dies_at_both_apis(stack: &Stack, token_a: &str, token_b: &str, since: Instant) -> Result<()> {
    let at_a = until_refused(since, || stack.api_a.me(token_a)).await?;
    let at_b = until_refused(since, || stack.api_b.receipts(token_b)).await?;
    ensure!(at_a < WITHIN && at_b < WITHIN, "API A took {at_a:?}, API B took {at_b:?}");
    Ok(())
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_revoked_chain_dies_at_every_api_within_five_seconds(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).start().await?;
    let (tokens, other) = (stack.sign_in("alice").await?, stack.sign_in("alice").await?);
    let (token_b, other_b) = (token_b(&stack, &tokens).await?, token_b(&stack, &other).await?);
    stack.api_a.me(&tokens.access_token).await?.expect_status(200)?;
    stack.api_b.receipts(&token_b).await?.expect_status(200)?;

    let since = Instant::now();
    stack
        .auth_server
        .revoke(&Credentials::public(world::DEMO_APP), tokens.refresh_token()?)
        .await?
        .expect_status(200)?;
    dies_at_both_apis(&stack, &tokens.access_token, &token_b, since).await?;
    // Another chain of the same person lives on.
    stack.api_a.me(&other.access_token).await?.expect_status(200)?;
    stack.api_b.receipts(&other_b).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn a_blocked_users_tokens_die_and_live_again_with_the_user() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let token_b = token_b(&stack, &tokens).await?;
    stack.api_b.receipts(&token_b).await?.expect_status(200)?;
    let since = Instant::now();
    assert_eq!(stack.command(&["users", "block", "alice"], |_| {}).await?.code, 0);
    dies_at_both_apis(&stack, &tokens.access_token, &token_b, since).await?;
    assert_eq!(stack.command(&["users", "unblock", "alice"], |_| {}).await?.code, 0);
    let since = Instant::now();
    while !stack.api_b.receipts(&token_b).await?.is_success() {
        ensure!(since.elapsed() < Duration::from_secs(30), "still refused after 30 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stack.stop().await
}

#[tokio::test]
async fn the_account_page_ends_a_chain_at_every_api() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let alice = Person::named("alice")?;
    let tokens = stack.app()?.sign_in(&alice).await?;
    let token_b = token_b(&stack, &tokens).await?;
    stack.api_b.receipts(&token_b).await?.expect_status(200)?;
    let page = alice.look_at(stack.auth_server.url("/account").parse()?).await?;
    let form = page.form(|form| form.has_button("decision", "withdraw-app"))?;
    let since = Instant::now();
    alice.send(&form.press("decision", "withdraw-app")).await?;
    dies_at_both_apis(&stack, &tokens.access_token, &token_b, since).await?;
    stack.stop().await
}

#[tokio::test]
async fn every_token_of_a_chain_has_one_place_and_no_two_chains_share_it() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let other = stack.sign_in("bob").await?;
    let place = |token: &str| anyhow::Ok(Jwt::parse(token)?.claims["status"]["status_list"].clone());
    let renewed: Tokens = stack.app()?.refresh(tokens.refresh_token()?).await?.expect_status(200)?.read()?;
    let of_chain = place(&tokens.access_token)?;
    assert!(of_chain["idx"].is_u64() && of_chain["uri"].as_str().is_some_and(|uri| uri.starts_with(stack.issuer())));
    assert_eq!(place(&token_b(&stack, &tokens).await?)?, of_chain);
    assert_eq!(place(&renewed.access_token)?, of_chain);
    assert_ne!(place(&other.access_token)?, of_chain);
    stack.stop().await
}

#[tokio::test]
async fn a_list_is_signed_and_cached_and_asked_for_by_its_etag() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let answer = stack.auth_server.get("/oauth/status/0").await?.expect_status(200)?;
    assert_eq!(answer.header("content-type"), "application/statuslist+jwt");
    assert!(answer.header("cache-control").contains("max-age=1"));
    let list = Jwt::parse(&answer.body)?;
    assert_eq!(
        (&list.claims["sub"], &list.claims["ttl"]),
        (&stack.auth_server.url("/oauth/status/0").into(), &5.into())
    );
    assert_eq!(list.claims["status_list"]["bits"], 1);
    let url = stack.auth_server.url("/oauth/status/0");
    let http = reqwest::Client::builder().timeout(WITHIN).build()?;
    let again = http.get(&url).header("if-none-match", answer.header("etag")).send().await?;
    assert_eq!(again.status(), 304);
    assert_eq!(stack.auth_server.get("/oauth/status/1").await?.status, 404);
    assert_eq!(stack.auth_server.get("/oauth/status/x").await?.status, 404);
    let all = stack.auth_server.get("/oauth/status").await?.expect_status(200)?.json();
    assert_eq!(all["status_lists"], serde_json::json!([url]));
    stack.stop().await
}

#[tokio::test]
async fn callers_whose_list_is_known_are_let_in_while_the_auth_server_is_away() -> Result<()> {
    let mut stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let token_b = token_b(&stack, &tokens).await?;
    stack.api_b.receipts(&token_b).await?.expect_status(200)?;
    stack.stop_service(Service::AuthServer).await?;
    stack.api_b.receipts(&token_b).await?.expect_status(200)?;
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn an_administrator_sees_and_ends_what_was_given(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).start().await?;
    let (alice, bob) = (stack.sign_in("alice").await?, stack.sign_in("bob").await?);
    let (token_b, of_bob) = (token_b(&stack, &alice).await?, token_b(&stack, &bob).await?);
    stack.api_b.receipts(&token_b).await?.expect_status(200)?;
    let txn = Jwt::parse(&token_b)?.text("txn").to_owned();
    let told = async |arguments: &[&str]| stack.command(arguments, |_| {}).await;

    let listed = told(&["grants", "list", "--user", "alice"]).await?;
    assert!(listed.stdout.contains(&txn) && listed.stdout.lines().count() == 2, "{listed:?}");
    let shown = told(&["grants", "show", &txn]).await?;
    assert!(shown.stdout.contains("state    live") && shown.stdout.contains("user     alice"), "{shown:?}");
    let since = Instant::now();
    let revoked = told(&["grants", "revoke", "--user", "alice"]).await?;
    assert_eq!((revoked.code, revoked.stdout.trim()), (0, format!("{txn} is revoked").as_str()), "{revoked:?}");
    dies_at_both_apis(&stack, &alice.access_token, &token_b, since).await?;
    stack.api_b.receipts(&of_bob).await?.expect_status(200)?;
    assert!(told(&["grants", "show", &txn]).await?.stdout.contains("(revoked_by_admin)"));
    assert!(told(&["grants", "revoke", &txn]).await?.stdout.contains("was revoked before"));

    for (arguments, words) in [
        (&["grants", "revoke"][..], "nothing is revoked by saying nothing"),
        (&["grants", "revoke", "grt_nobody"], "there is no grant grt_nobody"),
        (&["grants", "list", "--user", "nobody"], "there is no user nobody"),
    ] {
        let refused = told(arguments).await?;
        assert!(refused.code == 1 && refused.stderr.contains(words), "{refused:?}");
    }
    stack.stop().await
}
