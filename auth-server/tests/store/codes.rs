use auth_server::store::{Change, OpaqueSecret, Redemption};
use time::Duration;

use crate::world::{NOW, World, assert_kept, grant_for, on_both, token, whole_grant_for, whole_token};

on_both!(
    a_code_gives_its_grant_and_refresh_token_together,
    a_replayed_code_names_the_grant_it_gave,
    an_expired_code_gives_nothing_but_its_replay_is_still_noticed,
    a_redemption_that_fails_leaves_the_code_unused,
    two_hundred_redemptions_at_once_give_one_grant,
);

async fn a_code_gives_its_grant_and_refresh_token_together(world: World) {
    let store = &world.store;
    let user = world.user("alice").await.id;
    let code = world.code().await;
    let (grant, refresh) = (whole_grant_for(&user), whole_token("jti-1"));
    let grant_id = grant.id.clone();
    assert_eq!(
        store.make(Change::redemption(code, grant.clone(), Some(refresh.clone()), NOW)).await.unwrap(),
        Redemption::Granted
    );

    let kept = store.find_grant(&grant_id).await.unwrap().unwrap();
    assert_eq!((kept.user_id, kept.client_id, kept.sid), (grant.user_id, grant.client_id, grant.sid));
    assert_eq!((kept.scope, kept.audience, kept.acr, kept.amr), (grant.scope, grant.audience, grant.acr, grant.amr));
    assert_eq!((kept.userinfo_claims, kept.status_index), (grant.userinfo_claims, grant.status_index));
    assert_eq!((kept.auth_time, kept.created_at), (grant.auth_time, grant.created_at));
    assert_eq!((kept.expires_at, kept.revoked_at, kept.revoked_reason), (grant.expires_at, None, None));
    let first = store.find_refresh_token(refresh.hash).await.unwrap().unwrap();
    assert_kept(&first, &refresh);
    assert_eq!((first.grant_id, first.family_id, first.predecessor), (grant_id.clone(), refresh.hash, None));
    let code = store.find_authorization_code(code).await.unwrap().unwrap();
    assert_eq!((code.grant_id, code.consumed_at), (Some(grant_id), Some(NOW)));
}

async fn a_replayed_code_names_the_grant_it_gave(world: World) {
    let code = world.code().await;
    let first = grant_for(None);
    let grant_id = first.id.clone();
    assert_eq!(world.store.make(Change::redemption(code, first, None, NOW)).await.unwrap(), Redemption::Granted);
    let second = grant_for(None);
    let second_id = second.id.clone();
    let replay = world.store.make(Change::redemption(code, second, Some(token("j")), NOW)).await.unwrap();
    assert_eq!(replay, Redemption::AlreadyRedeemed { grant_id });
    assert_eq!(world.store.find_grant(&second_id).await.unwrap(), None);
}

async fn an_expired_code_gives_nothing_but_its_replay_is_still_noticed(world: World) {
    let (unused, used) = (world.code().await, world.code().await);
    let late = NOW + Duration::MINUTE;
    assert_eq!(
        world.store.make(Change::redemption(unused, grant_for(None), None, late)).await.unwrap(),
        Redemption::Unknown
    );
    assert_eq!(
        world.store.make(Change::redemption(used, grant_for(None), None, NOW)).await.unwrap(),
        Redemption::Granted
    );
    let replay = world.store.make(Change::redemption(used, grant_for(None), None, late)).await.unwrap();
    assert!(matches!(replay, Redemption::AlreadyRedeemed { .. }), "{replay:?}");
    let never = OpaqueSecret::generate().hash();
    assert_eq!(
        world.store.make(Change::redemption(never, grant_for(None), None, NOW)).await.unwrap(),
        Redemption::Unknown
    );
}

async fn a_redemption_that_fails_leaves_the_code_unused(world: World) {
    let code = world.code().await;
    let taken = world.first_token().await.1;
    let clash = auth_server::store::NewRefreshToken { hash: taken, ..token("j") };
    let grant = grant_for(None);
    let grant_id = grant.id.clone();
    assert!(world.store.make(Change::redemption(code, grant, Some(clash), NOW)).await.is_err());
    assert_eq!(world.store.find_grant(&grant_id).await.unwrap(), None);
    assert_eq!(
        world.store.make(Change::redemption(code, grant_for(None), None, NOW)).await.unwrap(),
        Redemption::Granted
    );
}

async fn two_hundred_redemptions_at_once_give_one_grant(world: World) {
    let code = world.code().await;
    let replicas = world.replicas();
    let tries: Vec<_> = (0..200)
        .map(|number| {
            let store = replicas[number % 2].clone();
            let grant = grant_for(None);
            tokio::spawn(async move {
                let id = grant.id.clone();
                (id, store.make(Change::redemption(code, grant, Some(token("j")), NOW)).await.unwrap())
            })
        })
        .collect();
    let mut granted = Vec::new();
    let mut told = std::collections::BTreeSet::new();
    for attempt in tries {
        match attempt.await.unwrap() {
            (id, Redemption::Granted) => granted.push(id),
            (_, Redemption::AlreadyRedeemed { grant_id }) => {
                told.insert(grant_id);
            }
            (_, Redemption::Unknown) => panic!("the code was there"),
        }
    }
    assert_eq!(granted.len(), 1);
    assert_eq!(told.into_iter().collect::<Vec<_>>(), granted);
}

/// On PostgreSQL a transaction would be five round trips.
#[tokio::test(flavor = "multi_thread")]
async fn a_redemption_is_one_statement_on_postgres() {
    let Some(world) = World::on_postgres().await else { return };
    let change = Change::redemption(world.code().await, grant_for(None), Some(token("jti-1")), NOW);
    assert_eq!(world.store.make(change).await.unwrap(), Redemption::Granted);
    let last = world.last_statements();
    assert!(last.iter().any(|statement| statement.starts_with("WITH asked")), "{last:?}");
}
