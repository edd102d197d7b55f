//! What the journeys share: signing in, running the flow, looking at the page.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::browser::Browser;
use e2e::stack::Stack;
use serde_json::{Value, json};
use thirtyfour::{Key, TypingData};

/// What the page says when everything has been shown.
pub const ALL_DONE: &str = "All six steps are done";

/// Types name and password on the sign-in page.
pub async fn sign_in(browser: &Browser, username: &str, password: &str) -> Result<()> {
    browser.type_into("input[name=username]", username).await?;
    browser.type_into("input[name=password]", password).await?;
    browser.click("form button[type=submit], form button:not([type])").await
}

/// The password alone: the name is there already, by `login_hint`.
pub async fn confirm_password(browser: &Browser, username: &str) -> Result<()> {
    let name = browser.see("input[name=username]").await?.prop("value").await?;
    ensure!(name.as_deref() == Some(username), "the sign-in page knows {name:?}");
    browser.type_into("input[name=password]", &e2e::world::password_of(username)).await?;
    browser.click("form button[type=submit], form button:not([type])").await
}

/// Opens the page, and runs the flow as Alice to its end.
pub async fn run_as_alice(browser: &Browser, stack: &Stack) -> Result<()> {
    browser.driver.goto(stack.api_a_url().as_str()).await?;
    browser.click("#sign-in").await?;
    confirm_password(browser, "alice").await?;
    browser.read("#message", ALL_DONE).await
}

/// Presses the button at `css` by its key, as who has no mouse does.
pub async fn press(browser: &Browser, css: &str) -> Result<()> {
    Ok(browser.see(css).await?.send_keys(Key::Enter + "").await?)
}

/// Sends keys to whatever has the focus.
pub async fn keys(browser: &Browser, keys: impl Into<TypingData>) -> Result<()> {
    Ok(browser.driver.active_element().await?.send_keys(keys).await?)
}

/// What a script in the page gives.
pub async fn ask(browser: &Browser, script: &str) -> Result<Value> {
    Ok(browser.driver.execute(script, vec![]).await?.json().clone())
}

/// One command of the Chrome `DevTools` Protocol.
pub async fn devtools(browser: &Browser, method: &str, parameters: Value) -> Result<Value> {
    browser.driver.cdp().send_raw(method, parameters).await.with_context(|| method.to_owned())
}

/// The window becomes so many CSS pixels wide and high, narrower than a real one can be.
pub async fn resize(browser: &Browser, width: u32, height: u32) -> Result<()> {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    devtools(browser, "Emulation.setDeviceMetricsOverride", size).await.map(drop)
}

/// A feature that style sheets ask for, such as `prefers-color-scheme`.
pub async fn media(browser: &Browser, feature: &str, value: &str) -> Result<()> {
    let features = json!({ "features": [{ "name": feature, "value": value }] });
    devtools(browser, "Emulation.setEmulatedMedia", features).await.map(drop)
}

/// Saves the whole page, and not only the window, as `target/screenshots/<name>.png`.
pub async fn screenshot_of_all(browser: &Browser, name: &str) -> Result<()> {
    let size = ask(browser, "return [innerWidth, document.documentElement.scrollHeight]").await?;
    let image = picture(browser, &size[0], &size[1]).await?;
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&directory)?;
    Ok(std::fs::write(directory.join(format!("{name}.png")), image)?)
}

/// The upper left corner of the page, so many CSS pixels wide and high.
pub async fn picture(browser: &Browser, width: &Value, height: &Value) -> Result<Vec<u8>> {
    let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
    let parameters = json!({ "captureBeyondViewport": true, "clip": clip });
    let taken = devtools(browser, "Page.captureScreenshot", parameters).await?;
    Ok(STANDARD.decode(taken["data"].as_str().context("no picture")?)?)
}

/// The states of the six steps, as the list tells them.
pub async fn states(browser: &Browser) -> Result<Vec<String>> {
    let told = ask(browser, "return [...document.querySelectorAll('#steps > li')].map((item) => item.dataset.state)");
    Ok(serde_json::from_value(told.await?)?)
}

/// Waits until the six steps stand like that.
pub async fn steps_become(browser: &Browser, expected: [&str; 6]) -> Result<()> {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(15);
    loop {
        let now = states(browser).await?;
        if now == expected {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "the steps are {now:?} and not {expected:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Complaints of the console that are no answer that was to be expected: a refusal is an answer, and browsers write it there.
pub async fn unexpected_complaints(browser: &Browser) -> Result<Vec<String>> {
    let refusals = ["status of 400", "status of 401", "status of 403"];
    let mut complaints = browser.complaints().await?;
    complaints.retain(|line| !refusals.iter().any(|refusal| line.contains(refusal)));
    Ok(complaints)
}
