//! The longer chain, and its end: by the app, and by the person on their account page.

use anyhow::{Context as _, Result};
use e2e::browser::Browser;
use e2e::stack::Stack;

use crate::kit::{confirm_password, run_as_alice, screenshot_of_all, unexpected_complaints};

#[tokio::test]
async fn the_longer_chain_is_a_tree_with_each_hops_actor() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    browser.read("#chain-tree .chain > li > ul", "acting: API A for App").await?;
    browser.click("#run-chain").await?;
    browser.read("#message", "by way of API A2: 9 receipts, 2 exchanges").await?;
    browser.read("#chain-tree .chain > li > .hop", "no actor yet").await?;
    browser.read("#chain-tree .chain > li > ul > li > .hop", "acting: API A for App").await?;
    browser.read("#chain-tree .chain > li > ul ul .hop", "acting: API A2 for API A for App").await?;
    screenshot_of_all(&browser, "demo-11-chain").await?;

    browser.click("#revoke").await?;
    browser.read("#message", "Everybody refuses the tokens now").await?;
    browser.read(".deaths", "API B").await?;
    browser.read(".chain.dead", "dead").await?;
    screenshot_of_all(&browser, "demo-12-revoked").await?;
    assert_eq!(unexpected_complaints(&browser).await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn revoking_on_the_account_page_is_seen_live() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    let here = browser.driver.window().await?;
    browser.click("#watch").await?;
    browser.read(".deaths", "takes it").await?;
    browser.click("#account-page").await?;
    let there = browser.driver.windows().await?.into_iter().find(|tab| *tab != here).context("no new tab")?;
    browser.driver.switch_to_window(there).await?;
    browser.click("button[name=decision][value=withdraw-app]").await?;
    browser.read("main", "No app has access to anything of yours").await?;
    browser.driver.switch_to_window(here).await?;
    browser.read("#message", "Everybody refuses the tokens now").await?;
    browser.read(".deaths", "refuses it: 401 invalid_token").await?;
    browser.click("#sign-in").await?;
    confirm_password(&browser, "alice").await?;
    browser.read("#report", "Total in EUR").await?;
    browser.close().await?;
    stack.stop().await
}
