//! What the page says when something is away: clearly, and with a way on.

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::{Service, Stack};
use serde_json::json;

use crate::kit::{ALL_DONE, ask, confirm_password, devtools, run_as_alice, screenshot_of_all, steps_become};

#[tokio::test]
async fn api_b_stopped_in_the_middle_is_told_and_tried_again() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let mut stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    stack.stop_service(Service::ApiB).await?;

    browser.click("#load-report").await?;
    browser.see("#message.problem button").await?;
    steps_become(&browser, ["done", "done", "failed", "done", "done", "failed"]).await?;
    browser.read("#steps li:nth-child(6) .state", "no answer").await?;
    browser.click("#steps li:nth-child(6) .open").await?;
    browser.read("#steps li:nth-child(6) .note", "API B does not answer").await?;
    browser.click("#steps li:nth-child(3) .open").await?;
    browser.read("#steps li:nth-child(3) .wire", "problem+json").await?;
    screenshot_of_all(&browser, "demo-13-api-b-away").await?;

    stack.start_service(Service::ApiB).await?;
    browser.read("#message button", "Try again").await?;
    browser.click("#message button").await?;
    browser.read("#message", ALL_DONE).await?;
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn without_the_auth_server_a_recorded_run_explains_all_the_same() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let mut stack = Stack::builder().in_process().start().await?;
    stack.stop_service(Service::AuthServer).await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.read("#message", "does not answer").await?;
    browser.click("#message button").await?;
    browser.read("#message", "This is a recorded run").await?;
    steps_become(&browser, ["done"; 6]).await?;
    browser.click("#steps li:nth-child(4) .open").await?;
    browser.read("#steps li:nth-child(4) .note", "Recorded").await?;
    browser.see(".comparison").await?;
    screenshot_of_all(&browser, "demo-14-recorded").await?;
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn a_sign_in_that_has_ended_is_said_with_a_way_back_in() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    let chain = ask(&browser, "return [...document.querySelectorAll('.comparison code')].find((one) => one.textContent === 'txn').closest('tr').cells[1].textContent").await?;
    let chain = chain.as_str().unwrap_or_default();
    stack.command(&["grants", "revoke", chain], |_| {}).await?;
    // API A looks into the status list again within seconds; until then it takes the token.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !browser.text().await?.contains("Your session has ended") {
        ensure!(tokio::time::Instant::now() < deadline, "the end is never said: {}", browser.text().await?);
        if let Ok(button) = browser.driver.find(thirtyfour::By::Css("#load-report")).await {
            // Hidden as soon as nobody is signed in.
            let _ = button.click().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    browser.screenshot("demo-15-session-ended").await?;
    browser.click("#sign-in").await?;
    confirm_password(&browser, "alice").await?;
    browser.read("#message", ALL_DONE).await?;
    browser.close().await?;
    stack.stop().await
}

/// As over a bad mobile network: everything comes, later.
#[tokio::test]
async fn on_a_slow_network_the_steps_wait_and_the_times_tell() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    devtools(&browser, "Network.enable", json!({})).await?;
    let slow = json!({ "offline": false, "latency": 400, "downloadThroughput": 60_000, "uploadThroughput": 30_000 });
    devtools(&browser, "Network.emulateNetworkConditions", slow).await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.read("#message", "Nothing has been sent yet").await?;
    browser.click("#sign-in").await?;
    confirm_password(&browser, "alice").await?;
    browser.read("#message", ALL_DONE).await?;
    steps_become(&browser, ["done"; 6]).await?;
    let took = ask(&browser, "return document.querySelector('#steps li:nth-child(2) .state').textContent").await?;
    ensure!(!took.as_str().unwrap_or_default().contains("0.0"), "{took}");
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}
