//! API A over HTTP, between a test issuer that exchanges tokens and a stand-in for API B.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../api-b/tests/support/issuer.rs"]
mod issuer;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use api_a::{Config, Running};
use issuer::TestIssuer;
use reqwest::{Client, Response};
use rstest::rstest;
use serde_json::{Value, json};
use shared_claims::SystemClock;
use tempfile::TempDir;
use wiremock::matchers::{body_string_contains, header as with_header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const API_A: &str = "https://api-a.example";
const API_B: &str = "https://api-b.example";
const API_C: &str = "https://api-c.example";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

struct World {
    issuer: TestIssuer,
    api_b: MockServer,
    archive: MockServer,
    api: Running,
    folder: TempDir,
    http: Client,
}

impl World {
    async fn start() -> Self {
        let (issuer, api_b, archive) =
            (TestIssuer::start().await, MockServer::start().await, MockServer::start().await);
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "identifier = '{API_A}'\nlisten = '127.0.0.1:0'\nissuer = '{}'\npublic_url = 'http://localhost:9001'\n\
             demo_app = true\n[database]\nurl = 'sqlite://{}'\n[client]\nid = 'api-a'\nsecret = 'a-secret-of-the-test'\n\
             [downstream]\naudience = '{API_B}'\nurl = '{}'\n[archive]\naudience = '{API_C}'\nurl = '{}'",
            issuer.uri(),
            folder.path().join("a.sqlite").display(),
            api_b.uri(),
            archive.uri()
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = api_a::start(Config::from_toml(&text).unwrap(), listener, Arc::new(SystemClock)).await.unwrap();
        Self { issuer, api_b, archive, api, folder, http: Client::builder().build().unwrap() }
    }

    /// The issuer exchanges every token for `token-b`, and API B has two receipts.
    async fn that_works() -> Self {
        let world = Self::start().await;
        world.exchange_answers(exchanged()).await;
        let receipts = json!({ "receipts": [
            { "id": "rcp_1", "merchant": "Hotel", "amount_cents": 9000, "currency": "EUR", "purchased_on": "2026-11-05" },
            { "id": "rcp_2", "merchant": "Café", "amount_cents": 300, "currency": "EUR", "purchased_on": "2026-10-02" },
        ]});
        world.api_b_answers(ResponseTemplate::new(200).set_body_json(receipts)).await;
        world
    }

    async fn exchange_answers(&self, answer: ResponseTemplate) {
        Mock::given(path("/oauth/token")).respond_with(answer).mount(&self.issuer.server).await;
    }

    async fn api_b_answers(&self, answer: ResponseTemplate) {
        Mock::given(path("/api/receipts")).respond_with(answer).mount(&self.api_b).await;
    }

    fn token(&self) -> String {
        self.issuer.token("usr_alice", API_A, "read:reports write:reports")
    }

    fn address(&self, path: &str) -> String {
        format!("http://{}{path}", self.api.address())
    }

    async fn report(&self) -> Response {
        let request = self.http.get(self.address("/api/report")).bearer_auth(self.token());
        request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")).send().await.unwrap()
    }

    async fn archive(&self) -> Response {
        self.http.get(self.address("/api/archive")).bearer_auth(self.token()).send().await.unwrap()
    }

    async fn file(&self, receipt: &Value) -> Response {
        self.http.post(self.address("/api/receipts")).bearer_auth(self.token()).json(receipt).send().await.unwrap()
    }
}

fn exchanged() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "access_token": "token-b", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer", "expires_in": 600,
    }))
}

fn refused(status: u16, error: &str, description: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "error": error, "error_description": description }))
}

