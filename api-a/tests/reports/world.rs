//! API A between a test issuer that exchanges tokens and stand-ins for the APIs that it calls.

use std::net::TcpListener;
use std::sync::Arc;

use api_a::{Config, Running};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use shared_claims::SystemClock;
use tempfile::TempDir;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::issuer::TestIssuer;

pub const API_A: &str = "https://api-a.example";
pub const API_B: &str = "https://api-b.example";
pub const API_C: &str = "https://api-c.example";
pub const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

pub struct World {
    pub issuer: TestIssuer,
    pub api_b: MockServer,
    pub archive: MockServer,
    pub api: Running,
    pub folder: TempDir,
    pub http: Client,
}

impl World {
    pub async fn start() -> Self {
        Self::configured("", "").await
    }

    /// In demo mode.
    pub async fn in_demo_mode() -> Self {
        let world = Self::configured("demo_trace = true", "").await;
        world.works().await;
        world
    }

    /// With more keys, and more tables.
    pub async fn configured(keys: &str, tables: &str) -> Self {
        let (issuer, archive) = (TestIssuer::start().await, MockServer::start().await);
        // Not one of those that are kept for other tests: it is gone when it is dropped.
        let api_b = MockServer::builder().start().await;
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "identifier = '{API_A}'\nlisten = '127.0.0.1:0'\nissuer = '{}'\npublic_url = 'http://localhost:9001'\n\
             demo_app = true\n{keys}\n[database]\nurl = 'sqlite://{}'\n[client]\nid = 'api-a'\nsecret = 'a-secret-of-the-test'\n\
             [downstream]\naudience = '{API_B}'\nurl = '{}'\n[archive]\naudience = '{API_C}'\nurl = '{}'\n{tables}",
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
    pub async fn that_works() -> Self {
        let world = Self::start().await;
        world.works().await;
        world
    }

    async fn works(&self) {
        self.exchange_answers(exchanged()).await;
        let receipts = json!({ "receipts": [
            { "id": "rcp_1", "merchant": "Hotel", "amount_cents": 9000, "currency": "EUR", "purchased_on": "2026-11-05" },
            { "id": "rcp_2", "merchant": "Café", "amount_cents": 300, "currency": "EUR", "purchased_on": "2026-10-02" },
        ]});
        self.api_b_answers(ResponseTemplate::new(200).set_body_json(receipts)).await;
    }

    pub async fn exchange_answers(&self, answer: ResponseTemplate) {
        Mock::given(path("/oauth/token")).respond_with(answer).mount(&self.issuer.server).await;
    }

    pub async fn api_b_answers(&self, answer: ResponseTemplate) {
        Mock::given(path("/api/receipts")).respond_with(answer).mount(&self.api_b).await;
    }

    pub fn token(&self) -> String {
        self.issuer.token("usr_alice", API_A, "read:reports write:reports")
    }

    pub fn address(&self, path: &str) -> String {
        format!("http://{}{path}", self.api.address())
    }

    pub async fn report(&self) -> Response {
        let request = self.http.get(self.address("/api/report")).bearer_auth(self.token());
        request.header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01")).send().await.unwrap()
    }

    pub async fn archive(&self) -> Response {
        self.http.get(self.address("/api/archive")).bearer_auth(self.token()).send().await.unwrap()
    }

    pub async fn file(&self, receipt: &Value) -> Response {
        self.http.post(self.address("/api/receipts")).bearer_auth(self.token()).json(receipt).send().await.unwrap()
    }
}

pub fn exchanged() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "access_token": "token-b", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer", "expires_in": 600,
    }))
}

pub fn refused(status: u16, error: &str, description: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "error": error, "error_description": description }))
}

pub fn coffee() -> Value {
    json!({ "merchant": "Coffee", "amount_cents": 320, "currency": "EUR", "purchased_on": "2026-01-02" })
}

pub fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}
