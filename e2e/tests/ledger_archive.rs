//! Old rows of the ledger move to a file beside a running server: what is left verifies, and so does the file, until somebody
//! changes it.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::stack::{Database, Said, Service, Stack};
use e2e::steps::Exchange;
use e2e::world::{API_B, api_a_credentials};
use rstest::rstest;
use serde_json::Value;
use shared_claims::{Clock, SystemClock};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

async fn said(stack: &Stack, arguments: &[&str]) -> Result<Said> {
    stack.command(arguments, |_| {}).await
}

async fn archive(stack: &Stack, before: OffsetDateTime, to: &str) -> Result<Said> {
    said(stack, &["audit", "archive", "--before", &before.format(&Rfc3339)?, "--to", to]).await
}

async fn expect_verified(stack: &Stack, arguments: &[&str]) -> Result<()> {
    let verified = said(stack, &[&["audit", "verify"], arguments].concat()).await?;
    ensure!(verified.code == 0 && verified.stdout.contains("is what was written"), "{verified:?}");
    Ok(())
}

async fn sign_in_and_exchange(stack: &Stack) -> Result<()> {
    let tokens = stack.sign_in("alice").await?;
    Exchange::of(&tokens.access_token)
        .to(API_B)
        .send(&stack.auth_server, &api_a_credentials())
        .await?
        .expect_status(200)?;
    Ok(())
}

fn lines(stack: &Stack, file: &str) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(stack.directory().join(file))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn old_rows_move_to_files_and_the_ledger_still_verifies(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let mut stack = Stack::builder().in_process().on(database).start().await?;
    sign_in_and_exchange(&stack).await?;
    let between = SystemClock.now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    sign_in_and_exchange(&stack).await?;

    let archived = archive(&stack, between, "one.jsonl").await?;
    ensure!(archived.code == 0, "{archived:?}");
    let in_file = lines(&stack, "one.jsonl")?;
    assert!(archived.stdout.starts_with(&format!("{} rows of 1 chains", in_file.len())), "{archived:?}");
    assert_eq!(in_file.iter().filter(|row| row["kind"] == "issued").count(), 2, "{in_file:#?}");
    assert!(in_file.iter().all(|row| row["body"].is_string() && row["hash"].is_string()));
    let mode = std::fs::metadata(stack.directory().join("one.jsonl"))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    expect_verified(&stack, &[]).await?;
    expect_verified(&stack, &["--archive", "one.jsonl"]).await?;

    // The server goes on, and another one comes.
    sign_in_and_exchange(&stack).await?;
    stack.restart_with(Service::AuthServer, |_| {}).await?;
    sign_in_and_exchange(&stack).await?;
    ensure!(archive(&stack, SystemClock.now(), "two.jsonl").await?.code == 0, "the second archive");
    expect_verified(&stack, &[]).await?;
    expect_verified(&stack, &["--archive", "two.jsonl", "--archive", "one.jsonl"]).await?;
    let exported = said(&stack, &["audit", "export"]).await?;
    assert!(!exported.stdout.contains("\"issued\""), "they are in files: {exported:?}");
    assert_eq!(exported.stdout.matches("\"archived\"").count(), 2, "{exported:?}");

    // Nothing is written over, and nothing from the future is old.
    let again = archive(&stack, SystemClock.now(), "one.jsonl").await?;
    assert!(again.code == 1 && again.stderr.contains("one.jsonl"), "{again:?}");
    let future = archive(&stack, SystemClock.now() + time::Duration::DAY, "three.jsonl").await?;
    assert!(future.code == 1 && future.stderr.contains("in the future"), "{future:?}");
    assert_eq!(lines(&stack, "one.jsonl")?, in_file);
    stack.stop().await
}

type Change = fn(&mut Vec<Value>);

#[tokio::test]
async fn a_file_that_was_changed_is_named() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    sign_in_and_exchange(&stack).await?;
    ensure!(archive(&stack, SystemClock.now(), "ledger.jsonl").await?.code == 0, "archive");
    let whole = lines(&stack, "ledger.jsonl")?;
    assert!(whole.len() > 3, "{whole:#?}");
    let changes: [(&str, Change, &str); 5] = [
        ("removed", |rows| drop(rows.remove(1)), "row 1 is missing"),
        ("changed", |rows| rows[1]["kind"] = "refused".into(), "row 1 is not what was written"),
        ("swapped", |rows| rows.swap(1, 2), "row 1 is missing"),
        ("cut", |rows| drop(rows.pop()), "are missing, and no other file has them"),
        ("emptied", Vec::clear, "no row of the ledger has its SHA-256"),
    ];
    for (name, change, expected) in changes {
        let mut rows = whole.clone();
        change(&mut rows);
        let lines: Vec<String> = rows.iter().map(Value::to_string).chain([String::new()]).collect();
        std::fs::write(stack.directory().join(name), lines.join("\n"))?;
        let verified = said(&stack, &["audit", "verify", "--archive", name]).await?;
        assert!(verified.code == 1 && verified.stderr.contains(expected), "{name}: {verified:?}");
        assert!(verified.stderr.contains(name), "{verified:?}");
    }
    expect_verified(&stack, &["--archive", "ledger.jsonl"]).await?;
    stack.stop().await
}
