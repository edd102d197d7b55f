use auth_server::store::{Attempt, AttemptKey, AttemptPolicy};
use time::{Duration, OffsetDateTime};

use crate::batch::{Holding, patient};
use crate::world::{NOW, World, on_both};

on_both!(
    waiting_begins_after_the_free_attempts_doubles_and_has_a_bound,
    an_attempt_that_has_to_wait_does_not_count,
    attempts_are_forgotten_in_time,
    a_success_clears_the_account_but_not_the_address,
    of_parallel_guesses_no_more_are_allowed_than_one_by_one,
    keys_of_many_accounts_never_wait_for_each_other_in_a_circle,
);

const ACCOUNT: AttemptPolicy = AttemptPolicy {
    free_attempts: 3,
    first_wait: Duration::SECOND,
    longest_wait: Duration::MINUTE,
    forgotten_after: Duration::minutes(15),
    cleared_by_success: true,
};
const ADDRESS: AttemptPolicy = AttemptPolicy { free_attempts: 5, cleared_by_success: false, ..ACCOUNT };

fn account(name: &str) -> AttemptKey {
    AttemptKey::new("account", name, ACCOUNT)
}

fn address(text: &str) -> AttemptKey {
    AttemptKey::new("address", text, ADDRESS)
}

async fn begin(world: &World, keys: &[AttemptKey], now: OffsetDateTime) -> Attempt {
    world.store.begin_attempt(keys.to_vec(), now).await.unwrap()
}

async fn waiting_begins_after_the_free_attempts_doubles_and_has_a_bound(world: World) {
    let keys = [account("alice")];
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert_eq!(begin(&world, &keys, now).await, Attempt::Allowed);
        if let Attempt::Wait(wait) = begin(&world, &keys, now).await {
            waits.push(wait.whole_seconds());
            now += wait;
        } else {
            waits.push(0);
            // That second look was an attempt of its own.
        }
    }
    assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
}

async fn an_attempt_that_has_to_wait_does_not_count(world: World) {
    let keys = [account("alice"), address("192.0.2.1")];
    for _ in 0..3 {
        assert_eq!(begin(&world, &keys, NOW).await, Attempt::Allowed);
    }
    for _ in 0..50 {
        assert_eq!(begin(&world, &keys, NOW).await, Attempt::Wait(Duration::SECOND));
    }
    assert_eq!(begin(&world, &keys, NOW + Duration::SECOND).await, Attempt::Allowed);
    assert_eq!(begin(&world, &[account("bob"), address("192.0.2.1")], NOW).await, Attempt::Allowed, "four of five");
}

async fn attempts_are_forgotten_in_time(world: World) {
    let keys = [account("alice")];
    for _ in 0..3 {
        assert_eq!(begin(&world, &keys, NOW).await, Attempt::Allowed);
    }
    let later = NOW + ACCOUNT.forgotten_after;
    for _ in 0..3 {
        assert_eq!(begin(&world, &keys, later).await, Attempt::Allowed);
    }
    assert_eq!(begin(&world, &keys, later).await, Attempt::Wait(Duration::SECOND));
}

async fn a_success_clears_the_account_but_not_the_address(world: World) {
    let keys = [account("mallory"), address("192.0.2.1")];
    let victim = [account("alice"), address("192.0.2.1")];
    for _ in 0..3 {
        assert_eq!(begin(&world, &victim, NOW).await, Attempt::Allowed);
    }
    for _ in 0..10 {
        assert_eq!(begin(&world, &keys, NOW).await, Attempt::Allowed);
        world.store.attempt_succeeded(keys.to_vec()).await.unwrap();
    }
    let other = |name: &str| [account(name), address("192.0.2.1")];
    assert_eq!(begin(&world, &other("a"), NOW).await, Attempt::Allowed);
    assert_eq!(begin(&world, &other("b"), NOW).await, Attempt::Allowed);
    assert_eq!(begin(&world, &other("c"), NOW).await, Attempt::Wait(Duration::SECOND), "five from this address");
    assert_eq!(begin(&world, &[account("alice")], NOW).await, Attempt::Wait(Duration::SECOND));
    world.store.attempt_succeeded(vec![account("alice")]).await.unwrap();
    assert_eq!(begin(&world, &[account("alice")], NOW).await, Attempt::Allowed);
}

async fn of_parallel_guesses_no_more_are_allowed_than_one_by_one(world: World) {
    let replicas = world.replicas();
    let guesses: Vec<_> = (0..200)
        .map(|number| {
            let store = replicas[number % 2].clone();
            let keys = vec![account("alice"), address(&format!("192.0.2.{number}"))];
            tokio::spawn(async move { store.begin_attempt(keys, NOW).await.unwrap() })
        })
        .collect();
    let mut allowed = 0;
    for guess in guesses {
        allowed += usize::from(guess.await.unwrap() == Attempt::Allowed);
    }
    assert_eq!(allowed, 3);
}

async fn keys_of_many_accounts_never_wait_for_each_other_in_a_circle(world: World) {
    let guesses: Vec<_> = (0..60)
        .map(|number: u32| {
            let store = world.store.clone();
            let (first, second) = (account(&format!("u{}", number % 4)), account(&format!("u{}", (number + 1) % 4)));
            let keys = if number.is_multiple_of(2) { vec![first, second] } else { vec![second, first] };
            tokio::spawn(async move { store.begin_attempt(keys, NOW).await })
        })
        .collect();
    for guess in guesses {
        let _ = guess.await.unwrap().unwrap();
    }
}

/// Whoever presses the button twice: the first sign-in takes the counter away while the second is about to count.
#[tokio::test]
async fn an_attempt_counts_anew_where_a_success_has_just_cleared_the_account_on_postgres() {
    let Some(world) = patient().await else { return };
    assert_eq!(begin(&world, &[account("alice")], NOW).await, Attempt::Allowed);
    let mut success = Holding::begin(&world, "SELECT FROM sign_in_counters FOR UPDATE");
    let store = world.store.clone();
    let second = tokio::spawn(async move { store.begin_attempt(vec![account("alice")], NOW).await });
    success.until_waited_for_by(1).await;
    success.commit("DELETE FROM sign_in_counters");
    assert_eq!(second.await.unwrap().unwrap(), Attempt::Allowed);
    assert_eq!(world.count("sign_in_counters"), 1);
}
