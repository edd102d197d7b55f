//! The auth server away, slow or broken: nobody waits for long, nothing is sent twice, and it is left alone for a while.

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::SystemClock;

#[tokio::test]
async fn a_failure_is_not_kept() {
    let server = auth_server(ResponseTemplate::new(503)).await;
    let client = client(&server, &ManualClock::at(NOW));
    for _ in 0..2 {
        let error = token_b(&client, &subject("t")).await.unwrap_err();
        assert!(matches!(error, ExchangeError::Unavailable(_)), "{error}");
    }
    assert_eq!(exchanges(&server).await, 2);
}

#[tokio::test]
async fn a_slow_server_is_told_from_one_that_is_away() {
    let slow = auth_server(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).await;
    let error = token_b(&client(&slow, &ManualClock::at(NOW)), &subject("t")).await.unwrap_err();
    assert_eq!(error, ExchangeError::TimedOut);
    assert_eq!(exchanges(&slow).await, 1, "what may have been answered is not sent again");

    let nobody = ExchangeClient::builder("http://127.0.0.1:1").client("api-a", "s".into()).build().unwrap();
    let live = subject_until("t", SystemClock.now() + time::Duration::minutes(5));
    let error = token_b(&nobody, &live).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn an_auth_server_that_is_down_is_left_alone_and_then_tried_by_one() {
    let server = MockServer::start().await;
    publish_metadata(&server).await;
    Mock::given(path("/token")).respond_with(ResponseTemplate::new(502)).up_to_n_times(6).mount(&server).await;
    Mock::given(path("/token")).respond_with(answer_each_subject).mount(&server).await;
    let clock = ManualClock::at(NOW);
    let client = client(&server, &clock);
    // Different users: what one of them found out spares the others.
    for user in 0..5 {
        let error = token_b(&client, &subject(&format!("of {user}"))).await.unwrap_err();
        assert!(matches!(error, ExchangeError::Unavailable(_)), "{error}");
    }
    let resting = ExchangeError::CircuitOpen { retry_after: Duration::from_secs(5) };
    assert_eq!(token_b(&client, &subject("t")).await.unwrap_err(), resting);
    assert_eq!(exchanges(&server).await, 5, "nothing is asked");

    clock.advance(time::Duration::seconds(5));
    assert!(matches!(token_b(&client, &subject("t")).await, Err(ExchangeError::Unavailable(_))), "the probe");
    assert_eq!(token_b(&client, &subject("t")).await.unwrap_err(), resting);
    clock.advance(time::Duration::seconds(5));
    assert_eq!(token_b(&client, &subject("t")).await.unwrap().text(), "for t");
    assert_eq!(token_b(&client, &subject("u")).await.unwrap().text(), "for u");
}

#[tokio::test]
async fn an_auth_server_that_never_answers_in_time_is_left_alone_too() {
    let server = auth_server(granted("t", "").set_delay(Duration::from_secs(5))).await;
    let patience = Duration::from_millis(100);
    let client = builder(&server, &ManualClock::at(NOW)).timeout(patience).circuit(2, patience).build().unwrap();
    for user in ["a", "b"] {
        assert_eq!(token_b(&client, &subject(user)).await.unwrap_err(), ExchangeError::TimedOut);
    }
    let resting = ExchangeError::CircuitOpen { retry_after: patience };
    assert_eq!(token_b(&client, &subject("c")).await.unwrap_err(), resting);
}

#[tokio::test]
async fn what_is_kept_goes_on_while_the_auth_server_is_down() {
    let server = MockServer::start().await;
    publish_metadata(&server).await;
    Mock::given(path("/token")).respond_with(answer_each_subject).up_to_n_times(1).mount(&server).await;
    Mock::given(path("/token")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let client = client(&server, &ManualClock::at(NOW));
    token_b(&client, &subject("kept")).await.unwrap();
    for user in 0..6 {
        token_b(&client, &subject(&format!("of {user}"))).await.unwrap_err();
    }
    assert_eq!(token_b(&client, &subject("kept")).await.unwrap().text(), "for kept");
}

#[tokio::test]
async fn refusals_and_broken_answers_do_not_open_the_circuit() {
    for answer in [refused("invalid_target", "x"), ResponseTemplate::new(500), ResponseTemplate::new(200)] {
        let server = auth_server(answer).await;
        let client = client(&server, &ManualClock::at(NOW));
        for user in 0..8 {
            let error = token_b(&client, &subject(&format!("of {user}"))).await.unwrap_err();
            assert!(!matches!(error, ExchangeError::CircuitOpen { .. }), "{error}");
        }
        assert_eq!(exchanges(&server).await, 8);
    }
}

#[tokio::test]
async fn what_happens_can_be_measured_without_a_name_of_anybody() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let rendered = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let server = MockServer::start().await;
    publish_metadata(&server).await;
    Mock::given(path("/token")).respond_with(answer_each_subject).up_to_n_times(1).mount(&server).await;
    Mock::given(path("/token")).respond_with(refused("invalid_scope", "x")).up_to_n_times(1).mount(&server).await;
    Mock::given(path("/token")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let client = client(&server, &ManualClock::at(NOW));
    for user in ["canary", "canary", "refused", "refused", "1", "2", "3", "4", "5", "6"] {
        let _ = token_b(&client, &subject(user)).await;
    }
    let text = rendered.render();
    for line in [
        r#"token_exchanges_total{outcome="granted"} 1"#,
        r#"token_exchanges_total{outcome="forbidden"} 1"#,
        r#"token_exchanges_total{outcome="unavailable"} 5"#,
        r#"token_exchanges_total{outcome="circuit_open"} 1"#,
        r#"token_exchange_cache_total{result="hit"} 1"#,
        r#"token_exchange_cache_total{result="refusal"} 1"#,
        "token_exchange_circuit_open 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("canary") && !text.contains("usr_1"), "{text}");
}
