use std::sync::Arc;

use auth_server::audit::{Breach, Event, Ledger, Use, VerificationError, Verified, verify};
use auth_server::store::{Change, GrantId, LedgerFilter, NewGrant, Store, StoreError};
use shared_claims::{Clock, ManualClock};

use crate::world::{NOW, World, grant_for, on_both, token};

on_both!(
    what_is_recorded_is_there_in_order_and_verifies,
    many_who_record_at_once_share_writes_and_lose_nothing,
    each_server_has_a_chain_and_they_name_each_other,
    a_revocation_and_its_row_come_together_and_once,
    changes_that_come_at_once_are_all_made_and_one_that_fails_takes_nobody_with_it,
    a_row_that_tells_of_a_first_use_notes_it,
);

pub async fn ledger(store: &Store) -> Ledger {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    Ledger::open(store.clone(), clock).await.unwrap()
}

async fn rows(store: &Store, filter: LedgerFilter) -> Vec<(String, String)> {
    let rows = store.read_ledger(&filter, None).await.unwrap();
    rows.into_iter().map(|row| (row.kind, row.body)).collect()
}

async fn verified(store: &Store) -> Verified {
    verify(store, &[]).await.unwrap()
}

async fn what_is_recorded_is_there_in_order_and_verifies(world: World) {
    let ledger = ledger(&world.store).await;
    ledger.record(&Event::Revoked { grant: "grt_1", why: "signed_out" }).await.unwrap();
    ledger.record(&Event::SignedOut { user: "usr_1", session: "s" }).await.unwrap();
    let of_grant = LedgerFilter { grant: Some("grt_1".into()), ..LedgerFilter::default() };
    assert_eq!(
        rows(&world.store, of_grant).await,
        [("revoked".to_owned(), r#"{"grant":"grt_1","why":"signed_out"}"#.to_owned())]
    );
    let of_user = LedgerFilter { user: Some("usr_1".into()), ..LedgerFilter::default() };
    assert_eq!(rows(&world.store, of_user).await.len(), 1);
    assert_eq!(verified(&world.store).await, Verified { chains: 1, rows: 3, archived: 0 });
}

async fn many_who_record_at_once_share_writes_and_lose_nothing(world: World) {
    let ledger = ledger(&world.store).await;
    let writers: Vec<_> = (0..500)
        .map(|number| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let grant = format!("grt_{number}");
                ledger.record(&Event::Revoked { grant: &grant, why: "x" }).await
            })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), Ok(()));
    }
    assert_eq!(verified(&world.store).await, Verified { chains: 1, rows: 501, archived: 0 });
}

async fn revoked(world: &World, grant: &GrantId) -> Vec<String> {
    let of_grant = LedgerFilter { grant: Some(grant.to_string()), ..LedgerFilter::default() };
    rows(&world.store, of_grant).await.into_iter().map(|(kind, _)| kind).collect()
}

async fn a_revocation_and_its_row_come_together_and_once(world: World) {
    let (ledger, grant) = (ledger(&world.store).await, world.grant(None).await);
    let both = tokio::join!(ledger.revoke(&grant, "signed_out"), ledger.revoke(&grant, "signed_out"));
    let (first, second) = (both.0.unwrap(), both.1.unwrap());
    assert!(first != second, "one of them ended it");
    assert!(world.store.find_grant(&grant).await.unwrap().unwrap().revoked_at.is_some());
    assert_eq!(revoked(&world, &grant).await, ["revoked"]);
    assert!(!ledger.revoke(&GrantId::generate(), "signed_out").await.unwrap());
    assert_eq!(verified(&world.store).await.rows, 2);
}

async fn changes_that_come_at_once_are_all_made_and_one_that_fails_takes_nobody_with_it(world: World) {
    let ledger = ledger(&world.store).await;
    let grants: Vec<GrantId> = futures_util::future::join_all((0..40).map(|_| world.grant(None))).await;
    // A code cannot be redeemed into a grant that is there already.
    let taken = NewGrant { id: grants[0].clone(), ..grant_for(None) };
    let clash = Change::redemption(world.code().await, taken, None, NOW);
    let (clash, ended) = tokio::join!(
        ledger.record_change(clash, |_| vec![Event::Restored { ended: 1 }.told()]),
        futures_util::future::join_all(grants.iter().map(|grant| ledger.revoke(grant, "x"))),
    );
    assert!(matches!(clash, Err(StoreError::Bug(_))), "{clash:?}");
    assert!(ended.into_iter().all(|ended| ended.unwrap()));
    // The anchor and forty revocations: nothing tells of what was undone.
    assert_eq!(verified(&world.store).await, Verified { chains: 1, rows: 41, archived: 0 });
    ledger.record(&Event::Restored { ended: 0 }).await.unwrap();
    assert_eq!(verified(&world.store).await.rows, 42);
}

async fn a_row_that_tells_of_a_first_use_notes_it(world: World) {
    let ledger = ledger(&world.store).await;
    let event = Event::Restored { ended: 0 };
    let mut tokens = Vec::new();
    for jti in ["jti-a", "jti-b"] {
        let (_, first) = world.first_token().await;
        let successor = token(jti);
        tokens.push(successor.hash);
        let _ = world.store.make(Change::rotation(first, successor, NOW)).await.unwrap();
    }
    let uses = [Some("jti-a"), None, Some("of-nobody"), Some("jti-b")]
        .map(|first_of| ledger.record_use(&event, Use { first_of, stands_on: None }));
    for recorded in futures_util::future::join_all(uses).await {
        assert_eq!(recorded, Ok(true));
    }
    for token in tokens {
        let kept = world.store.find_refresh_token(token).await.unwrap().unwrap();
        assert_eq!((kept.access_used_at, kept.used_at), (Some(NOW), None));
    }
    assert_eq!(verified(&world.store).await, Verified { chains: 1, rows: 5, archived: 0 });
}

