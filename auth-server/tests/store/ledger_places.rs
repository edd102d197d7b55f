//! SQLite, which notes later where the rows of a grant and of a user are.
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth_server::audit::{Archiving, Event, Ledger, verify};
use auth_server::store::LedgerFilter;
use shared_claims::{Clock, ManualClock};

use crate::world::{NOW, World};

/// So many rows are noted together.
const TOGETHER: i64 = 4000;

/// Some more, of so many grants that they are noted in several pieces.
const MANY: usize = 4400;
const GRANTS: usize = 400;

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

    async fn with_noted(rows: usize) -> Self {
        let ledgers = Self::new().await;
        ledgers.record(rows).await;
        ledgers.noted().await;
        ledgers
    }

    /// So many rows of all grants in turn, and one of a user.
    async fn record(&self, rows: usize) {
        let grants: Vec<String> = (0..rows).map(|number| format!("grt_{}", number % GRANTS)).collect();
        let events = grants.iter().map(|grant| Event::Revoked { grant, why: "x" });
        let events: Vec<_> = events.chain([Event::SignedOut { user: "usr_1", session: "s" }]).collect();
        for recorded in futures_util::future::join_all(events.iter().map(|event| self.ledger.record(event))).await {
            recorded.unwrap();
        }
    }

    /// Until fewer rows wait than are noted together: then nothing is under way.
    async fn noted(&self) {
        let begun = Instant::now();
        while self.waiting() >= TOGETHER {
            assert!(begun.elapsed() < Duration::from_mins(1), "nobody notes {} rows", self.waiting());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn waiting(&self) -> i64 {
        self.world.count(
            "ledger WHERE seq > coalesce((SELECT seq FROM ledger_placed AS placed WHERE placed.chain = ledger.chain), -1)",
        )
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

    async fn verify(&self) {
        verify(&self.world.store, &[]).await.unwrap();
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(NOW))
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_whether_their_places_are_noted_or_not() {
    let ledgers = Ledgers::new().await;
    ledgers.record(GRANTS * 2).await;
    assert_eq!((ledgers.of_grant("grt_3").await, ledgers.of_user().await), (2, 1));
    ledgers.record(MANY).await;
    ledgers.noted().await;
    assert!(ledgers.world.count("ledger_places") >= 400);
    ledgers.record(GRANTS).await;
    for grant in ["grt_0", "grt_3", "grt_399"] {
        assert_eq!(ledgers.of_grant(grant).await, 14, "{grant}");
    }
    assert_eq!((ledgers.of_grant("grt_400").await, ledgers.of_user().await), (0, 3));
    let uses = ledgers.world.store.last_uses(&["grt_3".into(), "grt_4".into()], "revoked").await.unwrap();
    assert_eq!(uses.len(), 28);
    ledgers.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_uses_are_found_among_many() {
    let ledgers = Ledgers::new().await;
    let event = Event::Revoked { grant: "grt_1", why: "x" };
    for _ in 0..2 {
        let recorded = futures_util::future::join_all((0..MANY).map(|_| ledgers.ledger.record(&event))).await;
        assert!(recorded.into_iter().all(|recorded| recorded.is_ok()));
    }
    ledgers.noted().await;
    let uses = ledgers.world.store.last_uses(&["grt_1".into()], "revoked").await.unwrap();
    assert_eq!(uses.len(), 500);
    ledgers.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_uses_are_found_however_short_their_lists_are() {
    let ledgers = Ledgers::with_noted(2 * MANY).await;
    ledgers.world.execute(
        "DELETE FROM ledger_places WHERE found_by = 'grt_3'; \
         INSERT INTO ledger_places SELECT grant_id, chain, seq, json_array(seq) FROM ledger WHERE grant_id = 'grt_3'",
    );
    let uses = ledgers.world.store.last_uses(&["grt_3".into()], "revoked").await.unwrap();
    assert_eq!(uses.len(), 2 * MANY / GRANTS);
    ledgers.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noting_that_was_cut_short_is_done_again() {
    let ledgers = Ledgers::with_noted(MANY).await;
    // Of some lists only a part, of others nothing, and nobody has said that all is done. Another one begins in the middle.
    ledgers.world.execute(
        "UPDATE ledger_places SET seqs = json_array(first) WHERE found_by < 'grt_2'; \
         DELETE FROM ledger_places WHERE found_by > 'grt_3'; \
         INSERT INTO ledger_places SELECT 'grt_20', chain, 421, '[421]' FROM ledger_heads; \
         DELETE FROM ledger_placed",
    );
    assert_eq!((ledgers.of_grant("grt_17").await, ledgers.of_grant("grt_5").await), (11, 11));
    ledgers.record(0).await;
    ledgers.noted().await;
    for grant in ["grt_0", "grt_17", "grt_20", "grt_5", "grt_399"] {
        assert_eq!(ledgers.of_grant(grant).await, 11, "{grant}");
    }
    ledgers.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_have_noted_at_once_is_whole() {
    let ledgers = Ledgers::with_noted(MANY).await;
    let placed = ledgers.world.count("ledger WHERE seq <= (SELECT seq FROM ledger_placed)");
    assert!(placed >= TOGETHER);
    // One that began before, and ends after: its lists and its end are those of fewer rows.
    ledgers.world.execute("UPDATE ledger_placed SET seq = 1000");
    ledgers.world.execute("DELETE FROM ledger_places WHERE first > 1000");
    assert_eq!(ledgers.of_grant("grt_3").await, 11);
    ledgers.record(GRANTS * 2).await;
    ledgers.noted().await;
    assert_eq!((ledgers.of_grant("grt_3").await, ledgers.of_user().await), (13, 2));
    ledgers.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_for_long_is_noted_piece_by_piece() {
    let ledgers = Ledgers::with_noted(GRANTS * 30).await;
    ledgers.world.execute("DELETE FROM ledger_places; DELETE FROM ledger_placed");
    ledgers.record(GRANTS).await;
    ledgers.noted().await;
    assert_eq!((ledgers.of_grant("grt_3").await, ledgers.of_user().await), (31, 2));
    ledgers.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_archived_leaves_no_place_behind() {
    let ledgers = Ledgers::with_noted(MANY).await;
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
    let ledgers = Ledgers::with_noted(MANY).await;
    ledgers.world.execute("DELETE FROM ledger_places WHERE found_by = 'grt_3'");
    let breach = verify(&ledgers.world.store, &[]).await.unwrap_err();
    assert!(breach.to_string().contains("row 4 is not found by its grant"), "{breach}");
}

/// The tables of a server from before places were noted.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_older_database_are_found() {
    let ledgers = Ledgers::new().await;
    ledgers.record(GRANTS * 2).await;
    ledgers.world.execute(include_str!("../../migrations/sqlite/00000000000016_ledger_places/down.sql"));
    ledgers.world.execute("DELETE FROM __diesel_schema_migrations WHERE version = '00000000000016'");
    ledgers.world.store.migrate().await.unwrap();
    assert_eq!((ledgers.waiting(), ledgers.world.count("ledger_places")), (0, 401));
    ledgers.record(GRANTS).await;
    assert_eq!((ledgers.of_grant("grt_3").await, ledgers.of_user().await), (3, 2));
    ledgers.verify().await;
}
