use std::sync::Arc;

use auth_server::audit::{ArchiveError, Archiving, Event, Ledger};
use auth_server::store::{Store, Undelivered};
use shared_claims::{Clock, ManualClock};
use time::{Duration, OffsetDateTime};

use crate::world::{NOW, World, on_both};

on_both!(
    a_chain_is_delivered_by_one_server_until_that_is_gone,
    the_own_chain_comes_first,
    rows_wait_until_they_are_delivered_or_archived,
    what_was_not_delivered_is_not_archived,
);

const LATER: OffsetDateTime = NOW.saturating_add(Duration::HOUR);

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(NOW))
}

async fn server_with(store: &Store, rows: usize) -> Ledger {
    let ledger = Ledger::open(store.clone(), clock()).await.unwrap();
    for _ in 0..rows {
        ledger.record(&Event::Revoked { grant: "grt_1", why: "x" }).await.unwrap();
    }
    ledger
}

async fn waiting(store: &Store) -> Vec<Undelivered> {
    store.undelivered_ledger("chn_own").await.unwrap()
}

async fn a_chain_is_delivered_by_one_server_until_that_is_gone(world: World) {
    let [one, other] = world.replicas();
    let at = |seconds| NOW + Duration::seconds(seconds);
    let claim = |store: Store, server: &'static str, now| async move {
        store.claim_ledger_chain("chn_x", server, at(now), at(now + 30)).await.unwrap()
    };
    let (first, second) = tokio::join!(claim(one.clone(), "one", 0), claim(other.clone(), "other", 0));
    assert!(first ^ second, "both have it, or nobody");
    let (has, has_not) = if first { ("one", "other") } else { ("other", "one") };
    assert!(claim(one.clone(), has, 20).await, "whoever has it keeps it");
    assert!(!claim(one.clone(), has_not, 49).await);
    assert!(one.ledger_delivered("chn_x", has, 3, at(60)).await.unwrap());
    assert!(!claim(one.clone(), has_not, 59).await, "a delivery keeps it, too");
    assert!(claim(other.clone(), has_not, 60).await, "the other one is gone");
    assert!(!one.ledger_delivered("chn_x", has, 4, at(90)).await.unwrap());
    assert_eq!(one.ledger_deliveries().await.unwrap(), [("chn_x".to_owned(), 3)].into());
}

async fn rows_wait_until_they_are_delivered_or_archived(world: World) {
    let store = &world.store;
    let server = server_with(store, 3).await;
    let chain = waiting(store).await.remove(0).chain;
    let expect = |delivered, last| vec![Undelivered { chain: chain.clone(), delivered, last }];
    assert_eq!(waiting(store).await, expect(-1, 3));
    assert!(store.claim_ledger_chain(&chain, "one", NOW, LATER).await.unwrap());
    assert!(store.ledger_delivered(&chain, "one", 1, LATER).await.unwrap());
    assert_eq!(waiting(store).await, expect(1, 3));
    // Archived before there was a sink: nobody can deliver them any more.
    assert!(store.remove_archived(&chain, -1, 2).await.unwrap());
    assert_eq!(waiting(store).await, expect(2, 3));
    assert!(store.ledger_delivered(&chain, "one", 3, LATER).await.unwrap());
    assert_eq!(waiting(store).await, []);
    server.record(&Event::Revoked { grant: "grt_2", why: "x" }).await.unwrap();
    assert_eq!(waiting(store).await, expect(3, 4));
}

async fn the_own_chain_comes_first(world: World) {
    for _ in 0..4 {
        server_with(&world.store, 1).await;
    }
    for head in world.store.ledger_heads().await.unwrap() {
        let waiting = world.store.undelivered_ledger(&head.chain).await.unwrap();
        assert_eq!((waiting.len(), &waiting[0].chain), (4, &head.chain));
    }
}

async fn what_was_not_delivered_is_not_archived(world: World) {
    let store = &world.store;
    let folder = tempfile::tempdir().unwrap();
    let _server = server_with(store, 3).await;
    let chain = waiting(store).await.remove(0).chain;
    let archiving = || Archiving { store, clock: clock(), before: LATER, only_delivered: true };
    let none = archiving().write(&folder.path().join("none")).await;
    assert!(matches!(none, Err(ArchiveError::Undelivered(of)) if of == chain));
    assert!(!folder.path().join("none").exists());
    assert!(store.claim_ledger_chain(&chain, "one", NOW, LATER).await.unwrap());
    assert!(store.ledger_delivered(&chain, "one", 1, LATER).await.unwrap());
    let some = archiving().write(&folder.path().join("some")).await.unwrap().unwrap();
    assert_eq!((some.rows, some.undelivered), (2, [(chain, 2)].into()));
}
