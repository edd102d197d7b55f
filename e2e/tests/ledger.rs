//! The ledger: every token that left has its row, every refusal its reason, and nobody changes a row unseen.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e::stack::{Configuration, Database, Service, Stack, set};
use e2e::steps::{Credentials, Exchange, Jwt, Person, Tokens};
use e2e::world::{self, API_A, API_B, API_C, api_a_credentials, demo_machine_credentials};
use rstest::rstest;
use serde_json::Value;

async fn rows(stack: &Stack) -> Result<Vec<Value>> {
    let exported = stack.command(&["audit", "export"], |_| {}).await?;
    ensure!(exported.code == 0, "{exported:?}");
    exported.stdout.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

async fn expect_verified(stack: &Stack) -> Result<()> {
    let verified = stack.command(&["audit", "verify"], |_| {}).await?;
    ensure!(verified.code == 0 && verified.stdout.contains("is what was written"), "{verified:?}");
    Ok(())
}

/// The row of a token.
fn row_of<'a>(rows: &'a [Value], token: &str) -> Result<&'a Value> {
    let jti = Jwt::parse(token)?.claims["jti"].clone();
    let mut found = rows.iter().filter(|row| row["kind"] == "issued" && row["body"]["jti"] == jti);
    let row = found.next().with_context(|| format!("no row for {jti}"))?;
    ensure!(found.next().is_none(), "two rows for {jti}");
    Ok(row)
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn every_token_that_left_has_its_row(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let renewed: Tokens = stack.app()?.refresh(tokens.refresh_token()?).await?.expect_status(200)?.read()?;
    let exchange = Exchange::of(&tokens.access_token).to(API_B).scope("read:receipts");
    let token_b: Tokens = exchange.send(&stack.auth_server, &api_a_credentials()).await?.expect_status(200)?.read()?;
    let own = [("grant_type", "client_credentials"), ("audience", API_A)];
    let machine: Tokens =
        stack.auth_server.token(&demo_machine_credentials(), &own).await?.expect_status(200)?.read()?;

    let rows = rows(&stack).await?;
    for token in [&tokens.access_token, &renewed.access_token, &token_b.access_token, &machine.access_token] {
        row_of(&rows, token)?;
    }
    let (a, b) = (Jwt::parse(&tokens.access_token)?.claims, row_of(&rows, &token_b.access_token)?["body"].clone());
    let expected: BTreeMap<_, Value> = [
        ("grant", a["txn"].clone()),
        ("parent_jti", a["jti"].clone()),
        ("user", a["sub"].clone()),
        ("client", "api-a".into()),
        ("source", API_A.into()),
        ("target", API_B.into()),
        ("actors", "api-a demo-app".into()),
        ("asked", "read:receipts".into()),
        ("scope", "read:receipts".into()),
        ("address", "127.0.0.1".into()),
    ]
    .into();
    for (field, value) in expected {
        assert_eq!(b[field], value, "{field}");
    }
    assert!(b["request_id"].is_string() && b["trace_id"].is_string());
    expect_verified(&stack).await?;
    stack.stop().await
}

#[tokio::test]
async fn refusals_sign_ins_consent_and_revocations_are_on_record() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = Person::named("alice")?;
    let app = stack.app()?;
    let request = app.authorization_request().with("prompt", "consent");
    let callback = app.authorize(&request, &alice).await?.callback()?;
    let code = app.code_from(&callback, &request)?;
    let tokens: Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    stack.app()?.authorize(&app.authorization_request(), &Person::with_password("alice", "wrong")?).await?;
    let refused = Exchange::of(&tokens.access_token).to(API_B).scope("delete:receipts");
    refused.send(&stack.auth_server, &api_a_credentials()).await?.expect_error(400, "invalid_scope")?;
    stack.auth_server.revoke(&app.credentials, tokens.refresh_token()?).await?.expect_status(200)?;

    let rows = rows(&stack).await?;
    let has = |kind: &str, field: &str, value: &str| {
        rows.iter().any(|row| row["kind"] == kind && row["body"][field] == value)
    };
    for (kind, field, value) in [
        ("signed in", "address", "127.0.0.1"),
        ("sign-in refused", "why", "wrong_password"),
        ("consented", "target", API_C),
        ("refused", "reason", "scope_outside_pairing"),
        ("revoked", "why", "revoked_by_client"),
    ] {
        assert!(has(kind, field, value), "no row {kind} with {field} {value}: {rows:#?}");
    }
    // No secret is on record.
    let text = serde_json::to_string(&rows)?;
    for secret in [tokens.access_token.as_str(), tokens.refresh_token()?, code.as_str(), &world::password_of("alice")] {
        assert!(!text.contains(secret), "a secret is on record");
    }
    stack.stop().await
}

#[tokio::test]
async fn a_chain_is_shown_as_a_tree() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let exchange = Exchange::of(&tokens.access_token).to(API_B);
    exchange.send(&stack.auth_server, &api_a_credentials()).await?.expect_status(200)?;
    let txn = Jwt::parse(&tokens.access_token)?.text("txn").to_owned();
    let shown = stack.command(&["audit", "show", "--txn", &txn], |_| {}).await?;
    assert_eq!(shown.code, 0, "{shown:?}");
    let lines: Vec<_> = shown.stdout.lines().map(|line| line.split_once("  ").map_or("", |(_, rest)| rest)).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("issued") && lines[1].starts_with("   issued"), "{lines:?}");
    assert!(lines[1].contains("actors=api-a demo-app") && !shown.stdout.contains("jti"), "{lines:?}");
    let nobody = stack.command(&["audit", "show", "--txn", "grt_nobody"], |_| {}).await?;
    assert_eq!((nobody.code, nobody.stderr.contains("no such rows")), (1, true));
    stack.stop().await
}

