use auth_server::store::{AttemptKey, AttemptPolicy, AuthorizationRequest, OpaqueSecret, Redemption, SecretHash};
use time::Duration;

use crate::world::{NOW, World, grant_for, on_both, token};

on_both!(what_has_expired_goes_in_batches_and_the_rest_stays, a_grant_goes_with_all_that_came_from_it,);

async fn what_has_expired_goes_in_batches_and_the_rest_stays(world: World) {
    let store = &world.store;
    let mut hashes = Vec::new();
    for minutes in 0..10 {
        let hash = OpaqueSecret::generate().hash();
        hashes.push(hash);
        let request = AuthorizationRequest {
            hash,
            browser_hash: SecretHash::of("b"),
            client_id: "c".into(),
            document: "{}".into(),
            consented: false,
            created_at: NOW,
            expires_at: NOW + Duration::minutes(minutes),
        };
        store.insert_authorization_request(request).await.unwrap();
    }
    let now = NOW + Duration::minutes(6);
    assert_eq!(store.remove_expired(now, 3).await.unwrap(), 3);
    assert_eq!(store.remove_expired(now, 3).await.unwrap(), 3);
    assert_eq!(store.remove_expired(now, 3).await.unwrap(), 1);
    assert_eq!(store.remove_expired(now, 3).await.unwrap(), 0);
    for (minutes, hash) in hashes.into_iter().enumerate() {
        assert_eq!(store.find_authorization_request(hash, NOW - Duration::DAY).await.unwrap().is_some(), minutes > 6);
    }
}

async fn a_grant_goes_with_all_that_came_from_it(world: World) {
    let store = &world.store;
    let code = world.code().await;
    let (grant, refresh) = (grant_for(None), token("j"));
    let (id, hash, end) = (grant.id.clone(), refresh.hash, grant.expires_at);
    assert_eq!(store.redeem(code, grant, Some(refresh), NOW).await.unwrap(), Redemption::Granted);
    let policy = AttemptPolicy {
        free_attempts: 1,
        first_wait: Duration::SECOND,
        longest_wait: Duration::SECOND,
        forgotten_after: Duration::SECOND,
        cleared_by_success: true,
    };
    let _ = store.begin_attempt(vec![AttemptKey::new("account", "a", policy)], NOW).await.unwrap();

    assert_eq!(store.remove_expired(NOW + Duration::HOUR, 100).await.unwrap(), 1, "the counter alone");
    assert!(store.find_authorization_code(code).await.unwrap().is_some(), "a replay would still be noticed");
    assert!(store.find_refresh_token(hash).await.unwrap().is_some());
    store.remove_expired(end + Duration::days(2), 100).await.unwrap();
    assert_eq!(store.find_grant(&id).await.unwrap(), None);
    assert_eq!(store.find_authorization_code(code).await.unwrap(), None);
    assert_eq!(store.find_refresh_token(hash).await.unwrap(), None);
}
