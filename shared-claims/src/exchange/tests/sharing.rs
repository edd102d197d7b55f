//! What is kept, for whom and for how long; and that nobody ever gets what was made for somebody else.

use super::*;

#[tokio::test]
async fn nobody_gets_a_token_that_was_made_for_somebody_else() {
    let server = auth_server(answer_each_subject).await;
    let client = client(&server, &ManualClock::at(NOW));
    // All of them are called usr_1 and have equal claims throughout: only the token itself tells them apart.
    let calls = (0..400).map(|call| {
        let (client, user) = (client.clone(), call % 20);
        tokio::spawn(async move {
            let token = token_b(&client, &subject(&format!("token-of-user-{user}"))).await.unwrap();
            assert_eq!(token.text(), format!("for token-of-user-{user}"));
        })
    });
    for call in futures_util::future::join_all(calls).await {
        call.unwrap();
    }
    assert_eq!(exchanges(&server).await, 20, "one exchange a user, whoever else waits");
}

/// Every answer says what it was made for: a mix-up of any two would show.
fn answer_with_all_that_was_asked(request: &Request) -> ResponseTemplate {
    let form = form(request);
    let scope = form.get("scope").map_or("", String::as_str);
    granted(&format!("{} | {} | {scope}", form["subject_token"], form["audience"]), scope)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn people_sessions_targets_and_scopes_never_mix_however_many_call_at_once() {
    let server = auth_server(answer_with_all_that_was_asked).await;
    let client = builder(&server, &ManualClock::at(NOW)).timeout(Duration::from_secs(10)).build().unwrap();
    // Two people with one name, each with two sessions; two targets; three ways of writing two scopes.
    let subjects = ["alice-1 of one company", "alice-1 of another company", "alice-2", "alice-22"];
    let audiences = [B, "https://api-c.example"];
    let scopes = [("read", "read"), ("read write", "read write"), ("write read", "read write")];
    let mut calls = Vec::new();
    for round in 0..10 {
        for name in subjects {
            for audience in audiences {
                for (asked, written) in scopes {
                    let client = client.clone();
                    let expected = format!("{name} | {audience} | {written}");
                    calls.push(tokio::spawn(async move {
                        let subject = subject(name);
                        let wanted = client.on_behalf_of(&subject).audience(audience).scope(&scope(asked));
                        // Some go past the cache, and their answers are kept for all.
                        let wanted = if round == 5 { wanted.fresh() } else { wanted };
                        assert_eq!(wanted.token().await.unwrap().text(), expected);
                    }));
                }
            }
        }
    }
    for call in futures_util::future::join_all(calls).await {
        call.unwrap();
    }
    let (distinct, fresh) = (4 * 2 * 2, 4 * 2 * 3);
    assert!(exchanges(&server).await <= distinct + fresh, "one exchange for each, however the scope is written");
}

#[tokio::test]
async fn everything_that_a_token_depends_on_is_in_the_key() {
    let server = auth_server(answer_each_subject).await;
    let client = client(&server, &ManualClock::at(NOW));
    for (token, audience, wanted) in [
        ("t", B, "read"),
        ("t", B, "read write"),
        ("t", B, "write read"),
        ("t", "https://api-c.example", "read"),
        ("tr", B, "ead"),
        ("t", B, ""),
    ] {
        client.on_behalf_of(&subject(token)).audience(audience).scope(&scope(wanted)).token().await.unwrap();
    }
    assert_eq!(exchanges(&server).await, 5, "only the order of scopes makes no difference");
}

#[test]
fn another_issuer_client_secret_or_own_key_makes_another_key() {
    let key = |issuer: &str, client: &str, secret: &str, jkt: &str| {
        Key::new(&Asker::new(issuer, client, secret.as_bytes(), jkt), &subject("t"), B, &scope("read"))
    };
    let keys = [
        key("https://one.example", "api-a", "s", "k"),
        key("https://other.example", "api-a", "s", "k"),
        key("https://one.example", "api-b", "s", "k"),
        key("https://one.example", "api-a", "another", "k"),
        key("https://one.example", "api-a", "s", "other"),
    ];
    for (place, one) in keys.iter().enumerate() {
        assert!(keys[place + 1..].iter().all(|other| other != one), "{place}");
    }
    assert_eq!(keys[0], key("https://one.example", "api-a", "s", "k"));
}

#[tokio::test]
async fn a_kept_token_never_outlives_itself_or_its_subject() {
    let server = auth_server(answer_each_subject).await;
    let clock = ManualClock::at(NOW);
    let client = client(&server, &clock);
    token_b(&client, &subject("t")).await.unwrap();
    clock.advance(time::Duration::seconds(109));
    token_b(&client, &subject("t")).await.unwrap();
    assert_eq!(exchanges(&server).await, 1);
    clock.advance(time::Duration::seconds(1));
    token_b(&client, &subject("t")).await.unwrap();
    assert_eq!(exchanges(&server).await, 2, "less than 10 s are left of it");
    clock.advance(time::Duration::minutes(4));
    assert_eq!(token_b(&client, &subject("t")).await.unwrap_err(), ExchangeError::SubjectExpired);
    assert_eq!(exchanges(&server).await, 2);
}

#[tokio::test]
async fn of_many_that_are_refused_at_once_one_asks_and_for_a_moment_nobody_else() {
    let server = auth_server(refused("invalid_target", "target_not_paired: x")).await;
    let clock = ManualClock::at(NOW);
    let client = client(&server, &clock);
    let subject = subject("t");
    let outcomes = futures_util::future::join_all((0..50).map(|_| token_b(&client, &subject))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(ExchangeError::Forbidden { .. }))));
    clock.advance(time::Duration::milliseconds(1_999));
    token_b(&client, &subject).await.unwrap_err();
    assert_eq!(exchanges(&server).await, 1);
    clock.advance(time::Duration::milliseconds(1));
    token_b(&client, &subject).await.unwrap_err();
    assert_eq!(exchanges(&server).await, 2, "after two seconds the rules may have changed");
}

