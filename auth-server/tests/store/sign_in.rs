use std::net::IpAddr;

use auth_server::users::{
    ConfiguredPassword, ConfiguredUser, PasswordSettings, Passwords, Refusal, SignIn, SignInError, SignInPolicy,
    provision,
};
use aws_lc_rs::hmac;
use secrecy::SecretString;
use time::{Duration, OffsetDateTime};

use crate::world::{NOW, World, on_both};

on_both!(
    the_right_password_signs_in,
    every_refusal_looks_the_same,
    guessing_is_slowed_down_for_unknown_users_too,
    spelling_the_name_otherwise_wins_no_guesses,
    an_address_that_guesses_at_many_accounts_is_slowed_down,
    provisioning_again_changes_nothing,
);

const HERE: &str = "192.0.2.1";

async fn sign_in(world: &World) -> SignIn {
    let passwords = Passwords::new(PasswordSettings::default()).unwrap();
    for (username, password, blocked) in
        [("alice", Some("alice-password"), false), ("carol", Some("carol-password"), true), ("dora", None, false)]
    {
        let configured = configured(username, password, blocked);
        provision(&world.store, &passwords, &salts(1), configured, NOW).await.unwrap();
    }
    SignIn::new(world.store.clone(), passwords, SignInPolicy::default())
}

fn salts(key: u8) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[key; 32])
}

fn configured(username: &str, password: Option<&str>, blocked: bool) -> ConfiguredUser {
    ConfiguredUser {
        username: username.into(),
        password: password.map(SecretString::from).map(ConfiguredPassword::Plain),
        blocked: Some(blocked),
        profile: auth_server::store::Profile::default(),
        permissions: auth_server::store::Permissions::default(),
    }
}

async fn attempt(
    sign_in: &SignIn,
    username: &str,
    password: &str,
    from: &str,
    now: OffsetDateTime,
) -> Result<String, SignInError> {
    let from: IpAddr = from.parse().unwrap();
    sign_in.sign_in(username, &SecretString::from(password), from, now).await.map(|user| user.username)
}

async fn the_right_password_signs_in(world: World) {
    let sign_in = sign_in(&world).await;
    for _ in 0..10 {
        assert_eq!(attempt(&sign_in, " Alice", "alice-password", HERE, NOW).await.unwrap(), "alice");
    }
}

async fn every_refusal_looks_the_same(world: World) {
    let sign_in = sign_in(&world).await;
    let mut texts = std::collections::BTreeSet::new();
    for (username, password, refusal) in [
        ("alice", "wrong", Refusal::WrongPassword),
        ("alice", "", Refusal::WrongPassword),
        ("nobody", "alice-password", Refusal::UnknownUser),
        ("carol", "carol-password", Refusal::Blocked),
        ("carol", "wrong", Refusal::WrongPassword),
        ("dora", "", Refusal::NoPassword),
    ] {
        let error = attempt(&sign_in, username, password, HERE, NOW).await.unwrap_err();
        texts.insert(error.to_string());
        assert!(matches!(error, SignInError::Refused(reason) if reason == refusal), "{username}: {error:?}");
    }
    assert_eq!(texts.len(), 1);
}

async fn guessing_is_slowed_down_for_unknown_users_too(world: World) {
    let sign_in = sign_in(&world).await;
    for username in ["alice", "nobody"] {
        for _ in 0..5 {
            let refused = attempt(&sign_in, username, "guess", HERE, NOW).await;
            assert!(matches!(refused, Err(SignInError::Refused(_))));
        }
        let error = attempt(&sign_in, username, "alice-password", HERE, NOW).await.unwrap_err();
        assert!(
            matches!(error, SignInError::TooManyAttempts { retry_after } if retry_after == Duration::SECOND),
            "{error:?}"
        );
    }
    let later = NOW + Duration::SECOND;
    assert_eq!(attempt(&sign_in, "alice", "alice-password", HERE, later).await.unwrap(), "alice");
}

async fn spelling_the_name_otherwise_wins_no_guesses(world: World) {
    let sign_in = sign_in(&world).await;
    for username in ["alice", "Alice", "ALICE", " alice", "alice "] {
        let _ = attempt(&sign_in, username, "guess", HERE, NOW).await;
    }
    let error = attempt(&sign_in, "aLiCe", "guess", HERE, NOW).await.unwrap_err();
    assert!(matches!(error, SignInError::TooManyAttempts { .. }), "{error:?}");
}

async fn an_address_that_guesses_at_many_accounts_is_slowed_down(world: World) {
    let sign_in = sign_in(&world).await;
    for number in 0..50 {
        let from = format!("2001:db8::{number:x}");
        let refused = attempt(&sign_in, &format!("user-{number}"), "guess", &from, NOW).await;
        assert!(matches!(refused, Err(SignInError::Refused(_))), "{refused:?}");
    }
    let error = attempt(&sign_in, "alice", "alice-password", "2001:db8::ffff", NOW).await.unwrap_err();
    assert!(matches!(error, SignInError::TooManyAttempts { .. }), "{error:?}");
    assert_eq!(attempt(&sign_in, "alice", "alice-password", HERE, NOW).await.unwrap(), "alice");
}

async fn provisioning_again_changes_nothing(world: World) {
    let passwords = Passwords::new(PasswordSettings::default()).unwrap();
    let alice = async |key, password| {
        let alice = configured("alice", Some(password), false);
        provision(&world.store, &passwords, &salts(key), alice, NOW).await.unwrap()
    };
    let first = alice(1, "one").await;
    assert_eq!(first, alice(1, "one").await);
    // Nor with another master key, by whose salts the hash is not known.
    assert_eq!(first, alice(2, "one").await);
    let changed = alice(1, "two").await;
    assert_eq!(changed.id, first.id);
    assert_ne!(changed.password_hash, first.password_hash);
    assert!(passwords.verify(&"two".into(), changed.password_hash.as_ref()).await.unwrap());
}
