use serde_json::json;
use time::Duration;

use super::*;
use crate::minting::{self, API, ISSUER, Issuer};

#[tokio::test]
async fn a_good_token_tells_who_calls_and_keeps_its_text_to_itself() {
    let issuer = Issuer::start().await;
    let text = issuer.token();
    let token = issuer.api().authenticate(&text).await.unwrap();
    assert_eq!((token.claims.sub.as_str(), token.text()), ("usr_alice", text.as_str()));
    assert_eq!(token.scope().to_string(), "read:receipts");
    assert!(!format!("{token:?}").contains(&text));
}

#[tokio::test]
async fn a_token_for_another_api_is_refused() {
    let issuer = Issuer::start().await;
    let token = issuer.token_with("aud", "https://api-a.example");
    let refused = issuer.api().authenticate(&token).await.unwrap_err();
    assert_eq!(refused, Unauthenticated::Invalid(InvalidToken::WrongAudience));
    assert_eq!(refused.reason(), "wrong_audience");
}

#[tokio::test]
async fn a_token_ends_when_its_time_has_come() {
    let issuer = Issuer::start().await;
    let (api, token) = (issuer.api(), issuer.token());
    assert!(api.authenticate(&token).await.is_ok());
    issuer.clock.advance(Duration::minutes(10));
    assert_eq!(api.authenticate(&token).await.unwrap_err(), InvalidToken::Expired.into());
}

#[tokio::test]
async fn a_known_token_is_refused_once_its_key_is_withdrawn() {
    let issuer = Issuer::start().await;
    let api = issuer.api();
    let token = issuer.token_with("exp", minting::NOW.unix_timestamp() + 3600);
    assert!(api.authenticate(&token).await.is_ok());
    issuer.withdraw_key().await;
    issuer.clock.advance(Duration::minutes(6));
    assert_eq!(api.authenticate(&token).await.unwrap_err(), InvalidToken::UnknownKey.into());
}

#[tokio::test]
async fn a_known_token_lends_nothing_to_one_that_differs_in_a_character() {
    let issuer = Issuer::start().await;
    let (api, token) = (issuer.api(), issuer.token());
    assert!(api.authenticate(&token).await.is_ok());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let other_payload = minting::encode(minting::claims(minting::NOW).to_string().replace("usr_alice", "usr_mallory"));
    let other_signature = if signature.starts_with('A') { "B" } else { "A" }.to_owned() + &signature[1..];
    for forged in [format!("{header}.{other_payload}.{signature}"), format!("{header}.{payload}.{other_signature}")] {
        assert_eq!(api.authenticate(&forged).await.unwrap_err(), InvalidToken::BadSignature.into());
    }
    assert_eq!(api.authenticate(&format!("{token} ")).await.unwrap_err(), InvalidToken::Malformed.into());
}

#[tokio::test]
async fn what_one_api_knows_opens_no_other() {
    let issuer = Issuer::start().await;
    let token = issuer.token();
    assert!(issuer.api().authenticate(&token).await.is_ok());
    let other = ResourceServer::builder(ISSUER, "https://another.example")
        .backchannel_url(url::Url::parse(&issuer.server.uri()).unwrap())
        .clock(Arc::new(issuer.clock.clone()))
        .build()
        .unwrap();
    assert_eq!(other.authenticate(&token).await.unwrap_err(), InvalidToken::WrongAudience.into());
}

