//! The six steps, on both databases: what the whole exists for.

use anyhow::Result;
use e2e::checks;
use e2e::stack::{Configuration, Database, Service, Stack, set};
use e2e::steps::{App, Exchange, Jwt, Person, Tokens, receipt};
use e2e::world::{self, API_A, API_B};
use rstest::rstest;
use shared_claims::{Clock, ManualClock, SystemClock};
use time::Duration;

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn an_app_reads_a_users_receipts_through_api_a(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    // 1, 2: the user signs in, the app gets tokens.
    let tokens = stack.sign_in("alice").await?;
    // 3 to 6: the app calls API A, which exchanges the token and calls API B with it.
    let before = stack.api_a.report(&tokens.access_token).await?.expect_status(200)?.json();
    stack.api_a.file_receipt(&tokens.access_token, &receipt("Bakery", 450)).await?.expect_status(201)?;
    let after = stack.api_a.report(&tokens.access_token).await?.expect_status(200)?.json();
    assert_ne!(before, after);
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn every_check_of_e2e_run_passes(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    passes_every_check(&stack).await?;
    stack.stop().await
}

#[tokio::test]
async fn every_check_of_e2e_run_passes_against_processes() -> Result<()> {
    let stack = Stack::builder().as_processes().on(Database::Sqlite).start().await?;
    passes_every_check(&stack).await?;
    stack.stop().await
}

#[tokio::test]
async fn every_check_of_e2e_run_passes_at_an_issuer_with_a_path() -> Result<()> {
    let in_a_path = |world: &mut Configuration| world.set_issuer(&format!("{}/tenants/one", world.issuer()));
    let stack = Stack::builder().in_process().configured(in_a_path).start().await?;
    passes_every_check(&stack).await?;
    let beside = stack.auth_server.metadata.token_endpoint.join("/oauth/token")?;
    assert_eq!(stack.auth_server.get_url(beside).await?.status, 404);
    stack.stop().await
}

async fn passes_every_check(stack: &Stack) -> Result<()> {
    let target = checks::Target::demo(stack.issuer(), &stack.api_a_url(), &stack.api_b_url())?;
    let target = target.with_archive(&stack.api_c_url());
    let report = checks::run(&target, |line| println!("{}", checks::line(line, checks::Style::Plain))).await;
    assert_eq!(report.exit_code(), 0, "{}", checks::summary(&report, checks::Style::Plain));
    Ok(())
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn nobody_sees_the_receipts_of_somebody_else(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let (alice, bob) = (stack.sign_in("alice").await?, stack.sign_in("bob").await?);
    stack.api_a.file_receipt(&alice.access_token, &receipt("Only for alice", 1234)).await?.expect_status(201)?;
    let of_bob = stack.api_a.report(&bob.access_token).await?.expect_status(200)?;
    assert!(!of_bob.body.contains("Only for alice"), "{of_bob:?}");
    let token_b = exchanged(&stack, &bob).await?;
    let rows_of_bob = stack.api_b.receipts(&token_b).await?.expect_status(200)?;
    assert!(!rows_of_bob.body.contains("Only for alice"), "{rows_of_bob:?}");
    stack.stop().await
}

async fn exchanged(stack: &Stack, tokens: &Tokens) -> Result<String> {
    let request = Exchange::of(&tokens.access_token).to(API_B).scope("read:receipts");
    let answer = request.send(&stack.auth_server, &world::api_a_credentials()).await?.expect_status(200)?;
    Ok(answer.json()["access_token"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn who_lacks_the_permission_is_told_so_by_api_a() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let bob = stack.sign_in("bob").await?;
    stack.api_a.report(&bob.access_token).await?.expect_status(200)?;
    let answer = stack.api_a.file_receipt(&bob.access_token, &receipt("Bakery", 450)).await?.expect_status(403)?;
    assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    stack.stop().await
}

#[tokio::test]
async fn a_token_for_reading_does_not_write() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let reader = stack.app()?.asking_for("openid read:reports");
    let tokens = reader.sign_in(&Person::named("alice")?).await?;
    let answer = stack.api_a.file_receipt(&tokens.access_token, &receipt("Bakery", 450)).await?;
    let answer = answer.expect_challenge(403, "insufficient_scope")?;
    assert!(answer.challenge().contains("scope=\"write:reports\""), "{answer:?}");
    // And it does not widen by being exchanged: the pairing's write:receipts requires write:reports.
    let wider = Exchange::of(&tokens.access_token).to(API_B).scope("write:receipts");
    let answer = wider.send(&stack.auth_server, &world::api_a_credentials()).await?;
    assert_eq!(answer.expect_error(400, "invalid_scope")?.reason(), "scope_requires_more");
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_refreshed_token_goes_on_with_the_chain(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).start().await?;
    let first = stack.sign_in("alice").await?;
    let second: Tokens = stack.app()?.refresh(first.refresh_token()?).await?.expect_status(200)?.read()?;
    let (before, after) = (Jwt::parse(&first.access_token)?, Jwt::parse(&second.access_token)?);
    for claim in ["sub", "txn", "sid", "auth_time", "aud", "scope"] {
        assert_eq!(before.claims[claim], after.claims[claim], "{claim}");
    }
    assert_ne!(before.text("jti"), after.text("jti"));
    stack.api_a.report(&second.access_token).await?.expect_status(200)?;
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_restart_of_the_auth_server_loses_nothing(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let mut stack = Stack::builder().on(database).start().await?;
    let alice = Person::named("alice")?;
    let tokens = stack.app()?.sign_in(&alice).await?;
    stack.stop_service(Service::AuthServer).await?;
    stack.start_service(Service::AuthServer).await?;
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;
    stack.app()?.refresh(tokens.refresh_token()?).await?.expect_status(200)?;
    // The session, too: no password is asked for again.
    let app = stack.app()?;
    let silent = app.authorization_request().with("prompt", "none");
    app.authorize(&silent, &alice).await?.callback()?.code()?;
    stack.stop().await
}

#[tokio::test]
async fn a_token_ends_on_time_everywhere() -> Result<()> {
    let clock = ManualClock::at(SystemClock.now());
    let stack = Stack::builder().with_clock(clock.clone()).start().await?;
    let tokens = stack.sign_in("alice").await?;
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;
    clock.advance(Duration::seconds(i64::try_from(tokens.expires_in)? + 6));
    stack.api_a.report(&tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    let exchange = Exchange::of(&tokens.access_token).to(API_B);
    let answer = exchange.send(&stack.auth_server, &world::api_a_credentials()).await?;
    assert_eq!(answer.expect_error(400, "invalid_request")?.reason(), "subject_token_expired");
    stack.auth_server.userinfo(&tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    // The refresh token still works, and what it gives does too.
    let fresh: Tokens = stack.app()?.refresh(tokens.refresh_token()?).await?.expect_status(200)?.read()?;
    stack.api_a.report(&fresh.access_token).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn an_exchanged_token_never_outlives_its_subject() -> Result<()> {
    let clock = ManualClock::at(SystemClock.now());
    let stack = Stack::builder().with_clock(clock.clone()).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let left = i64::try_from(tokens.expires_in)?;
    clock.advance(Duration::seconds(left - 20));
    let token_b = Jwt::parse(&exchanged(&stack, &tokens).await?)?;
    assert_eq!(token_b.seconds("exp"), Jwt::parse(&tokens.access_token)?.seconds("exp"));
    // With less than 10 seconds left none is minted: it would be dead on arrival.
    clock.advance(Duration::seconds(12));
    let late = Exchange::of(&tokens.access_token).to(API_B);
    let answer = late.send(&stack.auth_server, &world::api_a_credentials()).await?;
    assert_eq!(answer.expect_error(400, "invalid_request")?.reason(), "lifetime_too_short");
    stack.stop().await
}

#[tokio::test]
async fn api_a_answers_for_services_that_are_away() -> Result<()> {
    let mut stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;

    stack.stop_service(Service::ApiB).await?;
    let answer = stack.api_a.report(&tokens.access_token).await?;
    assert!(matches!(answer.status, 502..=504), "{answer:?}");
    assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    stack.start_service(Service::ApiB).await?;

    stack.stop_service(Service::AuthServer).await?;
    // Validation goes on with the keys that API A has; only what needs a new exchange cannot.
    stack.api_a.me(&tokens.access_token).await?.expect_status(200)?;
    let answer = stack.api_a.file_receipt(&tokens.access_token, &receipt("Bakery", 450)).await?;
    assert!(matches!(answer.status, 502..=504), "{answer:?}");
    stack.start_service(Service::AuthServer).await?;
    stack.api_a.file_receipt(&tokens.access_token, &receipt("Bakery", 450)).await?.expect_status(201)?;
    stack.stop().await
}

#[tokio::test]
async fn a_confidential_app_signs_in_without_pkce_and_by_form_post() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = App::demo_web(&stack.auth_server);
    let request = app.authorization_request().without("code_challenge").without("code_challenge_method");
    let request = request.with("response_mode", "form_post");
    let callback = app.authorize(&request, &Person::named("alice")?).await?.callback()?;
    assert!(callback.posted);
    let code = app.code_from(&callback, &request)?;
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &app.redirect_uri)];
    let tokens: Tokens = stack.auth_server.token(&app.credentials, &form).await?.expect_status(200)?.read()?;
    app.check_id_token(&tokens, &request).await?;
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn a_machine_calls_api_a_in_its_own_name_and_no_further() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let form = [("grant_type", "client_credentials"), ("audience", API_A)];
    let answer = stack.auth_server.token(&world::demo_machine_credentials(), &form).await?.expect_status(200)?;
    let token = answer.json()["access_token"].as_str().unwrap_or_default().to_owned();
    stack.api_a.me(&token).await?.expect_status(200)?;
    let exchange = Exchange::of(&token).to(API_B).send(&stack.auth_server, &world::api_a_credentials()).await?;
    assert_eq!(exchange.expect_error(400, "invalid_request")?.reason(), "machine_subject");
    stack.stop().await
}

#[tokio::test]
async fn the_same_token_may_be_exchanged_many_times_at_once() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let credentials = world::api_a_credentials();
    let exchange = Exchange::of(&tokens.access_token).to(API_B);
    let tries = (0..20).map(|_| exchange.send(&stack.auth_server, &credentials));
    let mut seen = std::collections::BTreeSet::new();
    for answer in futures_util::future::try_join_all(tries).await? {
        let token = answer.expect_status(200)?.json()["access_token"].as_str().unwrap_or_default().to_owned();
        assert!(seen.insert(Jwt::parse(&token)?.text("jti").to_owned()), "a jti came twice");
    }
    stack.stop().await
}

#[tokio::test]
async fn another_signing_algorithm_is_a_matter_of_configuration() -> Result<()> {
    let es256 = |configuration: &mut Configuration| set(&mut configuration.auth_server, "keys.signing_alg", "ES256");
    let stack = Stack::builder().configured(es256).start().await?;
    let tokens = stack.sign_in("alice").await?;
    assert_eq!(Jwt::parse(&tokens.access_token)?.header["alg"], "ES256");
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;
    stack.stop().await
}