/// SQLite, where a change and what tells of it are one commit.
#[tokio::test]
async fn what_cannot_be_put_on_record_does_not_happen() {
    let world = World::on_sqlite().await;
    let (ledger, grant) = (ledger(&world.store).await, world.grant(None).await);
    world.execute("CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(FAIL, 'no room'); END");
    assert!(ledger.revoke(&grant, "x").await.is_err());
    assert_eq!(world.store.find_grant(&grant).await.unwrap().unwrap().revoked_at, None);
    world.execute("DROP TRIGGER full");
    assert!(ledger.revoke(&grant, "x").await.unwrap());
    assert_eq!(revoked(&world, &grant).await, ["revoked"]);
    assert_eq!(verified(&world.store).await, Verified { chains: 1, rows: 2, archived: 0 });
}

async fn each_server_has_a_chain_and_they_name_each_other(world: World) {
    let [one, other] = world.replicas();
    let first = ledger(&one).await;
    first.record(&Event::Revoked { grant: "grt_1", why: "x" }).await.unwrap();
    let second = ledger(&other).await;
    let (of_first, of_second) = tokio::join!(
        first.record(&Event::Revoked { grant: "grt_2", why: "x" }),
        second.record(&Event::Revoked { grant: "grt_3", why: "x" }),
    );
    assert_eq!((of_first, of_second), (Ok(()), Ok(())));
    assert_eq!(verified(&world.store).await, Verified { chains: 2, rows: 5, archived: 0 });
    let anchors = rows(&world.store, LedgerFilter { kind: Some("anchor".into()), ..LedgerFilter::default() }).await;
    assert!(anchors.iter().any(|(_, body)| body.contains("chn_")), "{anchors:?}");
}

/// SQLite, whose log is begun anew only when it has gone back into the database whole.
#[tokio::test]
async fn a_long_log_goes_back_beside_the_commits_and_is_begun_anew() {
    let world = World::on_sqlite().await;
    let ledger = ledger(&world.store).await;
    let mut longest = 0;
    for round in 0..600 {
        let grants: Vec<String> = (0..20).map(|number| format!("grt_{number}_{round}")).collect();
        let events: Vec<_> = grants.iter().map(|grant| Event::Revoked { grant, why: "x" }).collect();
        let recorded = futures_util::future::join_all(events.iter().map(|event| ledger.record(event))).await;
        assert!(recorded.into_iter().all(|recorded| recorded.is_ok()));
        longest = longest.max(world.log_pages());
    }
    assert!((6000..12_000).contains(&longest), "{longest} pages");
    assert_eq!(verified(&world.store).await, Verified { chains: 1, rows: 12_001, archived: 0 });
}

/// SQLite, whose file can be changed from outside.
#[tokio::test]
async fn whoever_changes_the_ledger_is_found_out() {
    for (statement, expected) in [
        ("UPDATE ledger SET body = replace(body, 'grt_2', 'grt_9') WHERE seq = 2", "altered 2"),
        ("UPDATE ledger SET grant_id = 'grt_9' WHERE seq = 2", "altered 2"),
        ("UPDATE ledger SET at = '2020-01-01 00:00:00' WHERE seq = 1", "altered 1"),
        ("DELETE FROM ledger WHERE seq = 2", "missing 2"),
        ("DELETE FROM ledger WHERE seq = 3", "cut off 3"),
        (
            "DELETE FROM ledger WHERE seq <= 1; \
             INSERT INTO ledger_beginnings SELECT chain, seq - 1, hash FROM ledger WHERE seq = 2",
            "not archived 1",
        ),
        ("DELETE FROM ledger WHERE seq = 3; UPDATE ledger_heads SET seq = 2", "cut off 3"),
        ("DELETE FROM ledger WHERE kind = 'revoked'; UPDATE ledger_heads SET seq = 0", "cut off 1"),
        ("INSERT INTO ledger_placed SELECT chain, 2 FROM ledger_heads WHERE true", "hidden 1"),
        ("UPDATE ledger_heads SET seq = 1", "hidden 2"),
        ("DELETE FROM ledger_heads", "hidden 1"),
    ] {
        let world = World::on_sqlite().await;
        let first = ledger(&world.store).await;
        for grant in ["grt_1", "grt_2", "grt_3"] {
            first.record(&Event::Revoked { grant, why: "x" }).await.unwrap();
        }
        let first_chain = world.store.ledger_heads().await.unwrap()[0].chain.clone();
        // A second server has seen what the first one wrote.
        drop(ledger(&world.store).await);
        for part in statement.split("; ") {
            let only_the_first = if part.contains("WHERE") { " AND chain = " } else { " WHERE chain = " };
            world.execute(&format!("{part}{only_the_first}'{first_chain}'"));
        }
        let breach = match verify(&world.store, &[]).await {
            Err(VerificationError::Breach(breach)) => breach,
            other => panic!("{statement}: {other:?}"),
        };
        let found = match &breach {
            Breach::Altered { seq, .. } => format!("altered {seq}"),
            Breach::Missing { seq, .. } => format!("missing {seq}"),
            Breach::CutOff { seq, .. } => format!("cut off {seq}"),
            Breach::NotArchived { seq, .. } => format!("not archived {seq}"),
            Breach::Hidden { seq, .. } => format!("hidden {seq}"),
        };
        assert_eq!(found, expected, "{statement}");
        assert!(breach.to_string().contains(&first_chain));
    }
}
