//! API B over HTTP, with tokens of a test issuer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/issuer.rs"]
mod issuer;

use std::net::TcpListener;
use std::sync::Arc;

use api_b::{Config, Running};
use issuer::TestIssuer;
use reqwest::{Client, Method, Response};
use rstest::rstest;
use serde_json::{Value, json};
use shared_claims::SystemClock;
use tempfile::TempDir;

const API_B: &str = "https://api-b.example";

struct World {
    issuer: TestIssuer,
    api: Running,
    folder: TempDir,
    http: Client,
}

impl World {
    async fn start() -> Self {
        Self::with("").await
    }

    async fn with(settings: &str) -> Self {
        let (issuer, folder) = (TestIssuer::start().await, tempfile::tempdir().unwrap());
        let text = format!(
            "identifier = '{API_B}'\nlisten = '127.0.0.1:0'\nissuer = '{}'\npublic_url = 'http://localhost:9002'\n\
             {settings}\n[database]\nurl = 'sqlite://{}'",
            issuer.uri(),
            folder.path().join("b.sqlite").display()
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = api_b::start(Config::from_toml(&text).unwrap(), listener, Arc::new(SystemClock)).await.unwrap();
        Self { issuer, api, folder, http: Client::builder().build().unwrap() }
    }

    fn token(&self, sub: &str) -> String {
        self.issuer.token(sub, API_B, "read:receipts write:receipts")
    }

    async fn get(&self, path: &str, token: &str) -> Response {
        let address = format!("http://{}{path}", self.api.address());
        self.http.get(address).bearer_auth(token).send().await.unwrap()
    }

    async fn post(&self, token: &str, body: impl Into<reqwest::Body>, content_type: &str) -> Response {
        let address = format!("http://{}/api/receipts", self.api.address());
        let request = self.http.post(address).bearer_auth(token).header("Content-Type", content_type);
        request.body(body).send().await.unwrap()
    }

    async fn file(&self, token: &str, receipt: &Value) -> Response {
        self.post(token, receipt.to_string(), "application/json").await
    }

    async fn receipts(&self, sub: &str) -> Vec<Value> {
        let answer: Value = self.get("/api/receipts", &self.token(sub)).await.json().await.unwrap();
        answer["receipts"].as_array().unwrap().clone()
    }
}

fn coffee() -> Value {
    json!({ "merchant": "Coffee", "amount_cents": 320, "currency": "EUR", "purchased_on": "2026-01-02" })
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn problem(response: Response) -> Value {
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let status = response.status().as_u16();
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    problem
}

#[tokio::test]
async fn a_filed_receipt_is_the_users_own_and_nobody_elses() {
    let world = World::start().await;
    let filed = world.file(&world.token("usr_alice"), &coffee()).await;
    assert_eq!(filed.status(), 201);
    let filed: Value = filed.json().await.unwrap();
    assert_eq!((&filed["merchant"], &filed["filed_by"]), (&json!("Coffee"), &json!("demo-app")));
    assert_eq!(world.receipts("usr_alice").await, [filed]);
    assert!(world.receipts("usr_bob").await.is_empty());
}

#[tokio::test]
async fn a_token_for_another_api_is_401() {
    let world = World::start().await;
    let token_a = world.issuer.token("usr_alice", "https://api-a.example", "read:receipts");
    let answer = world.get("/api/receipts", &token_a).await;
    assert_eq!(answer.status(), 401);
    let challenge = header(&answer, "www-authenticate");
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    assert!(challenge.contains("http://localhost:9002/.well-known/oauth-protected-resource"), "{challenge}");
    problem(answer).await;
}

#[rstest]
#[case::to_read(Method::GET, "write:receipts", "read:receipts")]
#[case::to_write(Method::POST, "read:receipts", "write:receipts")]
#[case::none_at_all(Method::GET, "", "read:receipts")]
#[tokio::test]
async fn a_token_without_the_scope_is_403_and_the_scope_is_named(
    #[case] method: Method,
    #[case] scope: &str,
    #[case] needed: &str,
) {
    let world = World::start().await;
    let token = world.issuer.token("usr_alice", API_B, scope);
    let address = format!("http://{}/api/receipts", world.api.address());
    let answer = world.http.request(method, address).bearer_auth(token).json(&coffee()).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    let challenge = header(&answer, "www-authenticate");
    assert!(challenge.contains("insufficient_scope") && challenge.contains(needed), "{challenge}");
}

#[tokio::test]
async fn its_scopes_can_have_other_names() {
    let world = World::with("read_scope = 'read:archive'\nwrite_scope = 'write:archive'\ndemo_receipts = true").await;
    let answer = world.get("/api/receipts", &world.issuer.token("usr_alice", API_B, "read:receipts")).await;
    assert_eq!(answer.status(), 403);
    assert!(header(&answer, "www-authenticate").contains(r#"scope="read:archive""#));
    let reader = world.issuer.token("usr_alice", API_B, "read:archive");
    assert_eq!(world.get("/api/receipts", &reader).await.status(), 200);
    assert_eq!(world.file(&reader, &coffee()).await.status(), 403);
    let writer = world.issuer.token("usr_alice", API_B, "write:archive");
    assert_eq!(world.file(&writer, &coffee()).await.status(), 201);
    let metadata = world.get("/.well-known/oauth-protected-resource", "").await.json::<Value>().await.unwrap();
    assert_eq!(metadata["scopes_supported"], json!(["read:archive", "write:archive"]));
}

#[tokio::test]
async fn without_a_token_nothing_is_told_but_how_to_get_one() {
    let world = World::start().await;
    for path in ["/api/receipts", "/api/me"] {
        let answer = world.http.get(format!("http://{}{path}", world.api.address())).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(header(&answer, "www-authenticate").starts_with("Bearer "));
    }
}

#[tokio::test]
async fn a_body_is_not_read_for_a_caller_who_may_not_write() {
    let world = World::start().await;
    let token = world.issuer.token("usr_alice", API_B, "read:receipts");
    assert_eq!(world.post(&token, "x".repeat(100_000), "text/plain").await.status(), 403);
}

#[rstest]
#[case::no_json("{", "application/json", 400)]
#[case::nothing("", "application/json", 400)]
#[case::a_form("merchant=x", "application/x-www-form-urlencoded", 415)]
#[case::no_amount(r#"{"merchant":"x","currency":"EUR","purchased_on":"2026-01-01"}"#, "application/json", 400)]
#[case::for_another(
    r#"{"sub":"usr_bob","merchant":"x","amount_cents":1,"currency":"EUR","purchased_on":"2026-01-01"}"#,
    "application/json",
    400
)]
#[case::twice(
    r#"{"merchant":"x","merchant":"y","amount_cents":1,"currency":"EUR","purchased_on":"2026-01-01"}"#,
    "application/json",
    400
)]
#[case::negative(
    r#"{"merchant":"x","amount_cents":-1,"currency":"EUR","purchased_on":"2026-01-01"}"#,
    "application/json",
    422
)]
#[case::currency(
    r#"{"merchant":"x","amount_cents":1,"currency":"euro","purchased_on":"2026-01-01"}"#,
    "application/json",
    422
)]
#[tokio::test]
async fn a_bad_receipt_is_refused_and_not_kept(
    #[case] body: &'static str,
    #[case] content_type: &str,
    #[case] status: u16,
) {
    let world = World::start().await;
    let answer = world.post(&world.token("usr_alice"), body, content_type).await;
    assert_eq!(answer.status(), status);
    assert!(problem(answer).await["detail"].is_string());
    assert!(world.receipts("usr_alice").await.is_empty());
}

