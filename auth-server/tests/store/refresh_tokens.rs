use auth_server::store::{Change, GrantId, NewRefreshToken, OpaqueSecret, Rotation, SecretHash, Store};
use time::Duration;

use crate::world::{NOW, World, assert_kept, on_both, token, whole_token};

on_both!(
    a_rotated_token_is_followed_by_its_successor_in_the_same_family,
    a_lost_response_is_replaced_as_often_as_it_takes,
    a_token_whose_successor_was_used_is_theft,
    a_token_whose_successors_access_token_was_used_is_theft,
    a_replaced_successor_that_shows_up_is_theft,
    theft_ends_the_whole_family,
    the_token_of_another_client_is_left_alone,
    an_expired_or_unknown_token_gives_nothing,
    using_an_access_token_without_a_refresh_token_notes_nothing,
    two_hundred_rotations_at_once_leave_one_live_token,
    two_hundred_replays_of_a_stolen_token_all_fail_and_end_the_grant,
    a_token_and_the_one_before_it_at_once_never_both_succeed,
    a_family_that_ends_while_it_rotates_has_no_token_left,
    two_families_of_one_grant_rotate_apart_and_end_together,
);

/// Rotates to a token whose access token has this `jti`.
async fn rotate(world: &World, presented: SecretHash, jti: &str) -> (SecretHash, Rotation) {
    let successor = token(jti);
    (successor.hash, world.store.make(Change::rotation(presented, successor, NOW)).await.unwrap())
}

async fn is_live(world: &World, grant_id: &GrantId) -> bool {
    world.store.find_grant(grant_id).await.unwrap().unwrap().is_live(NOW)
}

async fn a_rotated_token_is_followed_by_its_successor_in_the_same_family(world: World) {
    let (grant_id, first) = world.first_token().await;
    let successor = whole_token("jti-1");
    let second = successor.hash;
    let rotation = Change::rotation(first, successor.clone(), NOW);
    assert_eq!(world.store.make(rotation).await.unwrap(), Rotation::Rotated);
    let (old, new) = (
        world.store.find_refresh_token(first).await.unwrap().unwrap(),
        world.store.find_refresh_token(second).await.unwrap().unwrap(),
    );
    assert_kept(&new, &successor);
    assert_eq!((old.used_at, new.used_at, new.predecessor), (Some(NOW), None, Some(first)));
    assert_eq!((new.family_id, new.grant_id), (first, grant_id));
    assert_eq!(rotate(&world, second, "jti-2").await.1, Rotation::Rotated);
}

async fn a_lost_response_is_replaced_as_often_as_it_takes(world: World) {
    let (grant_id, first) = world.first_token().await;
    assert_eq!(rotate(&world, first, "lost-1").await.1, Rotation::Rotated);
    assert_eq!(rotate(&world, first, "lost-2").await.1, Rotation::Replaced);
    let (arrived, rotation) = rotate(&world, first, "arrived").await;
    assert_eq!(rotation, Rotation::Replaced);
    assert_eq!(rotate(&world, arrived, "next").await.1, Rotation::Rotated);
    assert!(is_live(&world, &grant_id).await);
}

async fn a_token_whose_successor_was_used_is_theft(world: World) {
    let (grant_id, first) = world.first_token().await;
    let (second, _) = rotate(&world, first, "jti-1").await;
    let (third, _) = rotate(&world, second, "jti-2").await;
    assert_eq!(rotate(&world, first, "stolen").await.1, Rotation::Reused { grant_id: grant_id.clone() });
    let grant = world.store.find_grant(&grant_id).await.unwrap().unwrap();
    assert_eq!((grant.revoked_at, grant.revoked_reason.as_deref()), (Some(NOW), Some("refresh_token_reuse")));
    assert_eq!(rotate(&world, third, "late").await.1, Rotation::GrantEnded { grant_id });
}

async fn a_token_whose_successors_access_token_was_used_is_theft(world: World) {
    let (grant_id, first) = world.first_token().await;
    let (second, _) = rotate(&world, first, "jti-1").await;
    world.store.access_token_used("jti-0", NOW).await.unwrap();
    assert_eq!(rotate(&world, first, "jti-1b").await.1, Rotation::Replaced, "the first access token tells nothing");
    world.store.access_token_used("jti-1b", NOW).await.unwrap();
    world.store.access_token_used("jti-1b", NOW + Duration::HOUR).await.unwrap();
    assert_eq!(rotate(&world, first, "stolen").await.1, Rotation::Reused { grant_id });
    let second = world.store.find_refresh_token(second).await.unwrap().unwrap();
    assert_eq!((second.access_used_at, second.superseded_at), (None, Some(NOW)));
}

