//! The sink gets every row of the ledger at least once and in order, signed, whatever fails on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::{Context, Result, ensure};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::stack::{Configuration, Database, Service, Stack, set};
use e2e::steps::Exchange;
use e2e::world::{API_A, API_B, api_a_credentials, demo_machine_credentials};
use rstest::rstest;
use serde_json::Value;
use shared_claims::{Clock, ManualClock, SystemClock};

const SECRET: &str = "Y2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5";

/// What came, and what is answered.
#[derive(Default)]
struct Received {
    /// Chain, place and hash of each row, in the order they came in; those of failed requests, too.
    rows: Vec<(String, i64, String)>,
    requests: usize,
    unsigned: usize,
    /// Every so many requests one is answered wrongly; 0: all are.
    fails_each: usize,
}

#[derive(Clone)]
struct Receiver {
    received: Arc<Mutex<Received>>,
    port: u16,
    handle: ServerHandle,
}

impl Receiver {
    /// Listens on a port of its own.
    fn start() -> Result<Self> {
        let received = Arc::new(Mutex::new(Received { fails_each: 3, ..Received::default() }));
        let data = web::Data::from(Arc::clone(&received));
        let http = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(receive)))
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))?;
        let port = http.addrs().first().context("no address")?.port();
        let server = http.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self { received, port, handle })
    }

    fn look<T>(&self, look: impl FnOnce(&mut Received) -> T) -> T {
        look(&mut self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn configure(&self, configuration: &mut Configuration) {
        let table = &mut configuration.auth_server;
        set(table, "ledger.sink.webhook", format!("http://127.0.0.1:{}/hook?token=canary-in-the-address", self.port));
        set(table, "ledger.sink.secret", SECRET);
    }

    /// Waits until every row that the ledger has now was received.
    async fn has_all(&self, stack: &Stack) -> Result<()> {
        let exported = stack.command(&["audit", "export"], |_| {}).await?;
        ensure!(exported.code == 0, "{exported:?}");
        let expected: BTreeSet<(String, i64)> = exported
            .stdout
            .lines()
            .map(|line| {
                let row: Value = serde_json::from_str(line)?;
                Ok((row["chain"].as_str().context("chain")?.to_owned(), row["seq"].as_i64().context("seq")?))
            })
            .collect::<Result<_>>()?;
        let since = Instant::now();
        loop {
            let here: BTreeSet<_> =
                self.look(|received| received.rows.iter().map(|(chain, seq, _)| (chain.clone(), *seq)).collect());
            let missing: Vec<_> = expected.difference(&here).collect();
            if missing.is_empty() {
                return Ok(());
            }
            ensure!(
                since.elapsed() < Duration::from_mins(1),
                "{} of {} rows did not come: {missing:?}",
                missing.len(),
                expected.len()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// In each chain a row came first after the one before it, and always the same.
    fn expect_order(&self) {
        let (mut next, mut hashes) = (BTreeMap::<String, i64>::new(), BTreeMap::new());
        for (chain, seq, hash) in self.look(|received| received.rows.clone()) {
            let next = next.entry(chain.clone()).or_default();
            assert!(seq <= *next, "{chain}: {seq} came before {next}");
            *next = (*next).max(seq + 1);
            assert_eq!(*hashes.entry((chain, seq)).or_insert_with(|| hash.clone()), hash);
        }
    }
}

async fn receive(request: HttpRequest, body: web::Bytes, received: web::Data<Mutex<Received>>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET).unwrap_or_default());
    let signed = [format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes(), &body].concat();
    let signature = header("webhook-signature").strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
    let good = signature.is_some_and(|signature| hmac::verify(&key, &signed, &signature).is_ok());
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    received.requests += 1;
    received.unsigned += usize::from(!good);
    for row in message["data"]["rows"].as_array().into_iter().flatten() {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        received.rows.push((text("chain"), row["seq"].as_i64().unwrap_or(-1), text("hash")));
    }
    match received.requests.checked_rem(received.fails_each) {
        None => HttpResponse::ServiceUnavailable().finish(),
        Some(0) if received.requests.is_multiple_of(2) => {
            HttpResponse::Found().append_header(("location", "/elsewhere")).finish()
        }
        Some(0) => HttpResponse::InternalServerError().finish(),
        Some(_) => HttpResponse::NoContent().finish(),
    }
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

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn every_row_arrives_though_requests_fail_and_the_server_restarts(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let (clock, receiver) = (ManualClock::at(SystemClock.now()), Receiver::start()?);
    let for_stack = receiver.clone();
    let stack = Stack::builder().in_process().on(database).with_clock(clock.clone());
    let mut stack = stack.configured(move |configuration| for_stack.configure(configuration)).start().await?;
    for _ in 0..3 {
        sign_in_and_exchange(&stack).await?;
    }
    receiver.has_all(&stack).await?;

    // The receiver goes away, and so does the server; tokens are issued all the same.
    receiver.look(|received| received.fails_each = 0);
    let since = Instant::now();
    sign_in_and_exchange(&stack).await?;
    ensure!(since.elapsed() < Duration::from_secs(20), "tokens wait for the sink");
    stack.restart_with(Service::AuthServer, |_| {}).await?;
    sign_in_and_exchange(&stack).await?;
    receiver.look(|received| received.fails_each = 3);
    // What the server that is gone had claimed is free after a while, and so is what a command wrote.
    clock.advance(time::Duration::minutes(1));
    ensure!(stack.command(&["users", "block", "bob"], |_| {}).await?.code == 0, "block");
    receiver.has_all(&stack).await?;

    receiver.expect_order();
    receiver.look(|received| assert_eq!((received.unsigned, received.requests > 3), (0, true)));
    let metrics = stack.auth_server.get("/metrics").await?;
    assert!(metrics.body.contains("ledger_rows_undelivered"), "{metrics:?}");
    stack.stop().await?;
    receiver.handle.stop(false).await;
    Ok(())
}

#[tokio::test]
async fn replicas_share_the_work() -> Result<()> {
    if Database::Postgres.is_left_out() {
        return Ok(());
    }
    let receiver = Receiver::start()?;
    receiver.look(|received| received.fails_each = usize::MAX);
    let for_stack = receiver.clone();
    let stack = Stack::builder().in_process().on(Database::Postgres);
    let mut stack = stack.configured(move |configuration| for_stack.configure(configuration)).start().await?;
    let replica = stack.replica().await?;
    let own = [("grant_type", "client_credentials"), ("audience", API_A)];
    for _ in 0..10 {
        stack.auth_server.token(&demo_machine_credentials(), &own).await?.expect_status(200)?;
        replica.token(&demo_machine_credentials(), &own).await?.expect_status(200)?;
    }
    ensure!(stack.command(&["users", "block", "bob"], |_| {}).await?.code == 0, "block");
    receiver.has_all(&stack).await?;
    receiver.expect_order();
    let (rows, different) =
        receiver.look(|received| (received.rows.len(), received.rows.iter().collect::<BTreeSet<_>>().len()));
    assert_eq!(rows, different, "rows were delivered twice");
    stack.stop().await?;
    receiver.handle.stop(false).await;
    Ok(())
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn rows_that_the_sink_does_not_have_are_not_archived(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let receiver = Receiver::start()?;
    receiver.look(|received| received.fails_each = 0);
    let for_stack = receiver.clone();
    let stack = Stack::builder().as_processes().on(database);
    let stack = stack.configured(move |configuration| for_stack.configure(configuration)).start().await?;
    sign_in_and_exchange(&stack).await?;
    let archive = async |to: &str| {
        let before = SystemClock.now().format(&time::format_description::well_known::Rfc3339)?;
        stack.command(&["audit", "archive", "--before", &before, "--to", to], |_| {}).await
    };
    let refused = archive("early.jsonl").await?;
    assert!(refused.code == 1 && refused.stderr.contains("wait for the sink"), "{refused:?}");
    assert!(!refused.stderr.contains("canary") && !refused.stderr.contains(SECRET), "{refused:?}");
    assert!(!stack.directory().join("early.jsonl").exists());

    receiver.look(|received| received.fails_each = 5);
    receiver.has_all(&stack).await?;
    let log = std::fs::read_to_string(stack.directory().join("auth-server.log"))?;
    assert!(log.contains("the ledger is not delivered now"), "{log}");
    assert!(!log.contains("canary") && !log.contains(SECRET), "{log}");
    // What was received is acknowledged a moment later.
    let since = Instant::now();
    while archive("ledger.jsonl").await?.code != 0 {
        ensure!(since.elapsed() < Duration::from_secs(30), "what was delivered is not archived");
    }
    receiver.has_all(&stack).await?;
    let verified = stack.command(&["audit", "verify", "--archive", "ledger.jsonl"], |_| {}).await?;
    assert_eq!(verified.code, 0, "{verified:?}");
    stack.stop().await?;
    receiver.handle.stop(false).await;
    Ok(())
}
