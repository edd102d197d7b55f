//! A target API that asks its users first: from the refusal through the consent page to the answer, on both databases.

use anyhow::{Context, Result};
use e2e::stack::{Database, Stack};
use e2e::steps::{Answer, Exchange, Person};
use e2e::world::{self, API_C};
use rstest::rstest;

fn is_challenged(answer: Answer) -> Result<Answer> {
    answer.expect_challenge(401, "interaction_required")
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn the_archive_opens_once_the_user_has_agreed_and_for_that_user_alone(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let (alice, app) = (Person::named("alice")?, stack.app()?);
    // The demo app is a first-party client: a plain sign-in asks for nothing.
    let tokens = app.sign_in(&alice).await?;
    let refused = is_challenged(stack.api_a.archive(&tokens.access_token).await?)?;
    assert!(refused.header("content-type").starts_with("application/problem+json"), "{refused:?}");
    assert!(!refused.challenge().contains(&tokens.access_token));
    // What needs no consent goes on.
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;

    let agreed = stack.app()?.sign_in_for_consent(&alice).await?;
    let report = stack.api_a.archive(&agreed.access_token).await?.expect_status(200)?.json();
    assert!(report["receipts"].as_u64().is_some_and(|receipts| receipts > 0), "{report}");
    // It is the person's, not one token's: also for the tokens from before, and at the next sign-in.
    stack.api_a.archive(&tokens.access_token).await?.expect_status(200)?;
    let later = app.sign_in(&Person::named("alice")?).await?;
    stack.api_a.archive(&later.access_token).await?.expect_status(200)?;
    // And nobody else's.
    let bob = stack.sign_in("bob").await?;
    is_challenged(stack.api_a.archive(&bob.access_token).await?)?;
    stack.stop().await
}

#[tokio::test]
async fn who_does_not_agree_keeps_the_archive_closed() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let (alice, app) = (Person::named("alice")?, stack.app()?);
    let tokens = app.sign_in(&alice).await?;
    let request = app.authorization_request().with("prompt", "consent");
    let callback = app.authorize(&request, &alice.clone().who_denies()).await?.callback()?;
    assert_eq!(callback.get("error"), Some("access_denied"), "{callback:?}");
    is_challenged(stack.api_a.archive(&tokens.access_token).await?)?;
    // Asked again, and this time they agree.
    let agreed = stack.app()?.sign_in_for_consent(&alice).await?;
    stack.api_a.archive(&agreed.access_token).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn the_consent_page_says_who_will_see_what_where() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let (alice, app) = (Person::named("alice")?, stack.app()?);
    app.sign_in(&alice).await?;
    let request = app.authorization_request().with("prompt", "consent");
    let text = alice.look_at(request.url(&stack.auth_server)).await?.text();
    for words in ["Reports", "Archive", "See your receipts of earlier years"] {
        assert!(text.contains(words), "{words:?} is not said: {text}");
    }
    stack.stop().await
}

#[tokio::test]
async fn a_token_for_the_archive_is_for_the_archive_alone_and_names_who_acts() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.app()?.sign_in_for_consent(&Person::named("alice")?).await?;
    let exchange = Exchange::of(&tokens.access_token).to(API_C).scope("read:archive");
    let answer = exchange.send(&stack.auth_server, &world::api_a_credentials()).await?.expect_status(200)?;
    let token_c = answer.json()["access_token"].as_str().context("no access_token")?.to_owned();
    stack.api_c.receipts(&token_c).await?.expect_status(200)?;
    let me = stack.api_c.me(&token_c).await?.expect_status(200)?.json();
    assert_eq!((me["act"]["sub"].as_str(), me["act"]["act"]["sub"].as_str()), (Some("api-a"), Some("demo-app")));
    for elsewhere in [stack.api_b.receipts(&token_c).await?, stack.api_c.receipts(&tokens.access_token).await?] {
        elsewhere.expect_challenge(401, "invalid_token")?;
    }
    stack.stop().await
}

#[tokio::test]
async fn without_consent_the_exchange_itself_says_what_is_missing() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let exchange = Exchange::of(&tokens.access_token).to(API_C).scope("read:archive");
    let answer = exchange.send(&stack.auth_server, &world::api_a_credentials()).await?;
    assert_eq!(answer.expect_error(400, "interaction_required")?.reason(), "consent_missing");
    stack.stop().await
}

/// An app that is not first-party asks for everything at the first sign-in, once, and nothing is missing afterwards.
#[tokio::test]
async fn the_first_sign_in_asks_for_the_pairings_behind_an_app_and_the_next_does_not() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let mut app = stack.app()?;
    app.credentials = world::demo_web_credentials();
    "http://localhost:9100/callback".clone_into(&mut app.redirect_uri);
    "openid read:reports".clone_into(&mut app.scope);
    let alice = Person::named("alice")?;
    let request = app.authorization_request();
    let page = alice.look_at(request.url(&stack.auth_server)).await?;
    let form = page.form(|form| form.asks_for("password"))?;
    let form = form.fill("username", "alice").fill("password", &world::password_of("alice"));
    let text = alice.send(&form).await?.text();
    for words in ["Allow Demo web app", "Reports will be able to do this at Archive on your behalf"] {
        assert!(text.contains(words), "{words:?} is not said: {text}");
    }
    assert!(!text.contains("at Receipts on your behalf"), "Receipts does not ask its users: {text}");

    let tokens = app.sign_in(&alice).await?;
    let exchange = Exchange::of(&tokens.access_token).to(API_C).scope("read:archive");
    exchange.send(&stack.auth_server, &world::api_a_credentials()).await?.expect_status(200)?;
    // Asked once: the next sign-in needs no page, and what was said to one app is not said to another.
    let silent = app.authorization_request().with("prompt", "none");
    let callback = app.authorize(&silent, &alice).await?.callback()?;
    assert_eq!(callback.get("error"), None, "{callback:?}");
    is_challenged(stack.api_a.archive(&stack.app()?.sign_in(&alice).await?.access_token).await?)?;
    stack.stop().await
}