async fn a_replaced_successor_that_shows_up_is_theft(world: World) {
    let (grant_id, first) = world.first_token().await;
    let (not_lost_after_all, _) = rotate(&world, first, "jti-1").await;
    let (replacement, _) = rotate(&world, first, "jti-2").await;
    assert_eq!(rotate(&world, not_lost_after_all, "jti-3").await.1, Rotation::Reused { grant_id: grant_id.clone() });
    assert_eq!(rotate(&world, replacement, "jti-4").await.1, Rotation::GrantEnded { grant_id });
}

async fn theft_ends_the_whole_family(world: World) {
    let (grant_id, first) = world.first_token().await;
    let (second, _) = rotate(&world, first, "jti-1").await;
    let (third, _) = rotate(&world, second, "jti-2").await;
    let _ = rotate(&world, first, "stolen").await;
    for token in [first, second, third] {
        let (successor, rotation) = rotate(&world, token, "late").await;
        assert!(matches!(rotation, Rotation::Reused { .. } | Rotation::GrantEnded { .. }), "{rotation:?}");
        assert_eq!(world.store.find_refresh_token(successor).await.unwrap(), None);
    }
    assert!(!is_live(&world, &grant_id).await);
}

async fn the_token_of_another_client_is_left_alone(world: World) {
    let (grant_id, first) = world.first_token().await;
    let (second, _) = rotate(&world, first, "jti-1").await;
    let _ = rotate(&world, second, "jti-2").await;
    let foreign = NewRefreshToken { client_id: "evil".into(), ..token("evil") };
    let rotation = world.store.make(Change::rotation(first, foreign, NOW)).await.unwrap();
    assert_eq!(rotation, Rotation::OfAnotherClient { grant_id: grant_id.clone() });
    assert!(is_live(&world, &grant_id).await, "a leaked token is no switch to end somebody's grant");
}

async fn an_expired_or_unknown_token_gives_nothing(world: World) {
    let (grant_id, first) = world.first_token().await;
    let expiry = world.store.find_refresh_token(first).await.unwrap().unwrap().expires_at;
    assert_eq!(world.store.make(Change::rotation(first, token("j"), expiry)).await.unwrap(), Rotation::Expired);
    assert_eq!(rotate(&world, OpaqueSecret::generate().hash(), "j").await.1, Rotation::Unknown);
    assert!(is_live(&world, &grant_id).await);
    assert_eq!(rotate(&world, first, "j").await.1, Rotation::Rotated);
}

async fn using_an_access_token_without_a_refresh_token_notes_nothing(world: World) {
    let (_, first) = world.first_token().await;
    world.store.access_token_used("somebody-else", NOW).await.unwrap();
    assert_eq!(world.store.find_refresh_token(first).await.unwrap().unwrap().access_used_at, None);
}