#[tokio::test]
async fn a_refusal_is_one_users_own_and_ends_with_the_subject_at_the_latest() {
    let server = auth_server(refused("invalid_scope", "nothing_left: x")).await;
    let clock = ManualClock::at(NOW);
    let client = client(&server, &clock);
    token_b(&client, &subject("of bob")).await.unwrap_err();
    token_b(&client, &subject("of alice")).await.unwrap_err();
    assert_eq!(exchanges(&server).await, 2);
    let short = subject_until("short", NOW + time::Duration::seconds(1));
    token_b(&client, &short).await.unwrap_err();
    clock.advance(time::Duration::seconds(1));
    assert_eq!(token_b(&client, &short).await.unwrap_err(), ExchangeError::SubjectExpired);
}

#[tokio::test]
async fn a_missing_consent_is_not_remembered_since_the_user_may_give_it_at_any_moment() {
    let server = MockServer::start().await;
    publish_metadata(&server).await;
    let first = refused("interaction_required", "consent_missing: x");
    Mock::given(path("/token")).respond_with(first).up_to_n_times(1).mount(&server).await;
    Mock::given(path("/token")).respond_with(answer_each_subject).mount(&server).await;
    let client = client(&server, &ManualClock::at(NOW));
    let error = token_b(&client, &subject("t")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::InteractionRequired { .. }), "{error}");
    token_b(&client, &subject("t")).await.unwrap();
}

#[tokio::test]
async fn fresh_goes_past_what_is_kept_and_its_answer_is_kept() {
    let server = MockServer::start().await;
    publish_metadata(&server).await;
    for answer in [granted("first", ""), refused("invalid_target", "x"), granted("second", "")] {
        Mock::given(path("/token")).respond_with(answer).up_to_n_times(1).mount(&server).await;
    }
    let client = client(&server, &ManualClock::at(NOW));
    let subject = subject("t");
    let fresh = || client.on_behalf_of(&subject).audience(B).fresh();
    assert_eq!(token_b(&client, &subject).await.unwrap().text(), "first");
    fresh().token().await.unwrap_err();
    token_b(&client, &subject).await.unwrap_err();
    assert_eq!(exchanges(&server).await, 2, "the refusal took the token's place");
    assert_eq!(fresh().token().await.unwrap().text(), "second");
    assert_eq!(token_b(&client, &subject).await.unwrap().text(), "second");
    assert_eq!(exchanges(&server).await, 3);
}

#[tokio::test]
async fn who_waits_for_somebody_who_went_away_asks_in_their_place() {
    let server = auth_server(granted("t", "").set_delay(Duration::from_millis(100))).await;
    let client = client(&server, &ManualClock::at(NOW));
    let subject = subject("t");
    let mut first = Box::pin(token_b(&client, &subject));
    assert!(futures_util::poll!(&mut first).is_pending());
    let second = token_b(&client, &subject);
    drop(first);
    assert_eq!(second.await.unwrap().text(), "t");
}
