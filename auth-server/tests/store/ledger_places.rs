//! SQLite, which notes later where the rows of a grant and of a user are.
use std::sync::Arc;
use std::time::Duration;

use auth_server::audit::{Archiving, Event, Ledger, verify};
use auth_server::store::LedgerFilter;
use shared_claims::{Clock, ManualClock};

use crate::world::{NOW, World};

/// More than are noted together.
const MANY: usize = 4400;

struct Ledgers {
    world: World,
    ledger: Ledger,
}

impl Ledgers {
    async fn new() -> Self {
        let world = World::on_sqlite().await;
        let ledger = Ledger::open(world.store.clone(), clock()).await.unwrap();
        Self { world, ledger }
    }

    /// Rows of ten grants and one user.
    async fn record(&self, rows: usize) {
        let grants: Vec<String> = (0..rows).map(|number| format!("grt_{}", number % 10)).collect();
        let events = grants.iter().map(|grant| Event::Revoked { grant, why: "x" });
        let events: Vec<_> = events.chain([Event::SignedOut { user: "usr_1", session: "s" }]).collect();
        for recorded in futures_util::future::join_all(events.iter().map(|event| self.ledger.record(event))).await {
            recorded.unwrap();
        }
    }

    /// Until the places of most rows are noted.
    async fn noted(&self) {
        while self.world.count("ledger_placed") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn of(&self, filter: LedgerFilter) -> usize {
        self.world.store.read_ledger(&filter, None).await.unwrap().len()
    }

    async fn of_grant(&self, grant: &str) -> usize {
        self.of(LedgerFilter { grant: Some(grant.into()), ..LedgerFilter::default() }).await
    }

    async fn of_user(&self) -> usize {
        self.of(LedgerFilter { user: Some("usr_1".into()), ..LedgerFilter::default() }).await
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(NOW))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_whether_their_places_are_noted_or_not() {
    let ledgers = Ledgers::new().await;
    ledgers.record(50).await;
    assert_eq!((ledgers.of_grant("grt_3").await, ledgers.of_user().await), (5, 1));
    ledgers.record(MANY).await;
    ledgers.noted().await;
    ledgers.record(30).await;
    assert_eq!((ledgers.of_grant("grt_3").await, ledgers.of_user().await), (448, 3));
    assert_eq!(ledgers.of_grant("grt_99").await, 0);
    let uses = ledgers.world.store.last_uses(&["grt_3".into(), "grt_4".into()], "revoked").await.unwrap();
    assert_eq!(uses.len(), 500);
    assert!(verify(&ledgers.world.store, &[]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_archived_leaves_no_place_behind() {
    let ledgers = Ledgers::new().await;
    ledgers.record(MANY).await;
    ledgers.noted().await;
    let (folder, later) = (tempfile::tempdir().unwrap(), NOW + time::Duration::HOUR);
    let archiving = Archiving { store: &ledgers.world.store, clock: clock(), before: later, only_delivered: false };
    let written = archiving.write(&folder.path().join("one")).await.unwrap().unwrap();
    written.record().await.unwrap();
    written.remove().await.unwrap();
    assert_eq!(ledgers.world.count("ledger_places"), 0);
    assert_eq!((ledgers.of_grant("grt_3").await, ledgers.of_user().await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_somebody_removes_is_missed_by_verification() {
    let ledgers = Ledgers::new().await;
    ledgers.record(MANY).await;
    ledgers.noted().await;
    ledgers.world.execute("DELETE FROM ledger_places WHERE found_by = 'grt_3' AND first < 100");
    let breach = verify(&ledgers.world.store, &[]).await.unwrap_err();
    assert!(breach.to_string().contains("row 4 is not found by its grant"), "{breach}");
}

/// The tables of a server from before places were noted.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_older_database_are_found() {
    let ledgers = Ledgers::new().await;
    ledgers.record(50).await;
    ledgers.world.execute(include_str!("../../migrations/sqlite/00000000000016_ledger_places/down.sql"));
    ledgers.world.execute("DELETE FROM __diesel_schema_migrations WHERE version = '00000000000016'");
    ledgers.world.store.migrate().await.unwrap();
    ledgers.record(20).await;
    assert_eq!((ledgers.of_grant("grt_3").await, ledgers.of_user().await), (7, 2));
    assert_eq!(ledgers.world.count("ledger_places"), 12);
    assert!(verify(&ledgers.world.store, &[]).await.is_ok());
}
