//! What the app could do before it showed how: sign in, the report, a receipt, the archive with its consent, sign out.

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;

use crate::kit::{press, sign_in};

#[tokio::test]
async fn alice_signs_in_sees_her_report_files_a_receipt_and_signs_out() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;

    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.see("#sign-in").await?;
    browser.screenshot("1-demo-app").await?;
    browser.click("#sign-in").await?;

    browser.see("input[name=username]").await?;
    browser.screenshot("2-sign-in").await?;
    sign_in(&browser, "alice", "alice-password").await?;

    browser.read("#user-name", "alice").await?;
    browser.click("#load-report").await?;
    browser.see("#report").await?;
    file_receipt(&browser, "Flowers by Ada").await?;
    browser.read("#report", "Flowers by Ada").await?;
    browser.screenshot("3-report").await?;

    browser.click("#sign-out").await?;
    browser.see("#sign-in").await?;
    browser.screenshot("4-signed-out").await?;
    // Really signed out: the next sign-in asks for the password again.
    browser.click("#sign-in").await?;
    browser.see("input[name=password]").await?;

    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

/// The way through a missing consent: said in words, asked at the auth server, and on with what the person had wanted. By
/// keyboard alone.
#[tokio::test]
async fn alice_opens_the_archive_after_she_has_agreed() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.click("#sign-in").await?;
    sign_in(&browser, "alice", "alice-password").await?;
    browser.read("#user-name", "alice").await?;

    press(&browser, "#load-archive").await?;
    browser.read("#message", "needs your consent").await?;
    browser.screenshot("6-consent-needed").await?;
    press(&browser, "#message button").await?;
    browser.see("button[name=decision][value=deny]").await?;
    browser.read("main", "Archive").await?;
    browser.screenshot("7-consent-page").await?;
    // First she thinks better of it.
    press(&browser, "button[name=decision][value=deny]").await?;
    browser.read("#message", "You did not agree").await?;
    press(&browser, "#message button").await?;
    browser.read("#user-name", "alice").await?;

    press(&browser, "#load-archive").await?;
    press(&browser, "#message button").await?;
    press(&browser, "button[name=decision][value=allow]").await?;
    // Nothing more to press: the app goes on with what she had wanted.
    browser.read("#archive", "Total in EUR").await?;
    browser.read("#message", "The archive is open").await?;
    browser.screenshot("8-archive").await?;
    let stored =
        browser.driver.execute("return JSON.stringify({ ...sessionStorage, ...localStorage })", vec![]).await?;
    assert_eq!(stored.json().as_str(), Some("{}"), "nothing is left behind, and no token ever was");

    // The refusal was an answer, and browsers write those to their console.
    let complaints = browser.complaints().await?;
    ensure!(complaints.iter().all(|line| line.contains("/api/archive") && line.contains("401")), "{complaints:?}");
    browser.close().await?;
    stack.stop().await
}

/// Fills whatever the form asks for.
async fn file_receipt(browser: &Browser, merchant: &str) -> Result<()> {
    browser.see("#receipt-form").await?;
    browser.type_into("#receipt-form input[name=merchant]", merchant).await?;
    browser.type_into("#receipt-form input[name=amount]", "4.50").await?;
    browser.click("#receipt-form button").await
}

#[tokio::test]
async fn a_wrong_password_is_told_on_the_login_page() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.click("#sign-in").await?;
    sign_in(&browser, "alice", "wrong").await?;
    browser.see("[role=alert]").await?;
    browser.screenshot("5-wrong-password").await?;
    browser.close().await?;
    stack.stop().await
}
