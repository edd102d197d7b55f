//! The account page: what apps have of a person, and taking it back.

use anyhow::Result;
use e2e::stack::{Configuration, Database, Stack, set};
use e2e::steps::{App, Form, Page, Person, Tokens};
use futures_util::future::try_join_all;
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
    for words in [
        "Demo app",
        "Last used",
        "Reports may do this at Archive on your behalf, and last did",
        "See your receipts of earlier years",
    ] {
        assert!(text.contains(words), "{words:?} is not said: {text}");
    }
    let withdraw = page.form(|form| form.has_button("decision", "withdraw-pairing"))?;
    let page = alice.send(&withdraw.press("decision", "withdraw-pairing")).await?;
    assert!(!page.forms().iter().any(|form| form.has_button("decision", "withdraw-pairing")), "{}", page.text());
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

#[tokio::test]
async fn what_an_api_did_because_its_operator_allows_it_is_shown_too() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = Person::named("alice")?;
    let tokens = stack.app()?.sign_in(&alice).await?;
    let before = alice.look_at(account(&stack)?).await?;
    assert!(!before.text().contains("Receipts on your behalf"), "{}", before.text());
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;
    let page = alice.look_at(account(&stack)?).await?;
    for words in ["Reports may do this at Receipts on your behalf", "See your receipts"] {
        assert!(page.text().contains(words), "{words:?} is not said: {}", page.text());
    }
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn signing_out_everywhere_ends_every_session_and_what_was_given_in_it(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let (laptop, phone) = (Person::named("alice")?, Person::named("alice")?);
    // Without offline access: what an app may keep while the person is away stays theirs.
    let app = stack.app()?.asking_for("openid read:reports");
    let on_laptop = app.sign_in(&laptop).await?;
    let on_phone = app.sign_in(&phone).await?;
    let kept =
        App::demo_web(&stack.auth_server).asking_for("openid offline_access read:reports").sign_in(&phone).await?;

    let page = laptop.look_at(account(&stack)?).await?;
    assert_eq!(page.text().matches("An unknown browser").count(), 2, "{}", page.text());
    assert_eq!(page.text().matches("this browser").count(), 1, "{}", page.text());
    let everywhere = page.form(|form| form.has_button("decision", "sign-out-everywhere"))?;
    let page = laptop.send(&everywhere.press("decision", "sign-out-everywhere")).await?;
    assert_eq!(page.url.path(), "/login");
    assert_eq!(phone.look_at(account(&stack)?).await?.url.path(), "/login");
    for ended in [on_laptop, on_phone] {
        let userinfo = stack.auth_server.userinfo(&ended.access_token).await?;
        userinfo.expect_challenge(401, "invalid_token")?;
    }
    stack.auth_server.userinfo(&kept.access_token).await?.expect_status(200)?;
    let rows = stack.command(&["audit", "export"], |_| {}).await?.stdout;
    assert_eq!(rows.matches(r#""kind":"signed out""#).count(), 2);
    assert_eq!(rows.matches(r#""why":"signed_out""#).count(), 2);
    stack.stop().await
}

#[tokio::test]
async fn one_session_is_ended_from_another() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let (laptop, phone) = (Person::named("alice")?, Person::named("alice")?);
    stack.app()?.sign_in(&phone).await?;
    let page = sign_in_at(laptop.look_at(account(&stack)?).await?, &laptop, "alice").await?;
    let of_session = |form: &Form| form.has_button("decision", "sign-out");
    assert_eq!(page.forms().iter().filter(|form| of_session(form)).count(), 2);
    // The newest is this one, so the phone's comes last.
    let there = page.forms().into_iter().rfind(of_session).expect("the phone's session");
    let page = laptop.send(&there.press("decision", "sign-out")).await?;
    assert_eq!(page.url.path(), "/account");
    assert_eq!(page.forms().iter().filter(|form| of_session(form)).count(), 1);
    assert_eq!(phone.look_at(account(&stack)?).await?.url.path(), "/login");
    // Nobody ends a session of somebody else.
    let bob = Person::named("bob")?;
    let page_of_bob = sign_in_at(bob.look_at(account(&stack)?).await?, &bob, "bob").await?;
    let own = page_of_bob.form(of_session)?;
    let alices = page.form(of_session)?.field("session").expect("a sid").to_owned();
    bob.send(&own.fill("session", &alices).press("decision", "sign-out")).await?;
    assert_eq!(laptop.look_at(account(&stack)?).await?.url.path(), "/account");
    stack.stop().await
}

#[tokio::test]
async fn all_apps_lose_what_they_have_at_once_and_each_grant_is_on_record() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = Person::named("alice")?;
    let first = stack.app()?.sign_in(&alice).await?;
    let web = App::demo_web(&stack.auth_server).sign_in(&alice).await?;
    let page = alice.look_at(account(&stack)?).await?;
    let all = page.form(|form| form.has_button("decision", "withdraw-all"))?;
    let page = alice.send(&all.press("decision", "withdraw-all")).await?;
    assert!(page.text().contains("No app has access to anything of yours"), "{}", page.text());
    for ended in [&first.access_token, &web.access_token] {
        stack.auth_server.userinfo(ended).await?.expect_challenge(401, "invalid_token")?;
    }
    let rows = stack.command(&["audit", "export"], |_| {}).await?.stdout;
    assert_eq!(rows.matches(r#""why":"withdrawn_by_user""#).count(), 2);
    stack.stop().await
}

/// One password is hashed at a time and 64 wait: whoever comes next has done nothing wrong, and is told so.
#[tokio::test]
async fn whoever_signs_in_when_too_many_do_is_asked_to_try_again_in_a_moment() -> Result<()> {
    let configure = |world: &mut Configuration| {
        set(&mut world.auth_server, "sign_in.password_hashes_at_once", 1);
        set(&mut world.auth_server, "sign_in.free_attempts_per_address", 1000);
    };
    let stack = Stack::builder().in_process().configured(configure).start().await?;
    let browser = Person::named("alice")?;
    let form = browser.look_at(account(&stack)?).await?.form(|form| form.asks_for("password"))?;
    let forms = (0..250).map(|number| form.clone().fill("username", &format!("nobody-{number}")).fill("password", "x"));
    let pages = try_join_all(forms.map(|form| {
        let browser = browser.clone();
        async move { browser.send(&form).await }
    }));
    let (busy, judged): (Vec<Page>, Vec<Page>) = pages.await?.into_iter().partition(|page| page.status == 503);
    assert!(judged.len() >= 65 && judged.iter().all(|page| page.status == 401), "{judged:?}");
    assert!(!busy.is_empty(), "nobody is turned away");
    for page in busy {
        assert_eq!(page.header("retry-after"), "1");
        assert!(page.text().contains("Please try again in a moment"), "{}", page.text());
    }
    stack.stop().await
}
