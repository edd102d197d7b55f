use auth_server::store::{AuthorizationRequest, OpaqueSecret, SecretHash, Session, SessionId};
use auth_server::users::{NewSession, SessionLifetimes, Sessions};
use time::Duration;

use crate::world::{NOW, World, on_both};

on_both!(
    a_request_waits_until_it_is_taken_or_expires,
    of_many_who_take_a_request_one_gets_it,
    a_session_lives_until_it_is_ended_idle_or_old,
    signing_in_again_ends_the_session_of_the_old_cookie,
    a_session_that_is_used_stays_awake_but_not_forever,
    a_blocked_user_has_no_session,
    a_cookie_that_was_cut_or_changed_opens_nothing,
    all_sessions_of_a_user_can_be_ended,
);

fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        hash: OpaqueSecret::generate().hash(),
        browser_hash: SecretHash::of("browser"),
        client_id: "demo-app".into(),
        document: r#"{"state":"\u0000ü"}"#.into(),
        consented: false,
        created_at: NOW,
        expires_at: NOW + Duration::HOUR,
    }
}

async fn a_request_waits_until_it_is_taken_or_expires(world: World) {
    let store = &world.store;
    let request = request();
    let hash = request.hash;
    store.insert_authorization_request(request.clone()).await.unwrap();
    assert_eq!(store.find_authorization_request(hash, NOW).await.unwrap(), Some(request.clone()));
    assert!(store.mark_consented(hash, NOW).await.unwrap());

    let end = request.expires_at;
    assert_eq!(store.find_authorization_request(hash, end).await.unwrap(), None);
    assert!(!store.mark_consented(hash, end).await.unwrap());
    assert_eq!(store.take_authorization_request(hash, end).await.unwrap(), None);

    let taken = store.take_authorization_request(hash, NOW).await.unwrap();
    assert_eq!(taken, Some(AuthorizationRequest { consented: true, ..request }));
    assert_eq!(store.find_authorization_request(hash, NOW).await.unwrap(), None);
}

async fn of_many_who_take_a_request_one_gets_it(world: World) {
    let request = request();
    let hash = request.hash;
    world.store.insert_authorization_request(request).await.unwrap();
    let takers: Vec<_> = (0..50)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move { store.take_authorization_request(hash, NOW).await.unwrap().is_some() })
        })
        .collect();
    let mut got = 0;
    for taker in takers {
        got += usize::from(taker.await.unwrap());
    }
    assert_eq!(got, 1);
}

async fn begin(world: &World, username: &str, old_cookie: Option<&str>) -> (OpaqueSecret, Session) {
    let user_id = world.user(username).await.id;
    let new = NewSession {
        user_id,
        acr: None,
        amr: vec!["pwd".into()],
        address: Some("192.0.2.1".into()),
        user_agent: Some("ü".repeat(10_000)),
    };
    sessions(world).begin(new, old_cookie, NOW).await.unwrap()
}

fn sessions(world: &World) -> Sessions {
    Sessions::new(world.store.clone(), SessionLifetimes { absolute: Duration::days(7), idle: Duration::days(1) })
}

async fn a_session_lives_until_it_is_ended_idle_or_old(world: World) {
    let sessions = sessions(&world);
    let (cookie, session) = begin(&world, "alice", None).await;
    let found = sessions.find(cookie.expose(), NOW).await.unwrap().unwrap();
    assert_eq!((found.session, found.user.username.as_str()), (session.clone(), "alice"));
    assert_eq!(
        world.store.find_live_session_by_sid(&session.sid, NOW).await.unwrap().map(|session| session.hash),
        Some(cookie.hash())
    );
    assert!(sessions.find(cookie.expose(), session.idle_expires_at).await.unwrap().is_none());
    assert!(sessions.end(cookie.expose()).await.unwrap());
    assert!(sessions.find(cookie.expose(), NOW).await.unwrap().is_none());
    assert!(world.store.find_live_session_by_sid(&session.sid, NOW).await.unwrap().is_none());
    assert!(!sessions.end(cookie.expose()).await.unwrap());
}

async fn signing_in_again_ends_the_session_of_the_old_cookie(world: World) {
    let (old, _) = begin(&world, "alice", None).await;
    let (new, session) = begin(&world, "bob", Some(old.expose())).await;
    assert!(sessions(&world).find(old.expose(), NOW).await.unwrap().is_none());
    let found = sessions(&world).find(new.expose(), NOW).await.unwrap().unwrap();
    assert_eq!((found.user.username.as_str(), found.session.sid), ("bob", session.sid));
}

async fn a_session_that_is_used_stays_awake_but_not_forever(world: World) {
    let sessions = sessions(&world);
    let (cookie, session) = begin(&world, "alice", None).await;
    let mut now = NOW;
    while now < session.expires_at {
        assert!(sessions.find(cookie.expose(), now).await.unwrap().is_some(), "{now}");
        now += Duration::hours(20);
    }
    assert!(sessions.find(cookie.expose(), now).await.unwrap().is_none());
}

async fn a_blocked_user_has_no_session(world: World) {
    let (cookie, session) = begin(&world, "carol", None).await;
    world.store.set_blocked(&session.user_id, true, NOW).await.unwrap();
    assert!(sessions(&world).find(cookie.expose(), NOW).await.unwrap().is_none());
}

async fn a_cookie_that_was_cut_or_changed_opens_nothing(world: World) {
    let (cookie, session) = begin(&world, "alice", None).await;
    let cookie = cookie.expose();
    let mutants = [&cookie[..42], &format!("{cookie}A"), &cookie.to_lowercase(), "", session.sid.as_str()];
    for mutant in mutants {
        assert!(sessions(&world).find(mutant, NOW).await.unwrap().is_none(), "{mutant:?}");
    }
    assert!(sessions(&world).find(cookie, NOW).await.unwrap().is_some());
}

async fn all_sessions_of_a_user_can_be_ended(world: World) {
    let (first, session) = begin(&world, "alice", None).await;
    let (second, _) = begin(&world, "alice", None).await;
    let (other, _) = begin(&world, "bob", None).await;
    assert_eq!(world.store.list_sessions(&session.user_id, NOW).await.unwrap().len(), 2);
    assert_eq!(world.store.delete_sessions_of_user(&session.user_id).await.unwrap(), 2);
    for (cookie, lives) in [(first, false), (second, false), (other, true)] {
        assert_eq!(sessions(&world).find(cookie.expose(), NOW).await.unwrap().is_some(), lives);
    }
    assert!(world.store.find_live_session_by_sid(&SessionId::generate(), NOW).await.unwrap().is_none());
}
