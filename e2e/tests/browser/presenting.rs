//! Showing it to others: keys, large type, a link to a step; and all of it without a mouse.

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;
use thirtyfour::Key;

use crate::kit::{ALL_DONE, ask, keys, screenshot_of_all, steps_become};

/// Which step is open.
const OPEN: &str =
    "return [...document.querySelectorAll('#steps > li')].findIndex((item) => item.getAttribute('aria-current')) + 1";

#[tokio::test]
async fn the_whole_tour_by_keyboard_alone() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.read("#message", "Nothing has been sent yet").await?;
    tab_to(&browser, "sign-in").await?;
    keys(&browser, Key::Enter + "").await?;
    browser.see("input[name=password]").await?;
    keys(&browser, "alice-password").await?;
    keys(&browser, Key::Enter + "").await?;
    browser.read("#message", ALL_DONE).await?;

    // Keys of a presenter.
    keys(&browser, "3").await?;
    assert_eq!(ask(&browser, OPEN).await?, 3);
    keys(&browser, Key::Right + "").await?;
    assert_eq!(ask(&browser, OPEN).await?, 4);
    keys(&browser, Key::Left + "").await?;
    assert_eq!(ask(&browser, OPEN).await?, 3);
    assert_eq!(ask(&browser, "return location.search").await?, "?step=3");
    keys(&browser, "r").await?;
    browser.read("#steps li:nth-child(4) .state", "kept from before").await?;
    browser.read("#message", ALL_DONE).await?;

    // An attack, and a token: with Tab and Enter.
    tab_to_text(&browser, "#attack-token-a-at-b button").await?;
    keys(&browser, Key::Enter + "").await?;
    browser.read("#message", "the token is for somebody else").await?;
    assert_eq!(browser.complaints().await?.len(), 1, "the refusal");
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn single_keys_do_nothing_in_fields_and_can_be_switched_off() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    crate::kit::run_as_alice(&browser, &stack).await?;
    browser.type_into("#merchant", "3 of us").await?;
    assert_eq!(ask(&browser, OPEN).await?, 0, "the digit was for the field");
    browser.click("#keys").await?;
    browser.see("#flow-title").await?;
    ask(&browser, "document.getElementById('flow-title').focus()").await?;
    keys(&browser, "3").await?;
    assert_eq!(ask(&browser, OPEN).await?, 0, "switched off");
    // Arrows are no characters.
    keys(&browser, Key::Right + "").await?;
    assert_eq!(ask(&browser, OPEN).await?, 1);
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn a_link_opens_at_a_step_for_a_user() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().join("?step=4&user=bob")?.as_str()).await?;
    browser.read("#sign-in", "Run it as Bob").await?;
    assert_eq!(ask(&browser, OPEN).await?, 4);
    browser.read("#steps li:nth-child(4) .body", "Why does API A not just pass token A on?").await?;
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn large_type_is_larger_and_fits() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    crate::kit::run_as_alice(&browser, &stack).await?;
    let size = "return parseFloat(getComputedStyle(document.querySelector('.step h3')).fontSize)";
    let before = ask(&browser, size).await?.as_f64();
    browser.click("#large-type").await?;
    ensure!(ask(&browser, size).await?.as_f64() > before, "{before:?}");
    assert_eq!(browser.see("#large-type").await?.attr("aria-pressed").await?.as_deref(), Some("true"));
    let fits =
        ask(&browser, "return document.documentElement.scrollWidth <= document.documentElement.clientWidth").await?;
    assert_eq!(fits, true);
    screenshot_of_all(&browser, "demo-19-large-type").await?;
    steps_become(&browser, ["done"; 6]).await?;
    browser.close().await?;
    stack.stop().await
}

/// Presses Tab until the element with this id has the focus, which must be seen.
async fn tab_to(browser: &Browser, id: &str) -> Result<()> {
    tab_to_text(browser, &format!("#{id}")).await
}

async fn tab_to_text(browser: &Browser, css: &str) -> Result<()> {
    for _ in 0..120 {
        keys(browser, Key::Tab + "").await?;
        let there = ask(browser, &format!("return document.activeElement.matches('{css}')")).await?;
        if there == true {
            let outline = "return getComputedStyle(document.activeElement).outlineStyle";
            ensure!(ask(browser, outline).await? == "solid", "the focus on {css} cannot be seen");
            return Ok(());
        }
    }
    anyhow::bail!("Tab does not lead to {css}")
}