async fn at_once(world: &World, presented: SecretHash) -> Vec<(SecretHash, Rotation)> {
    let replicas = world.replicas();
    let tries: Vec<_> = (0..200)
        .map(|number| {
            let store = replicas[number % 2].clone();
            tokio::spawn(async move {
                let successor = token(&format!("jti-{number}"));
                (successor.hash, store.make(Change::rotation(presented, successor, NOW)).await.unwrap())
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for attempt in tries {
        outcomes.push(attempt.await.unwrap());
    }
    outcomes
}

async fn two_hundred_rotations_at_once_leave_one_live_token(world: World) {
    let (grant_id, first) = world.first_token().await;
    let outcomes = at_once(&world, first).await;
    let count = |wanted: Rotation| outcomes.iter().filter(|(_, rotation)| *rotation == wanted).count();
    assert_eq!((count(Rotation::Rotated), count(Rotation::Replaced)), (1, 199));
    let mut live = Vec::new();
    for (hash, _) in &outcomes {
        let token = world.store.find_refresh_token(*hash).await.unwrap().unwrap();
        if token.superseded_at.is_none() {
            live.push(*hash);
        }
    }
    assert_eq!(live.len(), 1);
    assert!(is_live(&world, &grant_id).await);
    assert_eq!(rotate(&world, live[0], "next").await.1, Rotation::Rotated);
}

async fn two_hundred_replays_of_a_stolen_token_all_fail_and_end_the_grant(world: World) {
    let (grant_id, first) = world.first_token().await;
    let (second, _) = rotate(&world, first, "jti-second").await;
    let _ = rotate(&world, second, "jti-third").await;
    for (hash, rotation) in at_once(&world, first).await {
        assert_eq!(rotation, Rotation::Reused { grant_id: grant_id.clone() });
        assert_eq!(world.store.find_refresh_token(hash).await.unwrap(), None);
    }
    assert!(!is_live(&world, &grant_id).await);
}

async fn a_token_and_the_one_before_it_at_once_never_both_succeed(world: World) {
    let replicas = world.replicas();
    for round in 0..100 {
        let (grant_id, first) = world.first_token().await;
        let (second, _) = rotate(&world, first, &format!("jti-{round}")).await;
        let attempts = [(first, &replicas[round % 2]), (second, &replicas[(round + 1) % 2])];
        let [stolen, next] = attempts.map(|(presented, store)| {
            let change = Change::rotation(presented, token(&format!("jti-{round}-next")), NOW);
            let store = store.clone();
            tokio::spawn(async move { store.make(change).await.unwrap() })
        });
        let outcomes = (stolen.await.unwrap(), next.await.unwrap());
        let theft = Rotation::Reused { grant_id: grant_id.clone() };
        let either = [(theft.clone(), Rotation::Rotated), (Rotation::Replaced, theft)];
        assert!(either.contains(&outcomes), "round {round}: {outcomes:?}");
        assert!(!is_live(&world, &grant_id).await);
    }
}

async fn two_families_of_one_grant_rotate_apart_and_end_together(world: World) {
    let (grant_id, first) = world.first_token().await;
    let exchanged = NewRefreshToken {
        client_id: "api-a".into(),
        api: Some("https://api-b.example".into()),
        ..token("jti-exchanged")
    };
    let other = exchanged.hash;
    assert!(world.store.insert_refresh_token(&grant_id, exchanged.clone(), NOW).await.unwrap());
    let (second, _) = rotate(&world, first, "jti-1").await;
    let successor = NewRefreshToken { hash: OpaqueSecret::generate().hash(), ..exchanged.clone() };
    assert_eq!(world.store.make(Change::rotation(other, successor, NOW)).await.unwrap(), Rotation::Rotated);
    let _ = rotate(&world, second, "jti-2").await;
    assert!(matches!(rotate(&world, first, "stolen").await.1, Rotation::Reused { .. }));
    let late = NewRefreshToken { hash: OpaqueSecret::generate().hash(), ..exchanged };
    assert_eq!(world.store.make(Change::rotation(other, late, NOW)).await.unwrap(), Rotation::GrantEnded { grant_id });
}

async fn a_family_that_ends_while_it_rotates_has_no_token_left(world: World) {
    let replicas = world.replicas();
    for round in 0..60 {
        let (grant_id, first) = world.first_token().await;
        let successor = token(&format!("jti-{round}"));
        let second = successor.hash;
        let (rotating, ending) = (replicas[round % 2].clone(), replicas[(round + 1) % 2].clone());
        let rotation =
            tokio::spawn(async move { rotating.make(Change::rotation(first, successor, NOW)).await.unwrap() });
        let end = tokio::spawn(async move { ending.end_refresh_family(&grant_id, first, NOW).await.unwrap() });
        let (rotation, ended) = (rotation.await.unwrap(), end.await.unwrap());
        assert!(matches!(rotation, Rotation::Rotated | Rotation::Expired), "round {round}: {rotation:?}");
        assert_eq!(ended, if rotation == Rotation::Rotated { 2 } else { 1 }, "round {round}");
        let left = rotate(&world, second, "late").await.1;
        assert!(matches!(left, Rotation::Expired | Rotation::Unknown), "round {round}: {left:?}");
    }
}

/// On PostgreSQL a transaction would be seven round trips.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_use_is_one_statement_on_postgres_and_a_replay_a_transaction() {
    let Some(world) = World::on_postgres().await else { return };
    let (_, first) = world.first_token().await;
    // Its one connection tells how the last change ended.
    let alone = Store::open_alone(&world.settings).unwrap();
    let is_last = |start: &str| world.last_statements().iter().any(|last| last.starts_with(start));
    let rotation = |jti| Change::rotation(first, token(jti), NOW);
    assert_eq!(alone.make(rotation("jti-1")).await.unwrap(), Rotation::Rotated);
    assert!(is_last("WITH asked"), "{:?}", world.last_statements());
    assert_eq!(alone.make(rotation("jti-2")).await.unwrap(), Rotation::Replaced);
    assert!(!is_last("WITH asked") && is_last("COMMIT"), "{:?}", world.last_statements());
}

/// Somebody's defaults for the database are not ours: a row that was waited for is looked at again.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_defaults_to_stricter_transactions_changes_nothing() {
    let Some(mut world) = World::on_postgres().await else { return };
    world.set_for_database("default_transaction_isolation = 'serializable'");
    world.set_for_database("default_transaction_read_only = on");
    world.store = world.another_replica();
    two_hundred_rotations_at_once_leave_one_live_token(world).await;
}
