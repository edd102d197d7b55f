//! Calls of a target API: with the exchanged token and no other, and what its answers mean.

use rstest::rstest;
use wiremock::matchers::header as with_header;

use super::*;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

struct World {
    auth_server: MockServer,
    target: MockServer,
    client: ExchangeClient,
}

impl World {
    async fn new(token_endpoint: impl wiremock::Respond + 'static) -> Self {
        let (auth_server, target) = (auth_server(token_endpoint).await, MockServer::start().await);
        let client =
            builder(&auth_server, &ManualClock::at(NOW)).traceparent(|| Some(TRACE.to_owned())).build().unwrap();
        Self { auth_server, target, client }
    }

    async fn target_answers(&self, answer: ResponseTemplate) {
        Mock::given(path("/rows")).respond_with(answer).mount(&self.target).await;
    }

    async fn rows(&self, subject: &AccessToken) -> Result<Vec<u32>, CallError> {
        self.client.on_behalf_of(subject).audience(B).get(format!("{}/rows", self.target.uri())).receive().await
    }
}

#[tokio::test]
async fn a_call_carries_the_exchanged_token_and_the_trace() {
    let world = World::new(answer_each_subject).await;
    world.target_answers(ResponseTemplate::new(200).set_body_json([1, 2])).await;
    assert_eq!(world.rows(&subject("token-a")).await, Ok(vec![1, 2]));
    let exchanged = world.auth_server.received_requests().await.unwrap();
    let [called] = &world.target.received_requests().await.unwrap()[..] else { panic!("one call") };
    assert_eq!(called.headers["authorization"], "Bearer for token-a");
    assert_eq!(called.headers["traceparent"], TRACE);
    assert_eq!(exchanged.last().unwrap().headers["traceparent"], TRACE);
}

#[tokio::test]
async fn a_body_and_headers_can_be_added_and_the_users_own_token_cannot() {
    let world = World::new(answer_each_subject).await;
    Mock::given(method("POST"))
        .and(with_header("x-kind", "a"))
        .respond_with(ResponseTemplate::new(201).set_body_json(7))
        .mount(&world.target)
        .await;
    let subject = subject("token-a");
    let call = world.client.on_behalf_of(&subject).audience(B).post(world.target.uri()).json(&json!({ "n": 1 }));
    let call = call.with(|request| request.header("x-kind", "a").bearer_auth(subject.text()));
    assert_eq!(call.receive::<u32>().await, Ok(7));
    let [called] = &world.target.received_requests().await.unwrap()[..] else { panic!("one call") };
    assert_eq!(called.headers.get_all("authorization").iter().collect::<Vec<_>>(), ["Bearer for token-a"]);
    assert_eq!(called.body, br#"{"n":1}"#);
}

#[rstest]
#[case::away(ResponseTemplate::new(503))]
#[case::broken(ResponseTemplate::new(500))]
#[case::slow(ResponseTemplate::new(200).set_delay(Duration::from_secs(5)))]
#[case::refused(refused("invalid_target", "x"))]
#[case::nonsense(ResponseTemplate::new(200).set_body_string("<html>"))]
#[tokio::test]
async fn without_a_token_nothing_is_sent_and_never_the_users_own(#[case] of_auth_server: ResponseTemplate) {
    let world = World::new(of_auth_server).await;
    world.target_answers(ResponseTemplate::new(200).set_body_json([1])).await;
    for _ in 0..7 {
        let error = world.rows(&subject("token-a")).await.unwrap_err();
        assert!(matches!(error, CallError::Exchange(_)), "{error}");
    }
    assert!(world.target.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_its_api_refuses_is_let_go_of() {
    let world = World::new(answer_each_subject).await;
    Mock::given(path("/rows")).respond_with(ResponseTemplate::new(401)).up_to_n_times(1).mount(&world.target).await;
    world.target_answers(ResponseTemplate::new(200).set_body_json([1])).await;
    assert_eq!(world.rows(&subject("t")).await, Err(CallError::TokenRefused));
    assert_eq!(world.rows(&subject("t")).await, Ok(vec![1]));
    assert_eq!(world.rows(&subject("t")).await, Ok(vec![1]));
    assert_eq!(exchanges(&world.auth_server).await, 2, "exchanged anew once");
}

#[tokio::test]
async fn a_late_refusal_does_not_take_a_newer_token_away() {
    let world = World::new(answer_each_subject).await;
    let subject = subject("t");
    let wanted = world.client.on_behalf_of(&subject).audience(B);
    let kept = wanted.token().await.unwrap();
    wanted.refused(&ExchangedToken { text: "an older one".into(), ..kept }).await;
    wanted.token().await.unwrap();
    assert_eq!(exchanges(&world.auth_server).await, 1);
}

#[tokio::test]
async fn a_demand_to_the_user_from_further_down_the_chain_is_passed_on_and_the_token_kept() {
    let world = World::new(answer_each_subject).await;
    let challenge = r#"Bearer error="interaction_required", error_description="agree first""#;
    world.target_answers(ResponseTemplate::new(401).insert_header("WWW-Authenticate", challenge)).await;
    let expected = CallError::Exchange(ExchangeError::InteractionRequired { description: "agree first".to_owned() });
    assert_eq!(world.rows(&subject("t")).await, Err(expected.clone()));
    assert_eq!(world.rows(&subject("t")).await, Err(expected));
    assert_eq!(exchanges(&world.auth_server).await, 1);
}

#[rstest]
#[case(403, json!({}), CallError::Forbidden)]
#[case(429, json!({}), CallError::NotReady(429))]
#[case(503, json!({}), CallError::NotReady(503))]
#[case(504, json!({}), CallError::TimedOut)]
#[case(422, json!({ "detail": "too long" }), CallError::Refused { status: 422, detail: "too long".to_owned() })]
#[case(400, json!([]), CallError::Refused { status: 400, detail: String::new() })]
#[case(404, json!({ "detail": "x" }), CallError::Fault("it answers 404 Not Found".to_owned()))]
#[case(500, json!({ "detail": "x" }), CallError::Fault("it answers 500 Internal Server Error".to_owned()))]
#[case(302, json!({}), CallError::Fault("it answers 302 Found".to_owned()))]
#[tokio::test]
async fn an_answer_without_success_is_sorted_by_what_it_means(
    #[case] status: u16,
    #[case] body: serde_json::Value,
    #[case] expected: CallError,
) {
    let world = World::new(answer_each_subject).await;
    world.target_answers(ResponseTemplate::new(status).set_body_json(body)).await;
    assert_eq!(world.rows(&subject("t")).await, Err(expected));
}

#[tokio::test]
async fn a_target_that_is_slow_or_away_is_told_apart() {
    let world = World::new(answer_each_subject).await;
    world.target_answers(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).await;
    assert_eq!(world.rows(&subject("t")).await, Err(CallError::TimedOut));
    let subject = subject("t");
    let nobody = world.client.on_behalf_of(&subject).audience(B).get("http://127.0.0.1:1/").receive::<()>().await;
    assert!(matches!(nobody, Err(CallError::Away(_))), "{nobody:?}");
    let no_address = world.client.on_behalf_of(&subject).audience(B).get("not an address").send().await;
    assert!(matches!(no_address, Err(CallError::Request(_))));
}
