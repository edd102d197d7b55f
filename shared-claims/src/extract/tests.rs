use actix_web::App;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use actix_web::test::{TestRequest, call_service, init_service, read_body, read_body_json};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::minting::Issuer;
use crate::problem::PROBLEM_JSON;
use crate::protected_resource;

crate::required_scope!(ReadReceipts = "read:receipts");
crate::required_scope!(WriteReceipts = "write:receipts");
crate::required_scope!(Everything = "read:receipts write:receipts");

crate::required_chain!(ThroughReports = ChainPolicy::any().current_actor_one_of(["api-a"]).at_most_hops(1));

const METADATA: &str = r#"resource_metadata="http://localhost:9002/.well-known/oauth-protected-resource""#;

/// Sends one request to an API of the issuer.
async fn send(issuer: &Issuer, request: TestRequest) -> ServiceResponse {
    let app = App::new()
        .app_data(web::Data::new(issuer.api()))
        .service(protected_resource::route())
        .route("/me", web::get().to(async |caller: Caller| caller.claims.sub.clone()))
        .route("/receipts", web::get().to(async |caller: Caller<ReadReceipts>| caller.scope().to_string()))
        .route("/receipts", web::post().to(async |_: Caller<WriteReceipts>| "written"))
        .route("/through-reports", web::get().to(async |_: Caller<ReadReceipts, ThroughReports>| "through"))
        .route("/all", web::get().to(async |_: Caller<Everything>| "all"));
    call_service(&init_service(app).await, request.to_request()).await
}

/// What an answer says, in short.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn challenge(&self) -> &str {
        self.headers.get(WWW_AUTHENTICATE).unwrap().to_str().unwrap()
    }
}

/// A refusal: besides what a test looks at, it is a problem document that nobody stores.
async fn refusal(issuer: &Issuer, request: TestRequest) -> Answer {
    let response = send(issuer, request).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body: Value = read_body_json(response).await;
    assert_eq!(headers.get(CONTENT_TYPE).unwrap(), PROBLEM_JSON);
    assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "no-store");
    assert_eq!(body["status"], json!(status));
    Answer { status, headers, body }
}

fn with_token(address: &str, token: &str) -> TestRequest {
    TestRequest::get().uri(address).insert_header(("Authorization", format!("Bearer {token}")))
}

#[actix_web::test]
async fn a_handler_sees_who_calls() {
    let issuer = Issuer::start().await;
    for scheme in ["Bearer", "bearer", "BEARER "] {
        let request =
            TestRequest::get().uri("/me").insert_header(("Authorization", format!("{scheme} {}", issuer.token())));
        let response = send(&issuer, request).await;
        assert_eq!((response.status().as_u16(), read_body(response).await.as_ref()), (200, &b"usr_alice"[..]));
    }
}

