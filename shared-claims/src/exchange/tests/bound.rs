//! Tokens that are bound to a key: asked for with a proof, used with a proof, never taken unbound.

use url::Url;

use super::*;
use crate::dpop::{Demand, InvalidProof, Proof};

/// A subject token that is bound to the app's key.
fn bound_subject(text: &str) -> AccessToken {
    let mut claims = (*subject(text).claims).clone();
    claims.cnf = Some(crate::claims::Confirmation { jkt: Some("the app's".to_owned()), x5t_s256: None });
    AccessToken::validated(claims, text)
}

/// The proof that a request carries, checked as a server checks it.
fn proof(request: &Request, access_token: Option<&str>) -> Option<Result<Proof, InvalidProof>> {
    let header = request.headers.get("dpop")?.to_str().unwrap();
    let host = request.headers["host"].to_str().unwrap();
    let (method, url) = (request.method.as_str(), format!("http://{host}{}", request.url.path()));
    let url: Url = url.parse().unwrap();
    Some(Proof::check(header, &Demand { method, addresses: &[url], access_token, now: NOW }))
}

/// Grants a bound token to whoever proves a key, and an unbound one to others.
fn bind_to_proof(request: &Request) -> ResponseTemplate {
    match proof(request, None) {
        None => granted("unbound", ""),
        Some(Ok(_)) => ResponseTemplate::new(200).set_body_json(json!({
            "access_token": "bound", "issued_token_type": ACCESS_TOKEN, "token_type": "DPoP", "expires_in": 120,
        })),
        Some(Err(invalid)) => refused("invalid_dpop_proof", invalid.reason()),
    }
}

#[tokio::test]
async fn a_bound_subject_gets_a_token_that_is_bound_to_the_own_key() {
    let server = auth_server(bind_to_proof).await;
    let client = client(&server, &ManualClock::at(NOW));
    let token = token_b(&client, &bound_subject("token-a")).await.unwrap();
    assert_eq!((token.text(), token.is_bound()), ("bound", true));
    let token = token_b(&client, &subject("token-a2")).await.unwrap();
    assert_eq!((token.text(), token.is_bound()), ("unbound", false));
}

#[tokio::test]
async fn a_client_that_binds_its_tokens_binds_all_of_them() {
    let server = auth_server(bind_to_proof).await;
    let client = builder(&server, &ManualClock::at(NOW)).bind_tokens(true).build().unwrap();
    assert!(token_b(&client, &subject("token-a")).await.unwrap().is_bound());
}

#[tokio::test]
async fn an_unbound_token_in_answer_to_a_proof_is_not_taken() {
    let server = auth_server(answer_each_subject).await;
    let client = client(&server, &ManualClock::at(NOW));
    let error = token_b(&client, &bound_subject("token-a")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Fault(_)), "{error}");
}

/// Wants the nonce that it gives (RFC 9449 section 8).
fn wants_nonce(request: &Request) -> ResponseTemplate {
    match proof(request, None) {
        Some(Ok(proof)) if proof.nonce.as_deref() == Some("nonce-1") => bind_to_proof(request),
        _ => refused("use_dpop_nonce", "x").insert_header("DPoP-Nonce", "nonce-1"),
    }
}

#[tokio::test]
async fn a_nonce_that_is_asked_for_is_sent_and_kept_for_the_next_time() {
    let server = auth_server(wants_nonce).await;
    let client = client(&server, &ManualClock::at(NOW));
    assert!(token_b(&client, &bound_subject("token-a")).await.unwrap().is_bound());
    assert!(token_b(&client, &bound_subject("token-a2")).await.unwrap().is_bound());
    assert_eq!(exchanges(&server).await, 3);
}

#[tokio::test]
async fn a_server_that_is_never_content_with_a_nonce_is_asked_twice_and_no_more() {
    let server = auth_server(|_: &Request| refused("use_dpop_nonce", "x").insert_header("DPoP-Nonce", "n")).await;
    let client = client(&server, &ManualClock::at(NOW));
    let error = token_b(&client, &bound_subject("token-a")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Fault(_)), "{error}");
    assert_eq!(exchanges(&server).await, 2);
}

#[tokio::test]
async fn a_call_proves_the_key_for_that_token_and_that_address() {
    let (server, target) = (auth_server(bind_to_proof).await, MockServer::start().await);
    // The first time it wants a nonce (RFC 9449 section 9).
    let rows = |request: &Request| match proof(request, Some("bound")).unwrap().unwrap().nonce.as_deref() {
        Some("of-b") => ResponseTemplate::new(200).set_body_json([1]),
        _ => ResponseTemplate::new(401)
            .insert_header("WWW-Authenticate", r#"DPoP error="use_dpop_nonce""#)
            .insert_header("DPoP-Nonce", "of-b"),
    };
    Mock::given(path("/rows")).respond_with(rows).mount(&target).await;
    let client = client(&server, &ManualClock::at(NOW));
    let subject = bound_subject("token-a");
    let call = client.on_behalf_of(&subject).audience(B).get(format!("{}/rows?year=2026", target.uri()));
    assert_eq!(call.receive::<Vec<u32>>().await, Ok(vec![1]));
    let calls = target.received_requests().await.unwrap();
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.headers["authorization"] == "DPoP bound"));
    let proofs: Vec<_> = calls.iter().map(|call| proof(call, Some("bound")).unwrap().unwrap()).collect();
    assert_ne!(proofs[0].jti, proofs[1].jti, "a proof is for one request");
    let asked = &server.received_requests().await.unwrap()[1];
    assert_eq!(proof(asked, None).unwrap().unwrap().jkt, proofs[0].jkt);
}