fn coffee() -> Value {
    json!({ "merchant": "Coffee", "amount_cents": 320, "currency": "EUR", "purchased_on": "2026-01-02" })
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_report_is_made_of_the_users_receipts_with_an_exchanged_token() {
    let world = World::that_works().await;
    let answer = world.report().await;
    assert_eq!(answer.status(), 200);
    let report: Value = answer.json().await.unwrap();
    assert_eq!(report["totals"], json!([{ "currency": "EUR", "amount_cents": 9300 }]));
    assert_eq!(report["by_month"][0]["month"], "2026-11");
    assert_eq!(report["by_merchant"][0]["merchant"], "Hotel");

    let asked = world.issuer.server.received_requests().await.unwrap();
    let exchange = asked.iter().find(|request| request.url.path() == "/oauth/token").unwrap();
    let form = String::from_utf8(exchange.body.clone()).unwrap();
    assert!(form.contains("audience=https%3A%2F%2Fapi-b.example") && form.contains("scope=read%3Areceipts"), "{form}");
}

#[tokio::test]
async fn the_callers_own_token_never_reaches_the_next_api() {
    let world = World::that_works().await;
    world.report().await;
    world.file(&coffee()).await;
    let calls = world.api_b.received_requests().await.unwrap();
    assert_eq!(calls.len(), 2);
    for call in calls {
        assert_eq!(call.headers["authorization"], "Bearer token-b");
        assert!(!format!("{call:?}").contains(&world.token()[..40]), "{call:?}");
    }
}

#[tokio::test]
async fn the_trace_goes_on_to_the_auth_server_and_the_next_api() {
    let world = World::that_works().await;
    world.report().await;
    let to_issuer = world.issuer.server.received_requests().await.unwrap();
    let exchange = to_issuer.iter().find(|request| request.url.path() == "/oauth/token").unwrap();
    for call in world.api_b.received_requests().await.unwrap().iter().chain([exchange]) {
        let traceparent = call.headers["traceparent"].to_str().unwrap();
        assert!(traceparent.starts_with(&format!("00-{TRACE}-")), "{traceparent}");
        assert!(!traceparent.contains("b7ad6b7169203331"), "a new span");
    }
}

#[tokio::test]
async fn a_trace_is_begun_where_the_caller_has_none() {
    let world = World::that_works().await;
    world.http.get(world.address("/api/report")).bearer_auth(world.token()).send().await.unwrap();
    let calls = world.api_b.received_requests().await.unwrap();
    assert_eq!(calls[0].headers["traceparent"].len(), 55);
}

#[rstest]
#[case::subject_expired(refused(400, "invalid_request", "subject_token_expired: x"), 401, "invalid_token")]
#[case::subject_revoked(refused(400, "invalid_request", "subject_token_revoked: x"), 401, "invalid_token")]
#[case::user_blocked(refused(400, "invalid_request", "user_blocked: x"), 401, "invalid_token")]
#[case::consent(refused(400, "interaction_required", "consent_missing: x"), 401, "interaction_required")]
#[case::sign_in_strength(
    refused(400, "insufficient_user_authentication", "x"),
    401,
    "insufficient_user_authentication"
)]
#[case::not_paired(refused(400, "invalid_target", "target_not_paired: x"), 403, "")]
#[case::scope(refused(400, "invalid_scope", "nothing_left: x"), 403, "")]
#[case::our_client(refused(401, "invalid_client", "client_unknown: x"), 502, "")]
#[case::away(ResponseTemplate::new(503), 503, "")]
#[case::broken(ResponseTemplate::new(500), 502, "")]
#[case::nonsense(ResponseTemplate::new(200).set_body_string("<html>"), 502, "")]
#[case::slow(exchanged().set_delay(Duration::from_secs(8)), 504, "")]
#[tokio::test]
async fn a_refused_exchange_becomes_a_clear_answer(
    #[case] of_issuer: ResponseTemplate,
    #[case] status: u16,
    #[case] error: &str,
) {
    let world = World::start().await;
    world.exchange_answers(of_issuer).await;
    let answer = world.report().await;
    assert_eq!(answer.status(), status);
    let challenge = header(&answer, "www-authenticate");
    assert!(challenge.contains(error) && challenge.is_empty() == error.is_empty(), "{challenge}");
    assert_eq!(header(&answer, "retry-after"), if status == 503 || status == 504 { "1" } else { "" });
    is_a_problem_that_leaks_nothing(&world, answer).await;
    assert!(world.api_b.received_requests().await.unwrap().is_empty(), "nothing is sent without a token of its own");
}

