//! The example for Axum, as a server, between a test issuer and a target API.

#![cfg(feature = "client")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../examples/axum.rs"]
#[expect(dead_code, reason = "its main is not called here")]
mod example;
#[path = "../../api-b/tests/support/issuer.rs"]
mod issuer;

use example::{Api, Target, routes};
use issuer::TestIssuer;
use serde_json::json;
use shared_claims::{ExchangeClient, ResourceServer};
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const API_A: &str = "https://api-a.example";

struct World {
    issuer: TestIssuer,
    _target: MockServer,
    address: String,
}

impl World {
    async fn start(token_endpoint: ResponseTemplate) -> Self {
        let (issuer, target) = (TestIssuer::start().await, MockServer::start().await);
        Mock::given(path("/oauth/token")).respond_with(token_endpoint).mount(&issuer.server).await;
        let rows = ResponseTemplate::new(200)
            .set_body_json(json!({ "receipts": [{ "amount_cents": 4 }, { "amount_cents": 5 }] }));
        Mock::given(header("authorization", "Bearer token-b")).respond_with(rows).mount(&target).await;
        let api = Api {
            guard: ResourceServer::builder(&issuer.uri(), API_A).build().unwrap(),
            client: ExchangeClient::builder(&issuer.uri()).client("api-a", "secret".into()).build().unwrap(),
            receipts: Target {
                audience: "https://api-b.example".to_owned(),
                scope: "read:receipts".parse().unwrap(),
                address: target.uri(),
            },
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/api/report", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes(api)).await });
        Self { issuer, _target: target, address }
    }

    async fn report(&self, token: &str) -> reqwest::Response {
        reqwest::Client::builder().build().unwrap().get(&self.address).bearer_auth(token).send().await.unwrap()
    }
}

fn challenge(answer: &reqwest::Response) -> &str {
    answer.headers().get("www-authenticate").unwrap().to_str().unwrap()
}

#[tokio::test]
async fn an_api_on_axum_calls_the_next_one_on_behalf_of_its_caller() {
    let world = World::start(ResponseTemplate::new(200).set_body_json(json!({
        "access_token": "token-b", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer", "expires_in": 600, "scope": "read:receipts",
    })));
    let world = world.await;
    let answer = world.report(&world.issuer.token("usr_alice", API_A, "read:reports")).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "usr_alice has spent 9 cents"));
    let elsewhere = world.report(&world.issuer.token("usr_alice", "https://elsewhere.example", "")).await;
    assert_eq!(elsewhere.status(), 401);
    assert!(challenge(&elsewhere).contains("invalid_token"));
}

#[tokio::test]
async fn and_passes_on_that_the_user_has_to_agree_first() {
    let refused = json!({ "error": "interaction_required", "error_description": "consent_missing: x" });
    let world = World::start(ResponseTemplate::new(400).set_body_json(refused)).await;
    let answer = world.report(&world.issuer.token("usr_alice", API_A, "read:reports")).await;
    assert_eq!(answer.status(), 401);
    assert!(challenge(&answer).contains(r#"error="interaction_required""#), "{}", challenge(&answer));
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}
