//! Two hundred at once with one code, or one refresh token.

use anyhow::{Result, ensure};
use e2e::stack::{Database, Stack};
use e2e::steps::{Answer, App, Person, Tokens};
use futures_util::future::try_join_all;
use rstest::rstest;

const AT_ONCE: usize = 200;

fn successes(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.is_success()).count()
}

/// Whoever was not first hears a refusal of the grant; nobody hears of a failure of the server.
fn others_are_refused(answers: &[Answer]) -> Result<()> {
    let refused = |answer: &&Answer| answer.status == 400 && answer.error() == "invalid_grant";
    let other = answers.iter().filter(|answer| !answer.is_success()).find(|answer| !refused(answer));
    ensure!(other.is_none(), "{other:?}");
    Ok(())
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn of_two_hundred_redemptions_of_one_code_one_succeeds(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let app = stack.app()?;
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let answers = try_join_all((0..AT_ONCE).map(|_| app.redeem(&code, &request.verifier))).await?;
    assert_eq!(successes(&answers), 1);
    others_are_refused(&answers)?;
    // The others were replays: what the one got has ended.
    let got = answers.iter().find(|answer| answer.is_success()).expect("one succeeded");
    let tokens: Tokens = got.read()?;
    app.refresh(tokens.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    let rows = stack.command(&["audit", "export"], |_| {}).await?.stdout;
    assert_eq!(rows.matches(r#""kind":"issued""#).count(), 1);
    assert!(rows.contains(r#""why":"code_replayed""#), "{rows}");
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn of_two_hundred_refreshes_with_one_token_one_leaves_a_family_member_that_lives(
    #[case] database: Database,
) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let app = App::demo_web(&stack.auth_server).asking_for("openid offline_access read:reports");
    let first = app.sign_in(&Person::named("alice")?).await?;
    let token = first.refresh_token()?;
    let answers = try_join_all((0..AT_ONCE).map(|_| app.refresh(token))).await?;
    others_are_refused(&answers)?;
    // Nobody has used a successor yet, so each further try counts as a lost answer and replaces the one before (RFC 9700
    // section 4.14.2, docs: refresh tokens): whoever came last holds the one that lives.
    let mut living = Vec::new();
    for answer in answers.iter().filter(|answer| answer.is_success()) {
        let tokens: Tokens = answer.read()?;
        let introspected = stack.auth_server.introspect(&app.credentials, tokens.refresh_token()?).await?;
        if introspected.json()["active"] == true {
            living.push(tokens);
        }
    }
    let [last] = &living[..] else { anyhow::bail!("{} members of the family live", living.len()) };
    let renewed: Tokens = app.refresh(last.refresh_token()?).await?.expect_status(200)?.read()?;

    // Once a successor was used, the first token is stolen goods: everything ends.
    let answers = try_join_all((0..AT_ONCE).map(|_| app.refresh(token))).await?;
    assert_eq!(successes(&answers), 0);
    others_are_refused(&answers)?;
    app.refresh(renewed.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    let rows = stack.command(&["audit", "export"], |_| {}).await?.stdout;
    assert!(rows.contains(r#""why":"refresh_token_reused""#), "{rows}");
    stack.stop().await
}
