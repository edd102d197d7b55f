//! `/oauth/token`: errors by RFC 6749 section 5.2, as JSON, never cached, and codes that are used once.

use anyhow::{Context, Result, ensure};
use e2e::stack::{Database, Stack};
use e2e::steps::{Answer, App, Credentials, Person, Tokens};
use e2e::world;
use rstest::rstest;

const FORM: &str = "application/x-www-form-urlencoded";

fn is_an_oauth_error(answer: &Answer, status: u16, code: &str) -> Result<()> {
    ensure!(answer.status == status && answer.error() == code, "expected {status} {code}, got {answer:?}");
    ensure!(answer.header("content-type").starts_with("application/json"), "not JSON: {answer:?}");
    ensure!(answer.header("cache-control").contains("no-store"), "may be cached: {answer:?}");
    let description = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
    ensure!(description.bytes().all(|b| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{description:?}");
    Ok(())
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_code_is_worth_one_redemption_even_when_raced_for(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).start().await?;
    let app = stack.app()?;
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let tries = (0..30).map(|_| app.redeem(&code, &request.verifier));
    let answers = futures_util::future::try_join_all(tries).await?;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Answer::is_success);
    ensure!(won.len() <= 1, "{} redemptions of one code", won.len());
    for answer in &lost {
        is_an_oauth_error(answer, 400, "invalid_grant")?;
    }
    // A replay revoked what the first one gave.
    let tokens: Tokens = won.first().context("nobody won")?.read()?;
    is_an_oauth_error(&app.refresh(tokens.refresh_token()?).await?, 400, "invalid_grant")?;
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_replayed_code_revokes_what_it_gave(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).start().await?;
    let app = stack.app()?;
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let tokens: Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    is_an_oauth_error(&app.redeem(&code, &request.verifier).await?, 400, "invalid_grant")?;
    stack.auth_server.userinfo(&tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    is_an_oauth_error(&app.refresh(tokens.refresh_token()?).await?, 400, "invalid_grant")?;
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_stranger_with_a_leaked_code_neither_redeems_it_nor_kills_the_grant(
    #[case] database: Database,
) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).start().await?;
    let app = stack.app()?;
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let stranger = App { credentials: world::demo_web_credentials(), ..app.clone() };
    is_an_oauth_error(&stranger.redeem(&code, &request.verifier).await?, 400, "invalid_grant")?;
    let wrong = app.authorization_request().verifier;
    let tokens: Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    // Replays that do not prove to come from the app itself revoke nothing.
    is_an_oauth_error(&stranger.redeem(&code, &request.verifier).await?, 400, "invalid_grant")?;
    is_an_oauth_error(&app.redeem(&code, &wrong).await?, 400, "invalid_grant")?;
    app.refresh(tokens.refresh_token()?).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn a_code_is_bound_to_its_verifier_and_its_redirect_uri() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    let alice = Person::named("alice")?;
    let send = async |code: &str, verifier: Option<&str>, redirect_uri: &str| {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        app.auth_server.token(&app.credentials, &form).await
    };
    let (code, _) = app.obtain_code(&alice).await?;
    is_an_oauth_error(&send(&code, None, &app.redirect_uri).await?, 400, "invalid_grant")?;
    let (code, _) = app.obtain_code(&alice).await?;
    let foreign = app.authorization_request().verifier;
    is_an_oauth_error(&send(&code, Some(&foreign), &app.redirect_uri).await?, 400, "invalid_grant")?;
    let (code, request) = app.obtain_code(&alice).await?;
    let elsewhere = app.redirect_uri.replace("localhost", "127.0.0.1");
    is_an_oauth_error(&send(&code, Some(&request.verifier), &elsewhere).await?, 400, "invalid_grant")?;
    stack.stop().await
}

/// RFC 9700 section 4.8.2: a verifier for a code that was asked for without a challenge betrays a downgrade.
#[tokio::test]
async fn downgraded_pkce_is_noticed() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = App::demo_web(&stack.auth_server);
    let request = app.authorization_request();
    let downgraded = request.clone().without("code_challenge").without("code_challenge_method");
    let callback = app.authorize(&downgraded, &Person::named("alice")?).await?.callback()?;
    let answer = app.redeem(callback.code()?, &request.verifier).await?;
    is_an_oauth_error(&answer, 400, "invalid_grant")?;
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_reused_refresh_token_ends_the_grant_and_a_lost_answer_does_not(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).start().await?;
    let app = stack.app()?;
    let first = stack.sign_in("alice").await?;
    // The answer was lost: nothing of it was ever used, so the app may ask again.
    app.refresh(first.refresh_token()?).await?.expect_status(200)?;
    let second: Tokens = app.refresh(first.refresh_token()?).await?.expect_status(200)?.read()?;
    let third: Tokens = app.refresh(second.refresh_token()?).await?.expect_status(200)?.read()?;
    // Now the successor was used: the first one in a second hand is theft.
    is_an_oauth_error(&app.refresh(first.refresh_token()?).await?, 400, "invalid_grant")?;
    is_an_oauth_error(&app.refresh(third.refresh_token()?).await?, 400, "invalid_grant")?;
    stack.auth_server.userinfo(&third.access_token).await?.expect_challenge(401, "invalid_token")?;
    stack.stop().await
}

