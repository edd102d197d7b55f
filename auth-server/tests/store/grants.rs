use auth_server::store::{Change, GrantId, GrantsOf, NewGrant, Rotation, SessionId};
use time::Duration;

use crate::world::{NOW, World, grant_for, on_both, token};

on_both!(
    a_grant_is_revoked_once_and_the_first_reason_stays,
    revoking_reaches_all_of_a_session_user_or_client_and_nothing_else,
    nothing_comes_from_a_grant_that_has_ended,
    a_grant_without_a_user_or_session_is_touched_by_neither,
);

async fn a_grant_is_revoked_once_and_the_first_reason_stays(world: World) {
    let store = &world.store;
    let id = world.grant(None).await;
    assert!(store.find_grant(&id).await.unwrap().unwrap().is_live(NOW));
    assert!(store.make(Change::revocation(&id, "code_replay", NOW)).await.unwrap());
    assert!(!store.make(Change::revocation(&id, "signed_out", NOW + Duration::HOUR)).await.unwrap());
    let grant = store.find_grant(&id).await.unwrap().unwrap();
    assert_eq!((grant.revoked_at, grant.revoked_reason.as_deref()), (Some(NOW), Some("code_replay")));
    assert!(!grant.is_live(NOW));
    assert!(!store.make(Change::revocation(&GrantId::generate(), "x", NOW)).await.unwrap());
    assert!(!store.make(Change::revocation(&GrantId::from(""), "x", NOW)).await.unwrap());
}

async fn revoking_reaches_all_of_a_session_user_or_client_and_nothing_else(world: World) {
    let store = &world.store;
    let (alice, bob) = (world.user("alice").await.id, world.user("bob").await.id);
    let (laptop, phone) = (SessionId::generate(), SessionId::generate());
    let mut ids = Vec::new();
    for (user, sid, client_id) in
        [(&alice, &laptop, "a"), (&alice, &phone, "b"), (&bob, &laptop, "b"), (&bob, &phone, "c")]
    {
        let grant = NewGrant { sid: Some(sid.clone()), client_id: client_id.into(), ..grant_for(Some(user)) };
        ids.push(grant.id.clone());
        store.make(Change::new_grant(grant)).await.unwrap();
    }
    let live = async || {
        let mut live = Vec::new();
        for id in &ids {
            live.push(store.find_grant(id).await.unwrap().unwrap().is_live(NOW));
        }
        live
    };
    assert_eq!(store.revoke_grants(&GrantsOf::Client("c".into()), "client_removed", NOW).await.unwrap(), ids[3..]);
    assert_eq!(live().await, [true, true, true, false]);
    assert_eq!(store.revoke_grants(&GrantsOf::Session(laptop), "signed_out", NOW).await.unwrap().len(), 2);
    assert_eq!(live().await, [false, true, false, false]);
    let of_alice = GrantsOf::User(alice);
    assert_eq!(store.revoke_grants(&of_alice, "blocked", NOW).await.unwrap(), ids[1..2]);
    assert_eq!(live().await, [false, false, false, false]);
    assert_eq!(store.revoke_grants(&of_alice, "blocked", NOW).await.unwrap(), []);
}

async fn nothing_comes_from_a_grant_that_has_ended(world: World) {
    let store = &world.store;
    let (grant_id, first) = world.first_token().await;
    let end = store.find_grant(&grant_id).await.unwrap().unwrap().expires_at;
    assert!(!store.insert_refresh_token(&grant_id, token("j"), end).await.unwrap());
    let ended = Rotation::GrantEnded { grant_id: grant_id.clone() };
    assert_eq!(store.make(Change::rotation(first, token("j"), end)).await.unwrap(), ended);

    store.make(Change::revocation(&grant_id, "signed_out", NOW)).await.unwrap();
    assert!(!store.insert_refresh_token(&grant_id, token("j"), NOW).await.unwrap());
    assert_eq!(store.make(Change::rotation(first, token("j"), NOW)).await.unwrap(), ended);
    assert!(!store.insert_refresh_token(&GrantId::generate(), token("j"), NOW).await.unwrap());
}

async fn a_grant_without_a_user_or_session_is_touched_by_neither(world: World) {
    let machine = world.grant(None).await;
    let alice = world.user("alice").await.id;
    for of in [GrantsOf::User(alice), GrantsOf::Session(SessionId::from(""))] {
        assert_eq!(world.store.revoke_grants(&of, "x", NOW).await.unwrap(), []);
    }
    assert!(world.store.find_grant(&machine).await.unwrap().unwrap().is_live(NOW));
}
