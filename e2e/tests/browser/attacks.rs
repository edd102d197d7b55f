//! "Now try to break it": each button sends its request, and the page shows the real refusal with its reason and its rule.

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;

use crate::kit::{ALL_DONE, ask, confirm_password, run_as_alice, screenshot_of_all, unexpected_complaints};

/// Attacks that leave the sign-in alive: the button, what is said, and the file that holds the rule.
const HARMLESS: [(&str, &str, &str); 8] = [
    ("token-a-at-b", "401 invalid_token: the token is for somebody else", "shared-claims/src/validator/checks.rs"),
    ("wider-scope", "400 invalid_scope: scope_outside_pairing", "auth-server/src/exchange/scope.rs"),
    ("foreign-token", "400 invalid_request: not_addressed_to_asker", "auth-server/src/exchange/asker.rs"),
    ("tampered", "401 invalid_token: the token's signature is wrong", "shared-claims/src/validator/mod.rs"),
    ("alg-none", "401 invalid_token: the token's algorithm", "shared-claims/src/validator/header.rs"),
    ("public-key", "401 invalid_token: the token's algorithm", "shared-claims/src/validator/key_set.rs"),
    ("unpaired-target", "400 invalid_target: target_not_paired", "auth-server/src/exchange/target.rs"),
    ("too-deep", "400 invalid_request: chain_too_deep", "auth-server/src/exchange/actor.rs"),
];

/// Presses the attack's button and waits for its outcome.
async fn attack(browser: &Browser, name: &str, refusal: &str) -> Result<()> {
    browser.click(&format!("#attack-{name} button")).await?;
    browser.read(&format!("#attack-{name} .outcome"), refusal).await.with_context(|| name.to_owned())
}

/// The rules that an attack's card shows: all before the last hold, and the last does not.
async fn expect_rules(browser: &Browser, name: &str) -> Result<()> {
    let script = format!(
        "return [...document.querySelectorAll('#attack-{name} .explanation > .rules li')].map((line) => line.className)"
    );
    let rules: Vec<String> = serde_json::from_value(ask(browser, &script).await?)?;
    let (last, before) = rules.split_last().with_context(|| format!("{name}: no rules"))?;
    ensure!(last == "failed" && before.iter().all(|rule| rule == "passed"), "{name}: {rules:?}");
    Ok(())
}

#[tokio::test]
async fn each_attack_is_refused_with_its_reason_its_rule_and_its_file() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    for (name, refusal, file) in HARMLESS {
        attack(&browser, name, refusal).await?;
        // Announced, too.
        browser.read("#message", refusal).await?;
        browser.read(&format!("#attack-{name}"), file).await?;
        expect_rules(&browser, name).await?;
        let barrier = format!("#attack-{name} .arrow:last-of-type[data-state=refused] .barrier");
        browser.see(&barrier).await?;
    }
    screenshot_of_all(&browser, "demo-7-attacks").await?;
    // Nothing was broken by it.
    browser.click("#load-report").await?;
    browser.read("#message", ALL_DONE).await?;
    assert_eq!(unexpected_complaints(&browser).await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn the_archive_stays_closed_without_consent() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    attack(&browser, "no-consent", "interaction_required: consent_missing").await?;
    browser.read("#attack-no-consent", "auth-server/src/exchange/consent.rs").await?;
    expect_rules(&browser, "no-consent").await?;
    assert_eq!(unexpected_complaints(&browser).await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn bob_signs_in_for_it_and_may_still_not_write() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    browser.click("#attack-bob-writes button").await?;
    browser.read("#message", "This takes Bob").await?;
    browser.click("#message button").await?;
    confirm_password(&browser, "bob").await?;
    // The attack goes on by itself.
    browser.read("#attack-bob-writes .outcome", "invalid_scope: nothing_left").await?;
    browser.read("#attack-bob-writes .sequence", "403").await?;
    expect_rules(&browser, "bob-writes").await?;
    screenshot_of_all(&browser, "demo-8-bob-writes").await?;
    assert_eq!(unexpected_complaints(&browser).await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn a_code_used_twice_ends_what_it_gave_at_every_api() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    attack(&browser, "code-twice", "400 invalid_grant").await?;
    expect_the_chain_to_die(&browser).await?;
    screenshot_of_all(&browser, "demo-9-code-used-twice").await?;
    // The way on.
    browser.click("#message button").await?;
    confirm_password(&browser, "alice").await?;
    browser.read("#message", ALL_DONE).await?;
    assert_eq!(unexpected_complaints(&browser).await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_whole_chain() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    attack(&browser, "old-refresh-token", "400 invalid_grant: refresh_token_reused").await?;
    expect_the_chain_to_die(&browser).await?;
    assert_eq!(unexpected_complaints(&browser).await?, Vec::<String>::new());
    browser.close().await?;
    stack.stop().await
}

/// Auth server and both APIs refuse within seconds, and the tree says so.
async fn expect_the_chain_to_die(browser: &Browser) -> Result<()> {
    browser.read("#message", "Everybody refuses the tokens now").await?;
    let counters =
        "return [...document.querySelectorAll('.deaths .counter')].map((one) => parseFloat(one.textContent))";
    let seconds: Vec<f64> = serde_json::from_value(ask(browser, counters).await?)?;
    ensure!(seconds.len() == 3 && seconds.iter().all(|after| *after < 7.0), "{seconds:?}");
    browser.read(".chain.dead", "dead").await
}

/// The person hears the words of a wrong password; the operator reads the reason in the ledger.
#[tokio::test]
async fn carol_hears_the_same_words_as_for_a_wrong_password() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    let here = browser.driver.window().await?;
    browser.click("#attack-carol a").await?;
    let there = browser.driver.windows().await?.into_iter().find(|tab| *tab != here).context("no new tab")?;
    browser.driver.switch_to_window(there).await?;
    browser.read("#sign-in", "Run it as Carol").await?;
    browser.click("#sign-in").await?;
    confirm_password(&browser, "carol").await?;
    let said = browser.see("[role=alert]").await?.text().await?;
    browser.screenshot("demo-10-carol").await?;
    browser.type_into("input[name=username]", "alice").await?;
    browser.type_into("input[name=password]", "wrong").await?;
    browser.click("form button[type=submit], form button:not([type])").await?;
    assert_eq!(browser.see("[role=alert]").await?.text().await?, said);
    let rows = stack.command(&["audit", "export"], |_| {}).await?.stdout;
    ensure!(rows.contains("blocked"), "{rows}");
    browser.close().await?;
    stack.stop().await
}