#[tokio::test]
async fn an_archive_that_the_user_has_not_agreed_to_is_challenged_and_then_read() {
    let world = World::start().await;
    let missing = refused(400, "interaction_required", "consent_missing: the user has to agree");
    Mock::given(path("/oauth/token"))
        .and(body_string_contains("audience=https%3A%2F%2Fapi-c.example"))
        .and(body_string_contains("scope=read%3Aarchive"))
        .respond_with(missing)
        .up_to_n_times(1)
        .mount(&world.issuer.server)
        .await;
    let answer = world.archive().await;
    assert_eq!(answer.status(), 401);
    let challenge = header(&answer, "www-authenticate");
    assert!(
        challenge.contains(r#"error="interaction_required", error_description="the user has to agree"#),
        "{challenge}"
    );
    assert!(challenge.contains("/.well-known/oauth-protected-resource"), "{challenge}");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!((&problem["status"], &problem["error"]), (&json!(401), &json!("interaction_required")));
    assert!(world.archive.received_requests().await.unwrap().is_empty());

    // The user agrees: the very next call goes through.
    world.exchange_answers(exchanged()).await;
    let receipts = json!({ "receipts": [
        { "id": "rcp_1", "merchant": "Inn", "amount_cents": 50, "currency": "EUR", "purchased_on": "2021-05-04" },
    ]});
    Mock::given(path("/api/receipts"))
        .and(with_header("authorization", "Bearer token-b"))
        .respond_with(ResponseTemplate::new(200).set_body_json(receipts))
        .mount(&world.archive)
        .await;
    let report: Value = world.archive().await.json().await.unwrap();
    assert_eq!(report["totals"], json!([{ "currency": "EUR", "amount_cents": 50 }]));
    assert_eq!(report.get("filed_here"), None);
    assert!(world.api_b.received_requests().await.unwrap().is_empty(), "another API's token goes nowhere else");
}

#[tokio::test]
async fn what_api_b_demands_of_the_user_reaches_the_app() {
    let world = World::start().await;
    world.exchange_answers(exchanged()).await;
    let challenge = r#"Bearer realm="b", error="insufficient_user_authentication", acr_values="phr", max_age="60""#;
    world.api_b_answers(ResponseTemplate::new(401).insert_header("WWW-Authenticate", challenge)).await;
    let answer = world.report().await;
    assert_eq!(answer.status(), 401);
    let challenge = header(&answer, "www-authenticate");
    assert!(challenge.contains(r#"acr_values="phr", max_age="60""#) && challenge.contains(API_A), "{challenge}");
}

#[tokio::test]
async fn an_auth_server_that_stays_away_is_left_alone_and_the_caller_is_told_when_to_come_back() {
    let world = World::start().await;
    world.exchange_answers(ResponseTemplate::new(503)).await;
    for _ in 0..6 {
        assert_eq!(world.report().await.status(), 503);
    }
    let asked = world.issuer.server.received_requests().await.unwrap();
    assert_eq!(asked.iter().filter(|request| request.url.path() == "/oauth/token").count(), 5);
    let seconds: u64 = header(&world.report().await, "retry-after").parse().unwrap();
    assert!((1..=5).contains(&seconds), "{seconds}");
    assert!(world.api_b.received_requests().await.unwrap().is_empty());
}

#[rstest]
#[case::refuses_the_token(ResponseTemplate::new(401), 502)]
#[case::forbids(ResponseTemplate::new(403), 403)]
#[case::not_ready(ResponseTemplate::new(503), 503)]
#[case::broken(ResponseTemplate::new(500).set_body_string("panic at db.rs"), 502)]
#[case::nonsense(ResponseTemplate::new(200).set_body_string("{\"receipts\": 7}"), 502)]
#[case::redirects(ResponseTemplate::new(302).insert_header("Location", "http://evil.example"), 502)]
#[case::slow(ResponseTemplate::new(200).set_delay(Duration::from_secs(8)), 504)]
#[tokio::test]
async fn a_failing_api_b_becomes_a_clear_answer(#[case] of_api_b: ResponseTemplate, #[case] status: u16) {
    let world = World::start().await;
    world.exchange_answers(exchanged()).await;
    world.api_b_answers(of_api_b).await;
    let answer = world.report().await;
    assert_eq!(answer.status(), status);
    is_a_problem_that_leaks_nothing(&world, answer).await;
}

#[tokio::test]
async fn an_api_b_that_is_away_is_502() {
    let mut world = World::start().await;
    world.exchange_answers(exchanged()).await;
    // Nobody listens where API B was.
    drop(std::mem::replace(&mut world.api_b, MockServer::builder().start().await));
    let answer = world.report().await;
    assert_eq!(answer.status(), 502);
    is_a_problem_that_leaks_nothing(&world, answer).await;
}

async fn is_a_problem_that_leaks_nothing(world: &World, answer: Response) {
    assert_eq!(header(&answer, "content-type"), "application/problem+json");
    let text = answer.text().await.unwrap();
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert!(problem["detail"].is_string(), "{text}");
    for inside in [world.token().as_str(), "token-b", "a-secret", "127.0.0.1", "db.rs", "evil"] {
        assert!(!text.contains(inside), "{inside} in {text}");
    }
}

#[tokio::test]
async fn filing_asks_for_the_scope_to_write_and_is_noted() {
    let world = World::start().await;
    Mock::given(path("/oauth/token"))
        .and(body_string_contains("scope=write%3Areceipts"))
        .respond_with(exchanged())
        .mount(&world.issuer.server)
        .await;
    let mut filed = coffee();
    (filed["id"], filed["filed_by"]) = (json!("rcp_9"), json!("api-a"));
    Mock::given(method("POST"))
        .and(path("/api/receipts"))
        .and(with_header("authorization", "Bearer token-b"))
        .respond_with(ResponseTemplate::new(201).set_body_json(&filed))
        .mount(&world.api_b)
        .await;
    let answer = world.file(&coffee()).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.json::<Value>().await.unwrap(), filed);
    let sent: Value = serde_json::from_slice(&world.api_b.received_requests().await.unwrap()[0].body).unwrap();
    assert_eq!(sent, coffee());
}

#[tokio::test]
async fn what_api_b_says_of_a_bad_receipt_is_passed_on() {
    let world = World::start().await;
    world.exchange_answers(exchanged()).await;
    let problem = json!({ "title": "x", "status": 422, "detail": "The receipt is not taken: currency." });
    world.api_b_answers(ResponseTemplate::new(422).set_body_json(problem)).await;
    let answer = world.file(&coffee()).await;
    assert_eq!(answer.status(), 422);
    assert_eq!(answer.json::<Value>().await.unwrap()["detail"], "The receipt is not taken: currency.");
}

#[rstest]
#[case::report("GET", "/api/report", "write:reports", "read:reports")]
#[case::receipts("GET", "/api/receipts", "", "read:reports")]
#[case::archive("GET", "/api/archive", "write:reports", "read:reports")]
#[case::file("POST", "/api/receipts", "read:reports", "write:reports")]
#[tokio::test]
async fn a_token_without_the_scope_is_403_and_nothing_is_exchanged(
    #[case] method: &str,
    #[case] at: &str,
    #[case] scope: &str,
    #[case] needed: &str,
) {
    let world = World::that_works().await;
    let token = world.issuer.token("usr_alice", API_A, scope);
    let request = world.http.request(method.parse().unwrap(), world.address(at)).bearer_auth(token).json(&coffee());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert!(header(&answer, "www-authenticate").contains(&format!(r#"scope="{needed}""#)));
    let asked = world.issuer.server.received_requests().await.unwrap();
    assert!(asked.iter().all(|request| request.url.path() != "/oauth/token"));
}

#[tokio::test]
async fn a_token_of_another_api_is_401() {
    let world = World::that_works().await;
    let token_b = world.issuer.token("usr_alice", API_B, "read:reports");
    let answer = world.http.get(world.address("/api/me")).bearer_auth(token_b).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(header(&answer, "www-authenticate").contains("invalid_token"));
}

#[tokio::test]
async fn an_oversize_body_is_413_and_a_strange_one_400() {
    let world = World::that_works().await;
    let long = json!({ "merchant": "x".repeat(20_000) });
    assert_eq!(world.file(&long).await.status(), 413);
    let mut strange = coffee();
    strange["sub"] = json!("usr_bob");
    assert_eq!(world.file(&strange).await.status(), 400);
    assert!(world.api_b.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_that_is_gone_is_503_and_nothing_is_filed() {
    let world = World::that_works().await;
    std::fs::remove_file(world.folder.path().join("a.sqlite")).unwrap();
    let answer = world.file(&coffee()).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after").as_str()), (503, "1"));
    assert!(world.api_b.received_requests().await.unwrap().is_empty());
    assert_eq!(world.http.get(world.address("/readyz")).send().await.unwrap().status(), 503);
}

#[tokio::test]
async fn the_demo_app_may_load_its_own_files_and_speak_to_the_auth_server_alone() {
    let world = World::start().await;
    for at in ["/", "/callback?code=x&state=y"] {
        let page = world.http.get(world.address(at)).send().await.unwrap();
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains(&format!("connect-src 'self' {};", world.issuer.uri())), "{policy}");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        let text = page.text().await.unwrap();
        for hook in [
            "sign-in",
            "user-name",
            "load-report",
            "report",
            "load-archive",
            "archive",
            "receipt-form",
            "sign-out",
            "message",
        ] {
            assert!(text.contains(&format!("id=\"{hook}\"")), "#{hook}");
        }
        assert!(!text.contains("style=") && !text.contains("onclick") && !text.contains("<script>"), "nothing inline");
    }
}

#[tokio::test]
async fn the_demo_apps_files_are_there_and_nothing_beside_them() {
    let world = World::start().await;
    for (file, kind) in [("style.css", "text/css"), ("js/main.js", "text/javascript"), ("icon.svg", "image/svg+xml")] {
        let answer = world.http.get(world.address(&format!("/app/{file}"))).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type")),
            (200, format!("{kind}; charset=utf-8"))
        );
        let known =
            world.http.get(world.address(&format!("/app/{file}"))).header("If-None-Match", header(&answer, "etag"));
        assert_eq!(known.send().await.unwrap().status(), 304);
    }
    for nothing in ["/app/none.js", "/app/..%2fCargo.toml", "/app//etc/passwd", "/none"] {
        assert_eq!(world.http.get(world.address(nothing)).send().await.unwrap().status(), 404, "{nothing}");
    }
}

#[tokio::test]
async fn the_demo_app_is_told_where_to_sign_in() {
    let world = World::start().await;
    let settings: Value =
        world.http.get(world.address("/demo/config.json")).send().await.unwrap().json().await.unwrap();
    assert_eq!(settings["issuer"], world.issuer.uri());
    assert_eq!(settings["redirect_uri"], "http://localhost:9001/callback");
    assert_eq!((&settings["client_id"], &settings["audience"]), (&json!("demo-app"), &json!(API_A)));
    assert_eq!(settings["scope"], "openid profile offline_access read:reports write:reports");
    assert_eq!(settings["archive"], true);
}
