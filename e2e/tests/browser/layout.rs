//! The page at its widths, in both colour schemes, on paper, and without JavaScript.

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;
use serde_json::json;

use crate::kit::{ask, devtools, media, resize, run_as_alice, screenshot_of_all};

/// Everything that can be open is open.
const OPEN_ALL: &str = "for (const details of document.querySelectorAll('details')) details.open = true";

#[tokio::test]
async fn nothing_is_wider_than_the_window_from_320_to_1920_pixels_in_both_schemes() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    for attack in ["token-a-at-b", "too-deep"] {
        browser.click(&format!("#attack-{attack} button")).await?;
        browser.see(&format!("#attack-{attack} .outcome")).await?;
    }
    browser.click("#run-chain").await?;
    browser.read("#message", "by way of API A2").await?;
    browser.click("#steps li:nth-child(5) .open").await?;
    for scheme in ["light", "dark"] {
        media(&browser, "prefers-color-scheme", scheme).await?;
        for width in [320, 360, 768, 1280, 1920] {
            resize(&browser, width, 900).await?;
            screenshot_of_all(&browser, &format!("demo-16-{width}-{scheme}")).await?;
            ask(&browser, OPEN_ALL).await?;
            let widths =
                ask(&browser, "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                    .await?;
            ensure!(widths[0] == widths[1], "at {width} px in {scheme} the page is {widths}");
            ask(&browser, "for (const details of document.querySelectorAll('details')) details.open = false").await?;
        }
    }
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn what_is_pressed_is_at_least_24_pixels_wide_and_high() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    browser.click("#steps li:nth-child(4) .open").await?;
    for width in [320, 1280] {
        resize(&browser, width, 900).await?;
        let small = ask(
            &browser,
            "return [...document.querySelectorAll('button, a.button, summary, select, .switch span, .check')] \
             .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()]) \
             .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 23.9)).map(([text, box]) => `${text} ${box.width}x${box.height}`)",
        )
        .await?;
        assert_eq!(small, json!([]), "at {width} px");
    }
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn the_colours_that_were_chosen_are_there_before_the_first_paint() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.see("#tools").await?;
    let ground = "return getComputedStyle(document.body).backgroundColor";
    let light = ask(&browser, ground).await?;
    browser.click("#theme input[value=dark] + span").await?;
    let dark = ask(&browser, ground).await?;
    ensure!(light != dark, "{light}");
    browser.driver.refresh().await?;
    // Before any module has run: the script in the head did it.
    assert_eq!(ask(&browser, "return document.documentElement.dataset.theme").await?, "dark");
    assert_eq!(ask(&browser, ground).await?, dark);
    browser.click("#theme input[value=system] + span").await?;
    assert_eq!(ask(&browser, "return localStorage.length").await?, 0, "the system's own colours need no note");
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn without_javascript_the_six_steps_are_there_as_text() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    devtools(&browser, "Emulation.setScriptExecutionDisabled", json!({ "value": true })).await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    for words in ["demo/walkthrough.sh", "Why does API A not just pass token A on?", "RFC 8693 section 2.1"] {
        browser.read("main", words).await?;
    }
    browser.screenshot("demo-17-without-javascript").await?;
    browser.close().await?;
    stack.stop().await
}

/// One page for each step, everything unfolded.
#[tokio::test]
async fn on_paper_every_step_has_a_page_and_every_token_is_whole() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    devtools(&browser, "Emulation.setEmulatedMedia", json!({ "media": "print" })).await?;
    let printed = ask(
        &browser,
        "const shown = (css) => [...document.querySelectorAll(css)].filter((one) => one.getClientRects().length > 0).length; \
         return [shown('.step .body'), shown('.step .token .full'), shown('.step .token .short'), shown('.tools')]",
    )
    .await?;
    ensure!(printed[0] == 6 && printed[1].as_u64() > Some(3) && printed[2] == 0 && printed[3] == 0, "{printed}");
    let breaks = ask(
        &browser,
        "return [...document.querySelectorAll('.step')].slice(1).every((one) => getComputedStyle(one).breakBefore === 'page')",
    );
    assert_eq!(breaks.await?, true);
    screenshot_of_all(&browser, "demo-18-on-paper").await?;
    browser.close().await?;
    stack.stop().await
}

/// States switch without travel, and forced colours leave every shape.
#[tokio::test]
async fn less_motion_and_forced_colours_are_heeded() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    browser.click("#attack-token-a-at-b button").await?;
    browser.see("#attack-token-a-at-b .barrier").await?;
    let moves = "return getComputedStyle(document.querySelector('#attack-token-a-at-b .barrier')).animationName";
    media(&browser, "prefers-reduced-motion", "no-preference").await?;
    assert_eq!(ask(&browser, moves).await?, "fall");
    media(&browser, "prefers-reduced-motion", "reduce").await?;
    assert_eq!(ask(&browser, moves).await?, "none");
    media(&browser, "forced-colors", "active").await?;
    let lanes = "return getComputedStyle(document.querySelector('.sequence .box')).stroke";
    assert_eq!(ask(&browser, lanes).await?, ask(&browser, "return getComputedStyle(document.body).color").await?);
    screenshot_of_all(&browser, "demo-20-forced-colours").await?;
    browser.close().await?;
    stack.stop().await
}
