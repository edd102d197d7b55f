//! What the page keeps to itself: tokens in the tab, requests within the three origins, and a policy that holds it to that.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;

use crate::kit::{ALL_DONE, ask, confirm_password, run_as_alice, unexpected_complaints};

#[tokio::test]
async fn two_users_in_two_tabs_see_their_own_receipts_each() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    let alices = browser.see("#report").await?.text().await?;
    let first = browser.driver.window().await?;
    let second = browser.driver.new_tab().await?;
    browser.driver.switch_to_window(second.clone()).await?;
    browser.driver.goto(stack.api_a_url().join("?user=bob")?.as_str()).await?;
    browser.click("#sign-in").await?;
    confirm_password(&browser, "bob").await?;
    browser.read("#message", ALL_DONE).await?;
    browser.read("#user-name", "Bob").await?;
    let bobs = browser.see("#report").await?.text().await?;
    ensure!(alices != bobs, "both see {alices}");

    browser.driver.switch_to_window(first).await?;
    browser.read("#user-name", "Alice").await?;
    browser.click("#load-report").await?;
    browser.read("#message", ALL_DONE).await?;
    assert_eq!(browser.see("#report").await?.text().await?, alices);
    let stored = ask(&browser, "return JSON.stringify({ ...sessionStorage, ...localStorage })").await?;
    assert_eq!(stored, "{}", "tokens stay in the tab's memory");
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn no_request_leaves_the_three_origins() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    for attack in ["token-a-at-b", "wider-scope"] {
        browser.click(&format!("#attack-{attack} button")).await?;
        browser.see(&format!("#attack-{attack} .outcome")).await?;
    }
    browser.click("#run-chain").await?;
    browser.read("#message", "by way of API A2").await?;
    let asked = "return [...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin))]";
    let origins: BTreeSet<String> = serde_json::from_value(ask(&browser, asked).await?)?;
    let three = [
        stack.issuer().to_owned(),
        stack.api_a_url().origin().ascii_serialization(),
        stack.api_b_url().origin().ascii_serialization(),
    ];
    let three: BTreeSet<String> =
        three.map(|origin| origin.trim_end_matches('/').replace("127.0.0.1", "localhost")).into();
    ensure!(origins.is_subset(&three), "{origins:?} and not only {three:?}");
    assert_eq!(unexpected_complaints(&browser).await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn the_policy_of_the_page_has_nothing_unsafe() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let page = reqwest::get(stack.api_a_url()).await?;
    let policy = page.headers()["content-security-policy"].to_str()?.to_owned();
    ensure!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
    ensure!(!policy.contains("unsafe") && policy.contains("require-trusted-types-for 'script'"), "{policy}");
    let text = page.text().await?;
    ensure!(
        !text.contains("style=") && !text.contains("<script>") && !text.contains(" onclick"),
        "something is inline"
    );
    stack.stop().await
}
