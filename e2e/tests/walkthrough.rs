//! `demo/walkthrough.sh`, which the README shows: every command of it works, and what must fail does.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::stack::{Database, Stack};
use e2e::suite;
use tokio::process::Command;

#[tokio::test]
async fn the_walkthrough_of_the_readme_works() -> Result<()> {
    for tool in ["bash", "curl", "jq", "openssl"] {
        if Command::new(tool).arg("--version").output().await.is_err() {
            suite::skipped("walkthrough", &format!("{tool} is not installed"));
            return Ok(());
        }
    }
    let stack = Stack::builder().in_process().on(Database::Sqlite).start().await?;
    for user in ["alice", "bob"] {
        let mut walkthrough = Command::new("bash");
        walkthrough
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/walkthrough.sh"))
            .arg(user)
            .env("AUTH", stack.issuer())
            .env("APP", stack.api_a_url().as_str().trim_end_matches('/'))
            .env("API_B", stack.api_b_url().as_str().trim_end_matches('/'))
            .kill_on_drop(true);
        let output = tokio::time::timeout(Duration::from_mins(1), walkthrough.output()).await??;
        let said = String::from_utf8_lossy(&output.stdout);
        let complaints = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{user}: {said}\n{complaints}");
        ensure!(said.contains("401  token A at API B"), "{user}: {said}");
        ensure!(said.contains(r#""act":{"sub":"api-a2""#), "{user}: {said}");
    }
    stack.stop().await
}
