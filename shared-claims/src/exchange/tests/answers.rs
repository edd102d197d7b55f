//! What is sent, and what is made of the answer (RFC 8693 section 2).

use rstest::rstest;

use super::*;

#[tokio::test]
async fn the_request_is_the_one_of_rfc_8693() {
    let server = auth_server(answer_each_subject).await;
    let client = client(&server, &ManualClock::at(NOW));
    let subject = subject("token-a");
    let token = client.on_behalf_of(&subject).audience(B).scope(&scope("read:receipts")).token().await.unwrap();
    assert_eq!(token.text(), "for token-a");
    assert_eq!(token.expires_at, NOW + time::Duration::minutes(2));

    let requests = server.received_requests().await.unwrap();
    let request = requests.iter().find(|request| request.url.path() == "/token").unwrap();
    let form = form(request);
    assert_eq!(form["grant_type"], GRANT_TYPE);
    assert_eq!(form["subject_token_type"], ACCESS_TOKEN);
    assert_eq!(form["audience"], B);
    assert_eq!(form["scope"], "read:receipts");
    // base64("api%2Da:secret%2D%5F"): both halves form-encoded.
    assert_eq!(request.headers["authorization"], "Basic YXBpJTJEYTpzZWNyZXQlMkQlNUY=");
}

#[rstest]
#[case::no_type(json!({"access_token":"t","token_type":"Bearer","expires_in":60}))]
#[case::other_type(json!({"access_token":"t","issued_token_type":"urn:x","token_type":"Bearer","expires_in":60}))]
#[case::bound(json!({"access_token":"t","issued_token_type":ACCESS_TOKEN,"token_type":"DPoP","expires_in":60}))]
#[case::empty(json!({"access_token":"","issued_token_type":ACCESS_TOKEN,"token_type":"Bearer","expires_in":60}))]
#[case::over(json!({"access_token":"t","issued_token_type":ACCESS_TOKEN,"token_type":"Bearer","expires_in":0}))]
#[tokio::test]
async fn an_answer_that_is_not_rfc_8693_is_a_fault(#[case] answer: serde_json::Value) {
    let server = auth_server(ResponseTemplate::new(200).set_body_json(answer)).await;
    let error = token_b(&client(&server, &ManualClock::at(NOW)), &subject("t")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Fault(_)), "{error}");
}

#[tokio::test]
async fn a_scope_that_the_answer_leaves_out_is_the_one_that_was_asked_for() {
    let answer = json!({"access_token":"t","issued_token_type":ACCESS_TOKEN,"token_type":"Bearer","expires_in":60});
    let server = auth_server(ResponseTemplate::new(200).set_body_json(answer)).await;
    let (client, asked) = (client(&server, &ManualClock::at(NOW)), scope("read:receipts"));
    let token = client.on_behalf_of(&subject("t")).audience(B).scope(&asked).token().await.unwrap();
    assert_eq!(token.scope, asked);
}

#[tokio::test]
async fn a_token_that_allows_more_than_was_asked_for_is_a_fault() {
    let server = auth_server(granted("t", "read:receipts admin")).await;
    let (client, asked) = (client(&server, &ManualClock::at(NOW)), scope("read:receipts"));
    let error = client.on_behalf_of(&subject("t")).audience(B).scope(&asked).token().await.unwrap_err();
    assert!(matches!(error, ExchangeError::Fault(_)), "{error}");
}

#[tokio::test]
async fn a_demand_for_a_stronger_sign_in_comes_with_what_it_takes() {
    let demand = json!({ "error": "insufficient_user_authentication", "acr_values": "phr", "max_age": 60 });
    let server = auth_server(ResponseTemplate::new(400).set_body_json(demand)).await;
    let error = token_b(&client(&server, &ManualClock::at(NOW)), &subject("t")).await.unwrap_err();
    let expected = ExchangeError::InsufficientAuthentication {
        description: String::new(),
        acr_values: Some("phr".to_owned()),
        max_age: Some(60),
    };
    assert_eq!(error, expected);
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let token = ExchangedToken { text: "canary".into(), bound: false, scope: Scope::empty(), expires_at: NOW };
    assert!(!format!("{token:?} {:?}", subject("canary")).contains("canary"));
}
