use std::collections::BTreeSet;

use auth_server::store::{BLOCK_AGE, BLOCK_SIZE, Change, GrantId, GrantsOf, LIST_SIZE, NewGrant, UserId};
use time::Duration;

use crate::world::{NOW, World, grant_for, on_both};

on_both!(
    no_two_servers_take_the_same_block,
    a_list_tells_what_has_ended_before_its_time,
    a_block_is_given_back_once_nobody_needs_it,
    what_strangers_hold_ends,
);

async fn no_two_servers_take_the_same_block(world: World) {
    let [one, other] = world.replicas();
    let takers: Vec<_> = (0..40)
        .map(|number| {
            let store = if number % 2 == 0 { one.clone() } else { other.clone() };
            tokio::spawn(async move { store.reserve_status_block(number, NOW).await.unwrap() })
        })
        .collect();
    let mut blocks = BTreeSet::new();
    for taker in takers {
        assert!(blocks.insert(taker.await.unwrap()), "taken twice");
    }
    assert_eq!(world.store.count_status_lists().await.unwrap(), 1);
}

async fn grant_at(world: &World, user: Option<&UserId>, index: i64) -> GrantId {
    let grant = NewGrant { status_index: Some(index), ..grant_for(user) };
    let id = grant.id.clone();
    world.store.make(Change::new_grant(grant)).await.unwrap();
    id
}

async fn a_list_tells_what_has_ended_before_its_time(world: World) {
    let store = &world.store;
    let (alice, bob) = (world.user("alice").await.id, world.user("bob").await.id);
    let revoked = grant_at(&world, Some(&alice), 7).await;
    grant_at(&world, Some(&alice), 8).await;
    grant_at(&world, Some(&bob), 9).await;
    grant_at(&world, None, LIST_SIZE - 1).await;
    let in_next_list = grant_at(&world, None, LIST_SIZE).await;
    let ended = async |list| store.ended_status_indices(list, NOW).await.unwrap().into_iter().collect::<BTreeSet<_>>();
    assert!(ended(0).await.is_empty());
    store.make(Change::revocation(&revoked, "x", NOW)).await.unwrap();
    store.make(Change::revocation(&in_next_list, "x", NOW)).await.unwrap();
    assert_eq!((ended(0).await, ended(1).await), ([7].into(), [LIST_SIZE].into()));
    store.set_blocked(&bob, true, NOW).await.unwrap();
    assert_eq!(ended(0).await, [7, 9].into());
    store.set_blocked(&bob, false, NOW).await.unwrap();
    assert_eq!(ended(0).await, [7].into(), "unblocked, the tokens live again");
    // Past its time no token of it lives: the place can be used again.
    let end = store.find_grant(&revoked).await.unwrap().unwrap().expires_at;
    assert!(store.ended_status_indices(0, end).await.unwrap().is_empty());
}

async fn a_block_is_given_back_once_nobody_needs_it(world: World) {
    let store = &world.store;
    let block = store.reserve_status_block(5, NOW).await.unwrap();
    let unused = store.reserve_status_block(6, NOW).await.unwrap();
    assert_ne!(block, unused);
    let grant = grant_at(&world, None, block * BLOCK_SIZE + 3).await;
    assert_eq!(store.free_status_blocks(NOW + BLOCK_AGE).await.unwrap(), 0, "a server may still give them out");
    let later = NOW + 3 * BLOCK_AGE;
    assert_eq!(store.free_status_blocks(later).await.unwrap(), 1);
    let end = store.find_grant(&grant).await.unwrap().unwrap().expires_at + Duration::days(2);
    while store.remove_expired(end, 100).await.unwrap() > 0 {}
    assert_eq!(store.free_status_blocks(end).await.unwrap(), 1);
}

async fn what_strangers_hold_ends(world: World) {
    let store = &world.store;
    let held_by = async |client: &str, api: &str| {
        let grant = NewGrant { client_id: client.into(), audience: Some(api.into()), ..grant_for(None) };
        let id = grant.id.clone();
        store.make(Change::new_grant(grant)).await.unwrap();
        id
    };
    let good = held_by("app", "a").await;
    let of_client = held_by("gone", "a").await;
    let of_api = held_by("app", "gone").await;
    let known = |holder: &GrantsOf| matches!(holder, GrantsOf::Client(id) | GrantsOf::Api(id) if id != "gone");
    assert_eq!(
        store.revoke_grants_of_strangers(known, "unregistered", NOW).await.unwrap(),
        [of_client.clone(), of_api.clone()]
    );
    for (id, lives) in [(good, true), (of_client, false), (of_api, false)] {
        assert_eq!(store.find_grant(&id).await.unwrap().unwrap().is_live(NOW), lives);
    }
    assert_eq!(store.revoke_grants_of_strangers(known, "unregistered", NOW).await.unwrap(), []);
}