#[rstest]
#[case::nothing(TestRequest::get())]
#[case::another_scheme(TestRequest::get().insert_header(("Authorization", "Basic YTpi")))]
#[actix_web::test]
async fn a_missing_token_is_challenged_without_an_error(#[case] request: TestRequest) {
    let answer = refusal(&Issuer::start().await, request.uri("/me")).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.challenge(), format!(r#"Bearer realm="https://api-b.example", {METADATA}"#));
    assert_eq!(answer.body.get("error"), None);
}

#[rstest]
#[case::no_token("/me", &["Bearer"])]
#[case::blank_token("/me", &["Bearer  "])]
#[case::two_tokens("/me", &["Bearer a, Bearer b"])]
#[case::two_words("/me", &["Bearer a b"])]
#[case::not_a_token("/me", &["Bearer \"a\""])]
#[case::padding_only("/me", &["Bearer =="])]
#[case::two_headers("/me", &["Bearer a", "Bearer b"])]
#[case::two_schemes("/me", &["Basic YTpi", "Bearer b"])]
#[case::in_the_query("/me?access_token=a", &[])]
#[case::in_the_query_too("/me?x=1&access%5Ftoken=a", &["Bearer a"])]
#[actix_web::test]
async fn a_token_that_is_not_sent_as_it_should_be_is_an_invalid_request(
    #[case] address: &str,
    #[case] headers: &[&str],
) {
    let request = headers
        .iter()
        .fold(TestRequest::get().uri(address), |request, header| request.append_header(("Authorization", *header)));
    let answer = refusal(&Issuer::start().await, request).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")));
    assert!(answer.challenge().contains(r#"error="invalid_request""#));
}

#[actix_web::test]
async fn a_token_that_is_no_good_is_an_invalid_token() {
    let issuer = Issuer::start().await;
    for (token, why) in [
        ("opaque".to_owned(), "the token is malformed"),
        ("x".repeat(9000), "the token is too long"),
        (issuer.token_with("exp", 1000), "the token has expired"),
        (issuer.token_with("aud", "https://api-a.example"), "the token is for somebody else"),
        (Issuer::start().await.token(), "the token's signature is wrong"),
    ] {
        let answer = refusal(&issuer, with_token("/me", &token)).await;
        assert_eq!((answer.status, &answer.body["error"]), (401, &json!("invalid_token")), "{why}");
        let expected = format!(
            r#"Bearer realm="https://api-b.example", error="invalid_token", error_description="{why}", {METADATA}"#
        );
        assert_eq!(answer.challenge(), expected);
        assert!(!answer.body.to_string().contains(&token), "a refusal must not repeat the token");
    }
}

#[actix_web::test]
async fn a_scope_that_the_token_lacks_is_named() {
    let issuer = Issuer::start().await;
    for (request, scope) in [
        (with_token("/receipts", &issuer.token()).method(actix_web::http::Method::POST), "write:receipts"),
        (with_token("/all", &issuer.token()), "read:receipts write:receipts"),
        (with_token("/receipts", &issuer.token_with("scope", "read:receipts2 read")), "read:receipts"),
        (with_token("/receipts", &issuer.token_with("scope", "")), "read:receipts"),
    ] {
        let answer = refusal(&issuer, request).await;
        assert_eq!((answer.status, &answer.body["error"]), (403, &json!("insufficient_scope")));
        assert!(answer.challenge().contains(r#"error="insufficient_scope""#));
        assert!(answer.challenge().contains(&format!(r#"scope="{scope}""#)), "{}", answer.challenge());
        assert!(answer.challenge().contains(METADATA));
    }
}

#[actix_web::test]
async fn a_token_with_the_scope_is_let_through() {
    let issuer = Issuer::start().await;
    let request = with_token("/receipts", &issuer.token());
    assert_eq!(send(&issuer, request).await.status(), 200);
}

#[actix_web::test]
async fn a_chain_that_the_handler_does_not_take_is_403_and_says_what_did_not_hold() {
    let issuer = Issuer::start().await;
    let through = |act: Value| with_token("/through-reports", &issuer.token_with("act", act));
    let good = through(json!({ "sub": "api-a", "act": { "sub": "demo-app" } }));
    assert_eq!(send(&issuer, good).await.status(), 200);
    for (request, reason) in [
        (with_token("/through-reports", &issuer.token_without("act")), "nobody_acts"),
        (through(json!({ "sub": "api-x", "act": { "sub": "api-a" } })), "current_actor_not_allowed"),
        (through(json!({ "sub": "api-a", "act": { "sub": "api-x", "act": { "sub": "demo-app" } } })), "too_many_hops"),
    ] {
        let answer = refusal(&issuer, request).await;
        assert_eq!((answer.status, &answer.body["error"]), (403, &json!(reason)));
        assert!(!answer.headers.contains_key(WWW_AUTHENTICATE), "another token would not help");
    }
    // The scope comes first: it is what another token could have.
    let narrow = refusal(&issuer, with_token("/through-reports", &issuer.token_with("scope", ""))).await;
    assert_eq!(narrow.body["error"], json!("insufficient_scope"));
}

#[actix_web::test]
async fn without_keys_the_caller_is_asked_to_come_back() {
    let issuer = Issuer::away().await;
    let answer = refusal(&issuer, with_token("/me", &issuer.token())).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers.get(RETRY_AFTER).unwrap(), "1");
    assert!(!answer.headers.contains_key(WWW_AUTHENTICATE));
}

#[actix_web::test]
async fn an_app_without_a_resource_server_lets_nobody_in() {
    let app = init_service(App::new().route("/me", web::get().to(async |_: Caller| "in"))).await;
    let response = call_service(&app, with_token("/me", "a.b.c").to_request()).await;
    assert_eq!(response.status(), 500);
}

#[actix_web::test]
async fn the_api_says_where_its_tokens_come_from() {
    let issuer = Issuer::start().await;
    for address in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/receipts"] {
        let response = send(&issuer, TestRequest::get().uri(address)).await;
        assert_eq!(response.status(), 200);
        let document: Value = read_body_json(response).await;
        assert_eq!(document, serde_json::to_value(issuer.api().metadata()).unwrap());
        assert_eq!(document["scopes_supported"], json!(["read:receipts", "write:receipts"]));
    }
}

#[test]
fn a_text_that_is_no_scope_is_told_at_compile_time() {
    for text in ["a", "read:reports", "a b"] {
        assert!(is_scope(text), "{text:?}");
    }
    for text in ["", " ", " a", "a ", "a  b", "a\"", "a\\", "é", "a\n"] {
        assert!(!is_scope(text), "{text:?}");
    }
}

#[actix_web::test]
async fn a_bound_token_comes_with_a_proof_or_is_challenged_for_one() {
    use crate::dpop::{ProofKey, ProofRequest};
    use crate::minting::NOW;

    let (issuer, key) = (Issuer::start().await, ProofKey::generate().unwrap());
    let token = issuer.token_with("cnf", json!({ "jkt": key.jkt() }));
    let url = "http://localhost:9002/me".parse().unwrap();
    let request = ProofRequest { method: "GET", url: &url, access_token: Some(&token), nonce: None, now: NOW };
    let proof = key.proof(&request).unwrap();
    let bound = || TestRequest::get().uri("/me?x=1").insert_header(("Authorization", format!("DPoP {token}")));
    assert_eq!(send(&issuer, bound().insert_header(("DPoP", proof.as_str()))).await.status(), 200);

    let stolen = refusal(&issuer, with_token("/me", &token)).await;
    assert_eq!((stolen.status, &stolen.body["error"]), (401, &json!("invalid_token")));
    assert!(stolen.challenge().starts_with("DPoP "), "{}", stolen.challenge());
    for request in [bound(), bound().insert_header(("DPoP", "none"))] {
        let answer = refusal(&issuer, request).await;
        assert_eq!((answer.status, &answer.body["error"]), (401, &json!("invalid_dpop_proof")));
    }
    let twice = bound().append_header(("DPoP", proof.as_str())).append_header(("DPoP", proof.as_str()));
    assert_eq!(refusal(&issuer, twice).await.status, 400);
}