#[tokio::test]
async fn a_body_that_is_no_text_is_refused() {
    let world = World::start().await;
    let body =
        b"{\"merchant\":\"\xff\xfe\",\"amount_cents\":1,\"currency\":\"EUR\",\"purchased_on\":\"2026-01-01\"}".to_vec();
    assert_eq!(world.post(&world.token("usr_alice"), body, "application/json").await.status(), 400);
}

#[tokio::test]
async fn an_oversize_body_is_413() {
    let world = World::start().await;
    let answer = world.post(&world.token("usr_alice"), "x".repeat(20_000), "application/json").await;
    assert_eq!(answer.status(), 413);
    problem(answer).await;
}

#[tokio::test]
async fn a_user_of_the_demo_begins_with_receipts_once_however_many_ask_at_once() {
    let world = World::with("demo_receipts = true").await;
    let asked = futures(&world).await;
    assert!(asked[0].len() > 3);
    assert!(asked.iter().all(|answer| *answer == asked[0]), "all see the same rows");
    let of_bob = world.receipts("usr_bob").await;
    let bought = |rows: &[Value]| rows.iter().map(|row| row["amount_cents"].clone()).collect::<Vec<_>>();
    assert_ne!(bought(&of_bob), bought(&asked[0]));
}

async fn futures(world: &World) -> Vec<Vec<Value>> {
    let (one, two, three, four) = tokio::join!(
        world.receipts("usr_alice"),
        world.receipts("usr_alice"),
        world.receipts("usr_alice"),
        world.receipts("usr_alice")
    );
    vec![one, two, three, four]
}

#[tokio::test]
async fn the_caller_sees_what_its_token_says() {
    let world = World::start().await;
    let changes = json!({
        "client_id": "api-a", "txn": "t1",
        "act": { "sub": "api-a", "client_id": "api-a", "act": { "sub": "demo-app", "client_id": "demo-app" } },
    });
    let token = world.issuer.token_with("usr_alice", API_B, "read:receipts", &changes);
    let me: Value = world.get("/api/me", &token).await.json().await.unwrap();
    let expected = json!({
        "sub": "usr_alice", "client_id": "api-a", "aud": API_B, "scope": "read:receipts", "txn": "t1", "act": changes["act"],
    });
    assert_eq!(me, expected);
}

