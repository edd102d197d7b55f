//! The account page: what apps have of a person, and taking it back.

use anyhow::Result;
use e2e::stack::{Database, Stack};
use e2e::steps::{Page, Person, Tokens};
use rstest::rstest;
use url::Url;

fn account(stack: &Stack) -> Result<Url> {
    Ok(stack.auth_server.url("/account").parse()?)
}

/// Signs in on the page of this server that the person came to by themselves.
async fn sign_in_at(page: Page, person: &Person, username: &str) -> Result<Page> {
    let form = page.form(|form| form.asks_for("password"))?;
    person.send(&form.fill("username", username).fill("password", &e2e::world::password_of(username))).await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_pairing_that_is_taken_back_is_closed_at_the_next_exchange(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let alice = Person::named("alice")?;
    let tokens = stack.app()?.sign_in_for_consent(&alice).await?;
    stack.api_a.archive(&tokens.access_token).await?.expect_status(200)?;

    let page = alice.look_at(account(&stack)?).await?;
    let text = page.text();
    for words in ["Demo app", "Reports may do this at Archive on your behalf", "See your receipts of earlier years"] {
        assert!(text.contains(words), "{words:?} is not said: {text}");
    }
    let withdraw = page.form(|form| form.has_button("decision", "withdraw-pairing"))?;
    let page = alice.send(&withdraw.press("decision", "withdraw-pairing")).await?;
    assert!(!page.text().contains("Archive"), "{}", page.text());
    // A fresh token of the app, so that nothing that API A kept is in the way.
    let later: Tokens = stack.app()?.refresh(tokens.refresh_token()?).await?.expect_status(200)?.read()?;
    stack.api_a.archive(&later.access_token).await?.expect_challenge(401, "interaction_required")?;
    stack.api_a.report(&later.access_token).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn taking_all_access_away_ends_what_the_app_holds() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = Person::named("alice")?;
    let tokens = stack.app()?.sign_in_for_consent(&alice).await?;
    let page = alice.look_at(account(&stack)?).await?;
    let withdraw = page.form(|form| form.has_button("decision", "withdraw-app"))?;
    let page = alice.send(&withdraw.press("decision", "withdraw-app")).await?;
    assert!(page.text().contains("No app has access to anything of yours"), "{}", page.text());
    stack.app()?.refresh(tokens.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    stack.stop().await
}

#[tokio::test]
async fn a_person_signs_in_to_their_account_without_an_app() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = Person::named("alice")?;
    let page = alice.look_at(account(&stack)?).await?;
    assert_eq!(page.url.path(), "/login");
    let refused = sign_in_at(page, &alice, "carol").await?;
    assert!(refused.text().contains("do not match"), "{}", refused.text());
    let page = sign_in_at(refused, &alice, "alice").await?;
    assert_eq!(page.url.path(), "/account");
    assert!(page.text().contains("signed in as alice"), "{}", page.text());
    // Signed in already: the sign-in page leads on.
    let page = alice.look_at(stack.auth_server.url("/login").parse()?).await?;
    assert_eq!(page.url.path(), "/account");
    stack.stop().await
}

#[tokio::test]
async fn nobody_takes_anything_away_for_somebody_else() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = Person::named("alice")?;
    let tokens = stack.app()?.sign_in_for_consent(&alice).await?;
    let form = alice.look_at(account(&stack)?).await?.form(|form| form.has_button("decision", "withdraw-app"))?;
    let form = form.press("decision", "withdraw-app");
    // The same form, from another browser: its cookie is another, or there is none.
    let bob = Person::named("bob")?;
    let page = sign_in_at(bob.look_at(account(&stack)?).await?, &bob, "bob").await?;
    assert_eq!(page.url.path(), "/account");
    assert_eq!(bob.send(&form).await?.status, 400);
    assert_eq!(Person::named("alice")?.send(&form).await?.status, 400);
    // And one that a foreign page made up.
    assert_eq!(alice.send(&form.clone().fill("csrf", "x")).await?.status, 400);
    stack.app()?.refresh(tokens.refresh_token()?).await?.expect_status(200)?;
    stack.stop().await
}