#[tokio::test]
async fn a_token_bound_to_a_key_is_no_bearer_token() {
    let issuer = Issuer::start().await;
    let token = issuer.token_with("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }));
    assert_eq!(issuer.api().authenticate(&token).await.unwrap_err(), InvalidToken::Bound.into());
}

#[tokio::test]
async fn a_token_that_is_none_costs_the_auth_server_nothing() {
    let issuer = Issuer::start().await;
    assert_eq!(issuer.api().authenticate("none").await.unwrap_err(), InvalidToken::Malformed.into());
    assert_eq!(issuer.server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn without_keys_nobody_is_let_in_and_nobody_is_called_wrong() {
    let issuer = Issuer::away().await;
    assert_eq!(issuer.api().authenticate(&issuer.token()).await.unwrap_err(), Unauthenticated::Unavailable);
}

#[tokio::test]
async fn a_known_key_lets_callers_in_while_the_auth_server_is_away() {
    let issuer = Issuer::start().await;
    let (api, token) = (issuer.api(), issuer.token());
    assert!(api.authenticate(&token).await.is_ok());
    issuer.server.reset().await;
    issuer.clock.advance(Duration::minutes(6));
    assert!(api.authenticate(&token).await.is_ok());
}

#[test]
fn an_empty_name_fails_at_start() {
    assert!(ResourceServer::builder("", API).build().is_err());
    assert!(ResourceServer::builder(ISSUER, "").build().is_err());
}

mod bound {
    use url::Url;

    use super::*;
    use crate::access_token::PresentedToken;
    use crate::dpop::{ProofKey, ProofRequest};
    use crate::minting::NOW;

    const PATH: &str = "/api/receipts";

    struct World {
        issuer: Issuer,
        key: ProofKey,
        token: String,
    }

    impl World {
        /// A token that is bound to a key of its holder's.
        async fn new() -> Self {
            let (issuer, key) = (Issuer::start().await, ProofKey::generate().unwrap());
            let token = issuer.token_with("cnf", json!({ "jkt": key.jkt() }));
            Self { issuer, key, token }
        }

        fn good_proof(&self) -> String {
            proof_of(&self.key, "GET", "http://localhost:9002/api/receipts", &self.token)
        }
    }

    fn proof_of(key: &ProofKey, method: &str, address: &str, token: &str) -> String {
        let url: Url = address.parse().unwrap();
        key.proof(&ProofRequest { method, url: &url, access_token: Some(token), nonce: None, now: NOW }).unwrap()
    }

    async fn check(api: &ResourceServer, token: &str, proof: Option<&str>) -> Result<AccessToken, Unauthenticated> {
        api.authenticate_request(PresentedToken { token, proof }, "GET", PATH).await
    }

    #[tokio::test]
    async fn a_bound_token_with_a_proof_lets_its_holder_in() {
        let world = World::new().await;
        let token = check(&world.issuer.api(), &world.token, Some(&world.good_proof())).await.unwrap();
        assert_eq!(token.claims.sub, "usr_alice");
    }

    #[tokio::test]
    async fn a_caller_may_know_the_api_under_its_other_name() {
        let world = World::new().await;
        let inside = "http://api-b:9002/base";
        let api = ResourceServer::builder(ISSUER, API)
            .backchannel_url(Url::parse(&world.issuer.server.uri()).unwrap())
            .public_url(Url::parse("http://localhost:9002").unwrap())
            .also_reached_at([Url::parse(inside).unwrap()])
            .clock(Arc::new(world.issuer.clock.clone()))
            .build()
            .unwrap();
        for base in [inside, "http://localhost:9002"] {
            let proof = proof_of(&world.key, "GET", &format!("{base}{PATH}"), &world.token);
            assert!(check(&api, &world.token, Some(&proof)).await.is_ok(), "{base}");
        }
    }

    #[tokio::test]
    async fn a_proof_is_good_for_one_request() {
        let world = World::new().await;
        let (api, proof) = (world.issuer.api(), world.good_proof());
        assert!(check(&api, &world.token, Some(&proof)).await.is_ok());
        let again = check(&api, &world.token, Some(&proof)).await.unwrap_err();
        assert_eq!(again, InvalidProof::Replayed.into());
    }

    #[tokio::test]
    async fn a_thief_of_the_token_is_not_let_in() {
        let world = World::new().await;
        let (api, thief) = (world.issuer.api(), ProofKey::generate().unwrap());
        let own_proof = proof_of(&thief, "GET", "http://localhost:9002/api/receipts", &world.token);
        let refused = check(&api, &world.token, Some(&own_proof)).await.unwrap_err();
        assert_eq!(refused, InvalidToken::BoundToAnotherKey.into());
        assert_eq!(check(&api, &world.token, None).await.unwrap_err(), InvalidToken::Bound.into());
    }

    #[tokio::test]
    async fn a_proof_for_another_request_is_no_proof_of_this_one() {
        let world = World::new().await;
        let api = world.issuer.api();
        for (method, address, token, why) in [
            ("POST", "http://localhost:9002/api/receipts", world.token.as_str(), InvalidProof::OtherMethod),
            ("GET", "http://localhost:9001/api/receipts", &world.token, InvalidProof::OtherAddress),
            ("GET", "http://localhost:9002/api/me", &world.token, InvalidProof::OtherAddress),
            ("GET", "http://localhost:9002/api/receipts", "another", InvalidProof::OtherToken),
        ] {
            let proof = proof_of(&world.key, method, address, token);
            assert_eq!(check(&api, &world.token, Some(&proof)).await.unwrap_err(), why.into());
        }
    }

    #[tokio::test]
    async fn an_unbound_token_gains_nothing_by_a_proof() {
        let world = World::new().await;
        let token = world.issuer.token();
        let proof = proof_of(&world.key, "GET", "http://localhost:9002/api/receipts", &token);
        let refused = check(&world.issuer.api(), &token, Some(&proof)).await.unwrap_err();
        assert_eq!(refused, InvalidToken::NotBound.into());
    }

    #[tokio::test]
    async fn a_certificate_bound_token_is_not_opened_by_a_proof() {
        let world = World::new().await;
        let token = world.issuer.token_with("cnf", json!({ "x5t#S256": world.key.jkt() }));
        let proof = proof_of(&world.key, "GET", "http://localhost:9002/api/receipts", &token);
        let refused = check(&world.issuer.api(), &token, Some(&proof)).await.unwrap_err();
        assert_eq!(refused, InvalidToken::BoundToAnotherKey.into());
    }

    #[tokio::test]
    async fn an_api_that_demands_bound_tokens_takes_no_other_and_says_so() {
        let world = World::new().await;
        let demanding = ResourceServer::builder(ISSUER, API)
            .backchannel_url(Url::parse(&world.issuer.server.uri()).unwrap())
            .public_url(Url::parse("http://localhost:9002").unwrap())
            .require_bound_tokens(true)
            .clock(Arc::new(world.issuer.clock.clone()))
            .build()
            .unwrap();
        let refused = check(&demanding, &world.issuer.token(), None).await.unwrap_err();
        assert_eq!(refused, InvalidToken::NotBound.into());
        assert!(check(&demanding, &world.token, Some(&world.good_proof())).await.is_ok());
        assert!(demanding.metadata().dpop_bound_access_tokens_required);
        let challenge = demanding.challenge(refused.refusal().unwrap()).header_value();
        assert!(challenge.starts_with("DPoP realm=") && challenge.contains(r#"algs="ES256 "#), "{challenge}");
    }

    #[tokio::test]
    async fn an_api_without_an_address_cannot_check_proofs_and_takes_no_bound_token() {
        let world = World::new().await;
        let nowhere = ResourceServer::builder(ISSUER, API)
            .backchannel_url(Url::parse(&world.issuer.server.uri()).unwrap())
            .clock(Arc::new(world.issuer.clock.clone()));
        assert!(ResourceServer::builder(ISSUER, API).require_bound_tokens(true).build().is_err());
        let api = nowhere.build().unwrap();
        let refused = check(&api, &world.token, Some(&world.good_proof())).await.unwrap_err();
        assert_eq!(refused, InvalidToken::Bound.into());
        assert!(api.metadata().dpop_signing_alg_values_supported.is_empty());
    }
}
