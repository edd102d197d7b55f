use auth_server::store::{Address, Consent, PasswordHash, Profile, UserId};
use time::{Duration, OffsetDateTime};

use crate::world::{NOW, World, new_user, on_both, scope};

on_both!(
    a_user_reads_back_as_written,
    a_user_keeps_their_id_and_password_when_described_again,
    describing_a_user_again_changes_nothing_when_nothing_changed,
    a_restart_does_not_let_in_whom_an_administrator_blocked,
    a_name_in_other_letters_is_the_same_user,
    a_name_that_no_database_can_hold_finds_nobody,
    the_same_user_made_by_many_at_once_is_one,
    consents_add_up_and_belong_to_one_user_and_client,
);

async fn a_user_reads_back_as_written(world: World) {
    let mut new = new_user("alice");
    new.password_hash = Some(PasswordHash::of_phc("$argon2id$...".into()));
    new.profile = Profile {
        email: Some("älice@example.com".into()),
        email_verified: Some(true),
        address: Some(Address { street_address: Some("1 Road\nUpstairs".into()), ..Address::default() }),
        ..Profile::default()
    };
    let made = world.store.put_user(new.clone(), NOW).await.unwrap();
    assert!(made.id.as_str().starts_with("usr_"));
    assert_eq!((&made.profile, &made.permissions), (&new.profile, &new.permissions));
    assert_eq!((made.created_at, made.updated_at), (NOW, NOW));
    assert_eq!(world.store.find_user(&made.id).await.unwrap().as_ref(), Some(&made));
    assert_eq!(world.store.find_user_by_username("alice").await.unwrap().as_ref(), Some(&made));
    assert_eq!(world.store.list_users().await.unwrap(), [made]);
    assert_eq!(world.store.find_user(&UserId::generate()).await.unwrap(), None);
}

async fn a_user_keeps_their_id_and_password_when_described_again(world: World) {
    let mut new = new_user("alice");
    new.password_hash = Some(PasswordHash::of_phc("first".into()));
    let first = world.store.put_user(new.clone(), NOW).await.unwrap();
    new.password_hash = None;
    new.permissions.clear();
    let second = world.store.put_user(new, NOW + Duration::HOUR).await.unwrap();
    assert_eq!((second.id, second.password_hash), (first.id, first.password_hash));
    assert!(second.permissions.is_empty());
    assert_eq!((second.created_at, second.updated_at), (NOW, NOW + Duration::HOUR));
}

async fn describing_a_user_again_changes_nothing_when_nothing_changed(world: World) {
    let first = world.user("alice").await;
    let second = world.store.put_user(new_user("alice"), NOW + Duration::HOUR).await.unwrap();
    assert_eq!(first, second);
}

async fn a_restart_does_not_let_in_whom_an_administrator_blocked(world: World) {
    let alice = world.user("alice").await;
    assert!(world.store.set_blocked(&alice.id, true, NOW).await.unwrap());
    assert!(world.user("alice").await.blocked);
    let unblocked = auth_server::store::NewUser { blocked: Some(false), ..new_user("alice") };
    assert!(!world.store.put_user(unblocked, NOW).await.unwrap().blocked);
    assert!(!world.store.set_blocked(&UserId::generate(), true, NOW).await.unwrap());
}

async fn a_name_in_other_letters_is_the_same_user(world: World) {
    let alice = world.user("alice").await;
    assert_eq!(world.store.find_user_by_username(" ALICE ").await.unwrap().unwrap().id, alice.id);
    assert_eq!(world.user("Alice").await.id, alice.id);
    assert_eq!(world.store.find_user_by_username("alice@example").await.unwrap(), None);
}

async fn a_name_that_no_database_can_hold_finds_nobody(world: World) {
    world.user("alice").await;
    for name in ["alice\0", "\0", "", "%", "alice'--", &"a".repeat(100_000)] {
        assert_eq!(world.store.find_user_by_username(name).await.unwrap(), None);
    }
}

async fn the_same_user_made_by_many_at_once_is_one(world: World) {
    let makers: Vec<_> = (0..20)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move { store.put_user(new_user("alice"), NOW).await.unwrap().id })
        })
        .collect();
    let mut ids = std::collections::BTreeSet::new();
    for maker in makers {
        ids.insert(maker.await.unwrap());
    }
    assert_eq!(ids.len(), 1);
}

async fn consents_add_up_and_belong_to_one_user_and_client(world: World) {
    let (alice, bob) = (world.user("alice").await.id, world.user("bob").await.id);
    let consent = |api: Option<&str>, names: &str| Consent { api: api.map(Into::into), scope: scope(names) };
    let api_a = Some("https://api-a.example");
    let add = |allowed: Vec<Consent>, at: OffsetDateTime| world.store.add_consents(&alice, "app", allowed, at);
    add(vec![consent(None, "openid profile"), consent(api_a, "read:reports")], NOW).await.unwrap();
    add(vec![consent(api_a, "read:reports write:reports")], NOW + Duration::HOUR).await.unwrap();
    assert_eq!(
        world.store.list_consents(&alice, "app").await.unwrap(),
        [consent(None, "openid profile"), consent(api_a, "read:reports write:reports")]
    );
    assert!(world.store.list_consents(&bob, "app").await.unwrap().is_empty());
    assert!(world.store.list_consents(&alice, "other").await.unwrap().is_empty());
}
