use std::sync::Arc;

use auth_server::audit::{Breach, Event, Ledger, VerificationError, Verified, verify};
use auth_server::store::{LedgerFilter, Store};
use shared_claims::{Clock, ManualClock};

use crate::world::{NOW, World, on_both};

on_both!(
    what_is_recorded_is_there_in_order_and_verifies,
    many_who_record_at_once_share_writes_and_lose_nothing,
    each_server_has_a_chain_and_they_name_each_other,
);

async fn ledger(store: &Store) -> Ledger {
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
        };
        assert_eq!(found, expected, "{statement}");
        assert!(breach.to_string().contains(&first_chain));
    }
}
