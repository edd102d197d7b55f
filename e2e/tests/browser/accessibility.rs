//! axe-core (<https://github.com/dequelabs/axe-core>) finds nothing on any state of the page. Installed by npm as its lock file
//! says, below `target/accessibility`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, ensure};
use e2e::browser::Browser;
use e2e::stack::{Service, Stack};
use e2e::suite;

use crate::kit::{ALL_DONE, confirm_password, media, resize, run_as_alice};

/// The script of axe-core, or why there is none.
fn axe() -> Result<String, String> {
    static AXE: OnceLock<Result<String, String>> = OnceLock::new();
    AXE.get_or_init(install).clone()
}

fn install() -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("accessibility");
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/accessibility");
    std::fs::create_dir_all(&place).map_err(told)?;
    let script: PathBuf = place.join("node_modules/axe-core/axe.min.js");
    let lock = std::fs::read_to_string(source.join("package-lock.json")).map_err(told)?;
    let installed = std::fs::read_to_string(place.join("installed")).is_ok_and(|installed| installed == lock);
    if !installed {
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(source.join(file), place.join(file)).map_err(told)?;
        }
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        let output = Command::new("npm").args(npm).current_dir(&place).output();
        let output = output.map_err(|_| "no npm (Debian: apt-get install npm)")?;
        if !output.status.success() {
            return Err(format!("npm: {}", String::from_utf8_lossy(&output.stderr)));
        }
        std::fs::write(place.join("installed"), lock).map_err(told)?;
    }
    std::fs::read_to_string(script).map_err(told)
}

/// Every rule of WCAG 2.2 at levels A and AA, and what axe-core calls best practice.
async fn expect_nothing(browser: &Browser, axe: &str, state: &str) -> Result<()> {
    let script = format!(
        "{axe}; const done = arguments[0]; axe.run(document, {{ resultTypes: ['violations'] }}).then((found) => done( \
         found.violations.map(({{ id, nodes }}) => `${{id}}: ${{nodes.map(({{ target, failureSummary }}) => `${{target}} ${{failureSummary}}`).join('; ')}}`)), \
         (error) => done([String(error)]))"
    );
    let found = browser.driver.execute_async(script, vec![]).await?;
    let found: Vec<String> = serde_json::from_value(found.json().clone())?;
    ensure!(found.is_empty(), "{state}: {}", found.join("\n"));
    Ok(())
}

#[tokio::test]
async fn axe_finds_nothing_on_any_state_of_the_page() -> Result<()> {
    let axe = match tokio::task::spawn_blocking(axe).await? {
        Ok(axe) => axe,
        Err(why) => {
            suite::skipped("accessibility", &why);
            return Ok(());
        }
    };
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let mut stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.read("#message", "Nothing has been sent yet").await?;
    expect_nothing(&browser, &axe, "start").await?;
    browser.click("#step-by-step").await?;
    browser.read("#message", "Next, step 1").await?;
    expect_nothing(&browser, &axe, "held").await?;
    browser.click("#next").await?;
    confirm_password(&browser, "alice").await?;
    for step in 2..=6 {
        browser.read("#message", &format!("Next, step {step}")).await?;
        if step == 5 {
            expect_nothing(&browser, &axe, "under way").await?;
        }
        browser.click("#next").await?;
    }
    browser.read("#message", ALL_DONE).await?;
    expect_nothing(&browser, &axe, "done").await?;

    for attack in ["token-a-at-b", "wider-scope", "too-deep"] {
        browser.click(&format!("#attack-{attack} button")).await?;
        browser.see(&format!("#attack-{attack} .outcome")).await?;
    }
    browser.click("#run-chain").await?;
    browser.read("#message", "by way of API A2").await?;
    browser.click("#steps li:nth-child(2) .open").await?;
    let open = "for (const details of document.querySelectorAll('details')) details.open = true";
    browser.driver.execute(open, vec![]).await?;
    for scheme in ["light", "dark"] {
        media(&browser, "prefers-color-scheme", scheme).await?;
        for width in [1280, 320] {
            resize(&browser, width, 900).await?;
            expect_nothing(&browser, &axe, &format!("everything open, {scheme}, {width} px")).await?;
        }
    }
    stack.stop_service(Service::ApiB).await?;
    browser.click("#load-report").await?;
    browser.see("#message.problem button").await?;
    expect_nothing(&browser, &axe, "API B away").await?;
    stack.start_service(Service::ApiB).await?;
    browser.click("#revoke").await?;
    browser.read("#message", "Everybody refuses the tokens now").await?;
    expect_nothing(&browser, &axe, "revoked").await?;
    browser.close().await?;
    stack.stop().await
}

/// The pages that the auth server shows on the way.
#[tokio::test]
async fn axe_finds_nothing_on_the_way_either() -> Result<()> {
    let Ok(axe) = tokio::task::spawn_blocking(axe).await? else { return Ok(()) };
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.click("#sign-in").await?;
    browser.see("input[name=password]").await?;
    expect_nothing(&browser, &axe, "sign-in page").await?;
    run_as_alice(&browser, &stack).await?;
    browser.driver.goto(stack.auth_server.url("/account").as_str()).await?;
    browser.see("button[name=decision][value=withdraw-app]").await?;
    expect_nothing(&browser, &axe, "account page").await?;
    browser.close().await?;
    stack.stop().await
}