#[tokio::test]
async fn a_database_that_is_gone_is_503_and_back_without_a_restart() {
    let world = World::start().await;
    world.file(&world.token("usr_alice"), &coffee()).await;
    let (file, aside) = (world.folder.path().join("b.sqlite"), world.folder.path().join("aside.sqlite"));
    std::fs::rename(&file, &aside).unwrap();
    let answer = world.get("/api/receipts", &world.token("usr_alice")).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after").as_str()), (503, "1"));
    let text = problem(answer).await.to_string();
    assert!(!text.contains("sqlite"), "{text}");
    let base = format!("http://{}", world.api.address());
    assert_eq!(world.http.get(format!("{base}/readyz")).send().await.unwrap().status(), 503);
    assert_eq!(world.http.get(format!("{base}/healthz")).send().await.unwrap().status(), 200);

    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(world.receipts("usr_alice").await.len(), 1);
    assert_eq!(world.http.get(format!("{base}/readyz")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn addresses_and_methods_that_are_not_there_are_problems_too() {
    let world = World::start().await;
    let token = world.token("usr_alice");
    assert_eq!(problem(world.get("/nowhere", &token).await).await["status"], 404);
    assert_eq!(problem(world.get("/api/nowhere", &token).await).await["status"], 404);
    let address = format!("http://{}/api/receipts", world.api.address());
    let answer = world.http.delete(address).bearer_auth(&token).send().await.unwrap();
    assert_eq!(problem(answer).await["status"], 405);
}

#[tokio::test]
async fn the_api_says_where_its_tokens_come_from() {
    let world = World::start().await;
    let address = format!("http://{}/.well-known/oauth-protected-resource", world.api.address());
    let metadata: Value = world.http.get(address).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&metadata["resource"], &metadata["authorization_servers"]),
        (&json!(API_B), &json!([world.issuer.uri()]))
    );
    assert_eq!(metadata["scopes_supported"], json!(["read:receipts", "write:receipts"]));
}

#[tokio::test]
async fn every_answer_names_its_request_and_is_not_kept_by_anybody() {
    let world = World::start().await;
    let answer = world.get("/api/receipts", &world.token("usr_alice")).await;
    assert_eq!(header(&answer, "x-request-id").len(), 32);
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    world.api.stop().await;
}

const PAGE: &str = "http://localhost:9001";

impl World {
    /// What a browser asks before it lets a page of `origin` call (Fetch standard, CORS-preflight).
    async fn preflight(&self, origin: &str) -> Response {
        let address = format!("http://{}/api/receipts", self.api.address());
        let request = self.http.request(Method::OPTIONS, address).header("Origin", origin);
        let request = request.header("Access-Control-Request-Method", "GET");
        request.header("Access-Control-Request-Headers", "authorization,traceparent").send().await.unwrap()
    }

    async fn called_from(&self, origin: &str, token: &str) -> Response {
        let address = format!("http://{}/api/receipts", self.api.address());
        self.http.get(address).bearer_auth(token).header("Origin", origin).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_page_that_is_let_in_may_call_and_read_why_it_is_refused() {
    let world = World::with(&format!("cors_origins = ['{PAGE}']")).await;
    let asked = world.preflight(PAGE).await;
    assert_eq!((asked.status().as_u16(), header(&asked, "access-control-allow-origin").as_str()), (200, PAGE));
    assert!(header(&asked, "access-control-allow-headers").contains("traceparent"));
    let token_a = world.issuer.token("usr_alice", "https://api-a.example", "read:receipts");
    let refused = world.called_from(PAGE, &token_a).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "access-control-allow-origin").as_str()), (401, PAGE));
    assert_eq!(header(&refused, "access-control-expose-headers").to_lowercase(), "www-authenticate");
    for answer in [asked, refused] {
        assert_eq!(header(&answer, "access-control-allow-credentials"), "");
    }
}

#[rstest]
#[case::another_page(&["http://localhost:9001"], "http://evil.example")]
#[case::another_port(&["http://localhost:9001"], "http://localhost:9002")]
#[case::a_file(&["http://localhost:9001"], "null")]
#[case::unless_set(&[], PAGE)]
#[tokio::test]
async fn a_page_of_another_origin_gets_no_leave(#[case] let_in: &[&str], #[case] origin: &str) {
    let world = World::with(&format!("cors_origins = {let_in:?}")).await;
    for answer in [world.preflight(origin).await, world.called_from(origin, &world.token("usr_alice")).await] {
        assert_eq!(header(&answer, "access-control-allow-origin"), "", "{answer:?}");
    }
}