#[tokio::test]
async fn a_refresh_token_of_another_client_is_refused_and_stays_alive() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    let tokens = stack.sign_in("alice").await?;
    let stranger = App { credentials: world::demo_web_credentials(), ..app.clone() };
    is_an_oauth_error(&stranger.refresh(tokens.refresh_token()?).await?, 400, "invalid_grant")?;
    app.refresh(tokens.refresh_token()?).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn an_opaque_secret_is_valid_only_as_a_whole() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    let tokens = stack.sign_in("alice").await?;
    let whole = tokens.refresh_token()?;
    let shouted = whole.to_ascii_uppercase();
    for broken in
        [&whole[..whole.len() - 1], &format!("{whole}A"), &format!("{whole}="), &shouted, &format!(" {whole}")]
    {
        is_an_oauth_error(&app.refresh(broken).await?, 400, "invalid_grant")?;
    }
    // Nor as something else.
    is_an_oauth_error(&app.redeem(whole, "x".repeat(43).as_str()).await?, 400, "invalid_grant")?;
    let (code, _) = app.obtain_code(&Person::named("alice")?).await?;
    is_an_oauth_error(&app.refresh(&code).await?, 400, "invalid_grant")?;
    app.refresh(whole).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn a_client_that_cannot_prove_itself_gets_invalid_client() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let form = [("grant_type", "client_credentials"), ("audience", world::API_A)];
    let known = world::DEMO_MACHINE;
    for credentials in
        [Credentials::basic(known, "wrong"), Credentials::basic("nobody", "wrong"), Credentials::basic("", "")]
    {
        let answer = stack.auth_server.token(&credentials, &form).await?;
        is_an_oauth_error(&answer, 401, "invalid_client")?;
        ensure!(answer.challenge().starts_with("Basic"), "no Basic challenge: {answer:?}");
    }
    for credentials in [Credentials::post(known, "wrong"), Credentials::public(known), Credentials::public("nobody")] {
        let answer = stack.auth_server.token(&credentials, &form).await?;
        is_an_oauth_error(&answer, 401, "invalid_client")?;
        ensure!(answer.challenge().is_empty(), "a challenge although no Authorization header was sent: {answer:?}");
    }
    let nobody = stack.auth_server.token(&Credentials::Nothing, &form).await?;
    ensure!(matches!(nobody.error().as_str(), "invalid_client" | "invalid_request"), "{nobody:?}");
    stack.stop().await
}

#[tokio::test]
async fn a_malformed_request_is_refused_in_json() -> Result<()> {
    const GRANT: &str = "grant_type=client_credentials&client_id=demo-machine&client_secret=";
    let secret = world::DEMO_MACHINE_SECRET;
    let good = format!("{GRANT}{secret}&audience=https%3A%2F%2Fapi-a.example");
    let stack = Stack::builder().start().await?;
    let send = async |media_type: &str, body: String| stack.auth_server.token_raw(None, media_type, body.into()).await;
    send(FORM, good.clone()).await?.expect_status(200)?;
    let cases = [
        ("no grant type", FORM, good.replace("grant_type=client_credentials&", "")),
        ("grant type twice", FORM, format!("{good}&grant_type=client_credentials")),
        ("secret twice", FORM, format!("{good}&client_secret={secret}")),
        ("not UTF-8", FORM, format!("{good}&scope=%ff%fe")),
        ("half a percent escape", FORM, format!("{good}&scope=%z")),
        ("JSON", "application/json", r#"{"grant_type":"client_credentials"}"#.to_owned()),
        ("no media type that is known", "text/plain", good.clone()),
    ];
    for (name, media_type, body) in cases {
        let answer = send(media_type, body).await?;
        is_an_oauth_error(&answer, 400, "invalid_request").with_context(|| name)?;
    }
    is_an_oauth_error(&send(FORM, String::new()).await?, 401, "invalid_client")?;
    let answer = send(FORM, good.replace("client_credentials", "password")).await?;
    is_an_oauth_error(&answer, 400, "unsupported_grant_type")?;
    let answer = send(FORM, format!("{good}&audience=https%3A%2F%2Fapi-b.example")).await?;
    is_an_oauth_error(&answer, 400, "invalid_target")?;
    let answer = send(FORM, format!("{good}&scope=not%3Athere")).await?;
    is_an_oauth_error(&answer, 400, "invalid_scope")?;
    stack.stop().await
}

#[tokio::test]
async fn oversize_bodies_and_credentials_in_the_url_are_refused() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let huge = format!("grant_type=client_credentials&x={}", "x".repeat(2_000_000));
    // The server may close the connection as soon as it has seen enough.
    if let Ok(answer) = stack.auth_server.token_raw(None, FORM, huge.into()).await {
        ensure!(matches!(answer.status, 400 | 413), "{answer:?}");
        ensure!(answer.error() == "invalid_request", "{answer:?}");
    }
    let secret = world::DEMO_MACHINE_SECRET;
    let mut in_url = stack.auth_server.clone();
    in_url.metadata.token_endpoint.set_query(Some(&format!("client_id=demo-machine&client_secret={secret}")));
    let answer = in_url.token(&Credentials::Nothing, &[("grant_type", "client_credentials")]).await?;
    ensure!(matches!(answer.status, 400 | 401), "{answer:?}");
    let by_get = stack.auth_server.get("/oauth/token").await?;
    ensure!(by_get.status == 405, "{by_get:?}");
    stack.stop().await
}