#[tokio::test]
async fn who_has_read_enough_of_a_list_ends_it_quietly() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let txn = Jwt::parse(&tokens.access_token)?.text("txn").to_owned();
    for list in [&["audit", "show", "--txn", &txn][..], &["grants", "list"], &["users", "list"], &["keys", "list"]] {
        let said = stack.command_unread(list).await?;
        assert_eq!((said.code, said.stderr.contains("panicked")), (0, false), "{list:?}: {said:?}");
    }
    // What changes something has changed it by then.
    let keys = stack.command(&["keys", "list"], |_| {}).await?.stdout.lines().count();
    for change in
        [&["users", "block", "bob"][..], &["keys", "rotate"], &["apply"], &["check-config"], &["audit", "verify"]]
    {
        let said = stack.command_unread(change).await?;
        assert_eq!((said.code, said.stderr.contains("panicked")), (0, false), "{change:?}: {said:?}");
    }
    let listed = async |list: &[&str]| anyhow::Ok(stack.command(list, |_| {}).await?.stdout);
    assert!(listed(&["users", "list"]).await?.contains("bob  (blocked)"));
    assert_eq!(listed(&["keys", "list"]).await?.lines().count(), keys + 1);
    // What the exit code says, it says still.
    let explain = ["exchange", "explain", "--client", "api-a", "--audience", API_B, "--subject-token"];
    let answers = [[&explain[..], &[&tokens.access_token]].concat(), vec!["exchange", "graph"]];
    for answer in &answers {
        let said = stack.command_unread(answer).await?;
        assert_eq!((said.code, said.stderr.contains("panicked")), (0, false), "{answer:?}: {said:?}");
    }
    // Half of an export would pass for all of it.
    assert_eq!(stack.command_unread(&["audit", "export"]).await?.code, 1);
    stack.stop().await
}

#[tokio::test]
async fn what_administrators_change_is_on_record() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    for arguments in [&["users", "block", "alice"][..], &["users", "unblock", "alice"], &["keys", "rotate"]] {
        let done = stack.command(arguments, |_| {}).await?;
        ensure!(done.code == 0, "{done:?}");
    }
    let without_pairings = |world: &mut e2e::stack::Configuration| world.remove("pairings", ("target", API_B));
    ensure!(stack.command(&["apply"], without_pairings).await?.code == 0, "apply");
    let rows = rows(&stack).await?;
    let told: Vec<_> =
        rows.iter().filter_map(|row| Some((row["kind"].as_str()?, row["body"]["what"].as_str()))).collect();
    for expected in
        [("user changed", Some("blocked")), ("user changed", Some("unblocked")), ("key changed", Some("rotated"))]
    {
        assert!(told.contains(&expected), "{expected:?}: {told:?}");
    }
    let pairings: Vec<_> =
        rows.iter().filter(|row| row["kind"] == "configured").map(|row| row["body"]["pairings"].clone()).collect();
    assert_eq!(pairings, ["5", "3"], "at the first start, and by apply");
    expect_verified(&stack).await?;
    stack.stop().await
}

#[tokio::test]
async fn a_flood_of_strangers_fills_one_row() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let wrong = Credentials::basic("api-a", "api-a-wrong-secret-0123456789abcdefghijklmnopqrst");
    for _ in 0..30 {
        let form = [("grant_type", "client_credentials")];
        stack.auth_server.token(&wrong, &form).await?.expect_error(401, "invalid_client")?;
    }
    let since = Instant::now();
    let counted = loop {
        let rows = rows(&stack).await?;
        let of_strangers = rows.into_iter().filter(|row| row["kind"] == "refused strangers").collect::<Vec<_>>();
        let count: u64 = of_strangers.iter().filter_map(|row| row["body"]["count"].as_u64()).sum();
        if count == 30 {
            break of_strangers;
        }
        ensure!(since.elapsed().as_secs() < 30, "not on record: {of_strangers:?}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    assert!(counted.len() <= 2, "thirty refusals take a row for each of two writes at most: {counted:?}");
    assert_eq!(counted[0]["body"]["address"], "127.0.0.1");
    stack.stop().await
}

#[tokio::test]
async fn what_was_only_counted_is_on_record_when_the_server_has_stopped() -> Result<()> {
    let mut stack = Stack::builder().as_processes().start().await?;
    let wrong = Credentials::basic("api-a", "api-a-wrong-secret-0123456789abcdefghijklmnopqrst");
    let form = [("grant_type", "client_credentials")];
    stack.auth_server.token(&wrong, &form).await?.expect_error(401, "invalid_client")?;
    stack.stop_service(Service::AuthServer).await?;
    let counts: Vec<_> = rows(&stack).await?.into_iter().filter(|row| row["kind"] == "refused strangers").collect();
    assert_eq!(counts.len(), 1, "{counts:?}");
    stack.stop().await
}

#[tokio::test]
async fn a_server_whose_promise_is_weaker_says_so_when_it_starts() -> Result<()> {
    let weaker = |world: &mut Configuration| set(&mut world.auth_server, "database.durability", "process_crash");
    for (change, says_so) in [(weaker as fn(&mut Configuration), true), (|_| {}, false)] {
        let stack = Stack::builder().as_processes().configured(change).start().await?;
        let log = std::fs::read_to_string(stack.directory().join("auth-server.log"))?;
        assert_eq!(log.contains("database.durability is process_crash"), says_so, "{log}");
        stack.stop().await?;
    }
    Ok(())
}
