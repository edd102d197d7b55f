use auth_server::store::{EntryKind, RegistryEntry};

use crate::world::{World, on_both};

on_both!(
    a_registry_reads_back_in_order_with_its_version,
    replacing_a_registry_by_the_same_changes_nothing,
    replacing_a_registry_removes_what_is_gone,
    replicas_that_start_together_agree,
);

fn entry(kind: EntryKind, name: &str, document: &str) -> RegistryEntry {
    RegistryEntry { kind, name: name.into(), document: document.into() }
}

async fn a_registry_reads_back_in_order_with_its_version(world: World) {
    assert_eq!(world.store.load_registry().await.unwrap(), (0, vec![]));
    let (api, client) = (entry(EntryKind::Api, "https://a", "{}"), entry(EntryKind::Client, "demo-app", r#"{"a":1}"#));
    let pairing = entry(EntryKind::Pairing, "https://a -> https://b", "{}");
    let written = vec![pairing.clone(), client.clone(), api.clone()];
    assert!(world.store.replace_registry(written).await.unwrap());
    assert_eq!(world.store.load_registry().await.unwrap(), (1, vec![api, client, pairing]));
    assert_eq!(world.another_replica().version("registry").await.unwrap(), 1);
}

async fn replacing_a_registry_by_the_same_changes_nothing(world: World) {
    let mut entries = vec![entry(EntryKind::Api, "a", "{}"), entry(EntryKind::Client, "c", "{}")];
    assert!(world.store.replace_registry(entries.clone()).await.unwrap());
    entries.reverse();
    assert!(!world.store.replace_registry(entries).await.unwrap());
    assert_eq!(world.store.version("registry").await.unwrap(), 1);
}

async fn replacing_a_registry_removes_what_is_gone(world: World) {
    let (a, b) = (entry(EntryKind::Api, "a", "{}"), entry(EntryKind::Api, "b", "{}"));
    let changed = entry(EntryKind::Api, "a", r#"{"name":"A"}"#);
    world.store.replace_registry(vec![a, b]).await.unwrap();
    assert!(world.store.replace_registry(vec![changed.clone()]).await.unwrap());
    assert_eq!(world.store.load_registry().await.unwrap(), (2, vec![changed]));
}

async fn replicas_that_start_together_agree(world: World) {
    let entries = vec![entry(EntryKind::Api, "a", "{}"), entry(EntryKind::Client, "c", "{}")];
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let (store, entries) = (world.another_replica(), entries.clone());
            tokio::spawn(async move {
                store.migrate().await.unwrap();
                store.replace_registry(entries).await.unwrap()
            })
        })
        .collect();
    for start in starts {
        start.await.unwrap();
    }
    assert_eq!(world.store.load_registry().await.unwrap().1, entries);
}
