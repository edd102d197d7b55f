//! The first minute: one press, a sign-in, six arrows, two tokens side by side.

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;
use e2e::world::{API_A, API_B};

use crate::kit::{
    ALL_DONE, ask, confirm_password, run_as_alice, screenshot_of_all, steps_become, unexpected_complaints,
};

#[tokio::test]
async fn one_press_and_a_password_light_up_the_six_steps_with_their_times() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.read("#message", "Nothing has been sent yet").await?;
    steps_become(&browser, ["idle"; 6]).await?;
    screenshot_of_all(&browser, "demo-1-start").await?;

    browser.click("#sign-in").await?;
    browser.see("input[name=password]").await?;
    browser.screenshot("demo-2-sign-in").await?;
    confirm_password(&browser, "alice").await?;
    browser.read("#message", ALL_DONE).await?;
    steps_become(&browser, ["done"; 6]).await?;
    screenshot_of_all(&browser, "demo-3-done").await?;
    browser.read("#report", "Total in EUR").await?;
    browser.read("#steps li:nth-child(2) .state", "ms · 200").await?;
    browser.read("#steps li:nth-child(5) .state", "ms · 200").await?;
    browser.read("#steps li:nth-child(6) .state", "ms · 200").await?;
    let drawn = ask(&browser, "return document.querySelectorAll('#diagram .arrow[data-state=done]').length").await?;
    assert_eq!(drawn, 6);

    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn each_step_shows_its_request_with_tokens_folded_and_secrets_masked() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    for (step, words) in [
        (1, "code_challenge_method=S256"),
        (2, "grant_type=authorization_code"),
        (3, "/api/report"),
        (4, "grant_type=urn:ietf:params:oauth:grant-type:token-exchange"),
        (5, "issued_token_type"),
        (6, "/api/receipts"),
    ] {
        browser.click(&format!("#steps li:nth-child({step}) .open")).await?;
        browser.read(&format!("#steps li:nth-child({step}) .wire"), words).await?;
        browser.screenshot(&format!("demo-4-step-{step}")).await?;
    }
    browser.click("#steps li:nth-child(4) .open").await?;
    browser.read("#steps li:nth-child(4) .wire", "Basic $CLIENT_SECRET").await?;
    let all = ask(&browser, "return document.documentElement.textContent").await?;
    ensure!(!all.as_str().unwrap_or_default().contains(e2e::world::API_A_SECRET), "the secret is on the page");

    let token = "#steps li:nth-child(4) .http .token";
    ensure!(browser.see(token).await?.text().await?.contains('…'), "the token is not folded");
    browser.click(token).await?;
    ensure!(browser.see(token).await?.text().await?.len() > 500, "the token does not open");

    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn token_a_beside_token_b_tells_in_words_what_stayed_changed_and_is_new() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    let rows = ask(
        &browser,
        "return Object.fromEntries([...document.querySelectorAll('.comparison tbody tr')].map((row) => \
         [row.querySelector('th code').textContent, [...row.querySelectorAll('td')].map((cell) => cell.textContent)]))",
    )
    .await?;
    for same in ["sub", "sid", "auth_time", "txn"] {
        ensure!(rows[same][2].as_str().is_some_and(|word| word.starts_with("same")), "{same}: {rows}");
        assert_eq!(rows[same][0], rows[same][1], "{same}");
    }
    let says = |claim: &str, place: usize, words: &str| rows[claim][place].as_str().is_some_and(|t| t.contains(words));
    ensure!(says("aud", 0, API_A) && says("aud", 1, API_B) && says("aud", 2, "changed"), "{rows}");
    ensure!(says("scope", 1, "read:receipts") && says("client_id", 0, "demo-app"), "{rows}");
    ensure!(says("act", 0, "not there") && says("act", 1, "api-a") && says("act", 2, "new"), "{rows}");

    // Three tokens, each checked against the published keys, and each claim explained.
    for card in 1..=3 {
        browser.read(&format!(".token-card:nth-child({card}) .verdict"), "valid · RS256 · key").await?;
    }
    browser.click(".token-card:nth-child(2) summary").await?;
    browser.read(".token-card:nth-child(2) .claims:last-of-type", "RFC 8693 section 4.1").await?;
    let unknown = ask(
        &browser,
        "return document.querySelector('#token-cards').textContent.includes('Not one of the usual claims')",
    );
    assert_eq!(unknown.await?, false, "a claim without an explanation");
    screenshot_of_all(&browser, "demo-5-tokens").await?;

    browser.click("#what-a-sees").await?;
    browser.read("#seen", "client_id").await?;
    assert_eq!(unexpected_complaints(&browser).await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn step_by_step_says_what_is_about_to_be_sent_and_waits() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().join("?user=bob")?.as_str()).await?;
    browser.read("#sign-in", "Run it as Bob").await?;
    browser.click("#step-by-step").await?;
    browser.read("#message", "Next, step 1 of 6").await?;
    browser.click("#next").await?;
    confirm_password(&browser, "bob").await?;
    for step in 2..=6 {
        browser.read("#message", &format!("Next, step {step} of 6")).await?;
        browser.screenshot(&format!("demo-6-held-at-{step}")).await?;
        browser.click(&format!("#steps li:nth-child({step}) .go-on")).await?;
    }
    browser.read("#message", ALL_DONE).await?;
    browser.read("#user-name", "Bob").await?;
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

/// API A keeps token B for as long as it is good: a second run shows that there was nothing to ask for.
#[tokio::test]
async fn a_second_run_says_that_token_b_was_kept() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    browser.click("#load-report").await?;
    browser.read("#steps li:nth-child(4) .state", "kept from before").await?;
    browser.read("#message", ALL_DONE).await?;
    browser.see(".comparison").await?;
    browser.close().await?;
    stack.stop().await
}
