//! Sign-in strength (RFC 9470): a scope of the target demands a fresh sign-in; the refusal says how fresh, API A passes it
//! on, the app asks for it at `/authorize`, and the same call succeeds.

use anyhow::Result;
use e2e::stack::{Configuration, Database, Stack};
use e2e::steps::{Exchange, Person, Tokens};
use e2e::world::{API_B, api_a_credentials};
use rstest::rstest;
use shared_claims::{Clock, ManualClock, SystemClock};
use time::Duration;
use toml::Table;

/// Receipts may be read for five minutes after a sign-in.
fn demand_a_fresh_sign_in(world: &mut Configuration) {
    let acr = toml::Value::Array(vec!["1".into()]);
    let demanded = Table::from_iter([("max_age".to_owned(), "5m".into()), ("acr".to_owned(), acr)]);
    let sign_in = Table::from_iter([("read:receipts".to_owned(), demanded.into())]);
    world.set_in("apis", ("identifier", API_B), "sign_in", sign_in);
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn an_old_sign_in_is_challenged_and_a_fresh_one_goes_through(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let clock = ManualClock::at(SystemClock.now());
    let builder = Stack::builder().in_process().on(database).with_clock(clock.clone());
    let stack = builder.configured(demand_a_fresh_sign_in).start().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let fresh = app.sign_in(&alice).await?;
    stack.api_a.report(&fresh.access_token).await?.expect_status(200)?;

    clock.advance(Duration::minutes(6));
    let old: Tokens = app.refresh(fresh.refresh_token()?).await?.expect_status(200)?.read()?;
    let exchange = Exchange::of(&old.access_token).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
    let refused = exchange.expect_error(400, "insufficient_user_authentication")?;
    assert_eq!(refused.reason(), "sign_in_too_weak");
    assert_eq!((&refused.json()["max_age"], &refused.json()["acr_values"]), (&300.into(), &"1".into()));
    let passed_on = stack.api_a.report(&old.access_token).await?;
    let passed_on = passed_on.expect_challenge(401, "insufficient_user_authentication")?;
    assert!(passed_on.challenge().contains("max_age=\"300\""), "{}", passed_on.challenge());

    // The app asks for what the challenge says: the person signs in again, though their session is still there.
    let request = app.authorization_request().with("max_age", "300").with("acr_values", "1");
    let callback = app.authorize(&request, &alice).await?.callback()?;
    let code = app.code_from(&callback, &request)?;
    let again: Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    stack.api_a.report(&again.access_token).await?.expect_status(200)?;
    stack.stop().await
}
