//! Calls on behalf of the user, and callers who may not have them made.

use rstest::rstest;
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header as with_header, method, path};
use wiremock::{Mock, ResponseTemplate};

use crate::world::{API_A, API_B, TRACE, World, coffee, exchanged, header};

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
