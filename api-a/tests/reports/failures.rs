//! What the app hears when there is no token or no answer to be had.

use std::time::Duration;

use reqwest::Response;
use rstest::rstest;
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, header as with_header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::world::{API_A, World, exchanged, header, refused};

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
