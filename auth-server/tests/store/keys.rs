use auth_server::store::{KeyTimes, StoredSigningKey};
use time::Duration;

use crate::world::{NOW, World, on_both};

on_both!(
    keys_read_back_as_written_oldest_first,
    a_change_of_keys_raises_their_version,
    of_replicas_that_start_together_one_makes_the_first_key,
);

fn key(kid: &str) -> StoredSigningKey {
    StoredSigningKey {
        kid: kid.into(),
        alg: "RS256".into(),
        sealed_private: vec![0, 1, 255],
        public_jwk: r#"{"kty":"RSA"}"#.into(),
        created_at: NOW,
        published_at: NOW,
        signs_from: NOW,
        signs_until: None,
        retires_at: None,
    }
}

async fn keys_read_back_as_written_oldest_first(world: World) {
    let newer = StoredSigningKey { created_at: NOW + Duration::HOUR, signs_until: Some(NOW), ..key("a") };
    world.store.insert_signing_key(newer.clone()).await.unwrap();
    world.store.insert_signing_key(key("b")).await.unwrap();
    assert_eq!(world.store.list_signing_keys().await.unwrap(), (2, vec![key("b"), newer]));
}

async fn a_change_of_keys_raises_their_version(world: World) {
    let store = &world.store;
    store.insert_signing_key(key("a")).await.unwrap();
    let times = |until| KeyTimes { signs_from: NOW, signs_until: until, retires_at: until };
    assert!(store.update_signing_key("a", times(Some(NOW + Duration::HOUR))).await.unwrap());
    let (version, keys) = store.list_signing_keys().await.unwrap();
    assert_eq!((version, keys[0].retires_at), (2, Some(NOW + Duration::HOUR)));
    assert!(store.update_signing_key("a", times(None)).await.unwrap());
    assert_eq!(store.list_signing_keys().await.unwrap().1, [key("a")], "an end can be taken back");
    assert!(!store.update_signing_key("b", times(None)).await.unwrap());
    assert!(store.delete_signing_key("a").await.unwrap());
    assert!(!store.delete_signing_key("a").await.unwrap());
    assert!(store.list_signing_keys().await.unwrap().1.is_empty());
}

async fn of_replicas_that_start_together_one_makes_the_first_key(world: World) {
    let starts: Vec<_> = (0..8)
        .map(|number| {
            let store = world.another_replica();
            tokio::spawn(async move { store.insert_first_signing_key(key(&number.to_string())).await.unwrap() })
        })
        .collect();
    let mut made = 0;
    for start in starts {
        made += usize::from(start.await.unwrap());
    }
    assert_eq!((made, world.store.list_signing_keys().await.unwrap().1.len()), (1, 1));
    let other_alg = StoredSigningKey { alg: "ES256".into(), ..key("es") };
    assert!(world.store.insert_first_signing_key(other_alg).await.unwrap());
}
