//! What the page gives for the terminal runs when it is pasted: each step, and all of them as a script.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Browser;
use e2e::stack::Stack;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::kit::{ask, devtools, run_as_alice};

/// What lies in the clipboard after a press.
async fn copied(browser: &Browser, css: &str) -> Result<String> {
    browser.click(css).await?;
    browser.read(css, "Copied").await?;
    let text = browser
        .driver
        .execute_async(
            "navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))",
            vec![],
        )
        .await?;
    Ok(text.json().as_str().context("no text")?.to_owned())
}

/// Pastes it into a shell that stands in the repository.
async fn pasted(text: &str) -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut shell = Command::new("bash")
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    shell.stdin.take().context("no input")?.write_all(text.as_bytes()).await?;
    let ended = tokio::time::timeout(std::time::Duration::from_mins(1), shell.wait_with_output()).await??;
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    ensure!(ended.status.success(), "{text}\n{said}\n{}", String::from_utf8_lossy(&ended.stderr));
    Ok(said)
}

#[tokio::test]
async fn what_is_copied_runs_when_it_is_pasted() -> Result<()> {
    let Some(browser) = Browser::for_test().await? else { return Ok(()) };
    let stack = Stack::builder().in_process().start().await?;
    run_as_alice(&browser, &stack).await?;
    let origin = ask(&browser, "return location.origin").await?;
    let permissions = json!({ "origin": origin, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    devtools(&browser, "Browser.grantPermissions", permissions).await?;
    for (step, expected) in [
        (1, "code="),
        (2, "token A: eyJ"),
        (3, "\"receipts\":9"),
        (4, "issued_token_type"),
        (5, "issued_token_type"),
        (6, "merchant"),
    ] {
        browser.click(&format!("#steps li:nth-child({step}) .open")).await?;
        let command = copied(&browser, &format!("#steps li:nth-child({step}) .commands > button")).await?;
        ensure!(!command.contains(e2e::world::API_A_SECRET), "the secret is copied: {command}");
        let said = pasted(&command).await.with_context(|| format!("step {step}"))?;
        ensure!(said.replace("\": ", "\":").contains(expected), "step {step}: {said}");
    }
    let script = copied(&browser, "#copy-script").await?;
    let said = pasted(&script).await?;
    for words in ["6  API A calls API B", "401  token A at API B", "400  the same code twice"] {
        ensure!(said.contains(words), "{words}: {said}");
    }
    browser.close().await?;
    stack.stop().await
}
