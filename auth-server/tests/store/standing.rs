//! What stands behind a token is remembered: it decides nothing once it has changed, whoever changed it.

use std::sync::Arc;

use auth_server::audit::{Event, Ledger, Use};
use auth_server::store::{BehindToken, Change, Found, GrantId, LedgerFilter, PairingConsent, Standing};
use secrecy::ExposeSecret as _;
use shared_claims::{Clock, ManualClock};

use crate::world::{NOW, World, on_both, scope};

on_both!(
    what_stands_behind_a_token_is_found_as_it_is_now_unless_asked_otherwise,
    what_was_looked_up_is_remembered_and_a_row_may_stand_on_it,
    a_row_that_stands_on_what_somebody_else_has_changed_is_not_written,
    what_does_not_change_is_remembered_while_other_things_do,
    uses_and_the_end_of_what_they_stand_on_may_come_at_once,
    an_agreement_that_is_withdrawn_counts_at_once,
    what_seems_wrong_is_forgotten,
);

async fn ledger(world: &World) -> Ledger {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    Ledger::open(world.store.clone(), clock).await.unwrap()
}

async fn look(world: &World, grant: &GrantId, may_be_remembered: bool) -> Found {
    let asked = BehindToken { grant: grant.clone(), jti: None, consents: false, may_be_remembered };
    world.store.behind_token(asked).await.unwrap()
}

async fn use_it(ledger: &Ledger, stands_on: &Arc<Standing>) -> bool {
    let used = Use { first_of: None, stands_on: Some(stands_on) };
    ledger.record_use(&Event::Restored { ended: 0 }, used).await.unwrap()
}

async fn rows(world: &World) -> usize {
    world.store.read_ledger(&LedgerFilter::default(), None).await.unwrap().len()
}

/// A grant of Alice's that was looked up, put on record once and is remembered.
async fn remembered(world: &World, ledger: &Ledger) -> (GrantId, Found) {
    let alice = world.user("alice").await.id;
    let agreed = PairingConsent { source: "a".into(), target: "b".into(), scope: scope("r") };
    world.store.add_pairing_consents(&alice, "demo-app", vec![agreed], NOW).await.unwrap();
    let grant = world.grant(Some(&alice)).await;
    // The first row tells the memory from where on changes count.
    ledger.record(&Event::Restored { ended: 0 }).await.unwrap();
    look(world, &grant, true).await;
    let found = look(world, &grant, true).await;
    assert!(found.is_remembered && found.is_to_be_checked);
    assert!(use_it(ledger, &found.standing).await);
    (grant, found)
}

async fn what_stands_behind_a_token_is_found_as_it_is_now_unless_asked_otherwise(world: World) {
    let ledger = ledger(&world).await;
    let (grant, _) = remembered(&world, &ledger).await;
    world.store.make(Change::revocation(&grant, "x", NOW)).await.unwrap();
    let found = look(&world, &grant, false).await;
    assert!(!found.is_remembered && !found.is_to_be_checked);
    assert_eq!(found.standing.grant.as_ref().unwrap().revoked_at, Some(NOW));
}

async fn what_was_looked_up_is_remembered_and_a_row_may_stand_on_it(world: World) {
    let ledger = ledger(&world).await;
    let (grant, found) = remembered(&world, &ledger).await;
    let again = look(&world, &grant, true).await;
    assert!(Arc::ptr_eq(&again.standing, &found.standing));
    let before = rows(&world).await;
    let both = tokio::join!(use_it(&ledger, &again.standing), use_it(&ledger, &found.standing));
    assert_eq!((both, rows(&world).await), ((true, true), before + 2));
    // A use without anything to stand on needs nothing; whether a token was used before is never remembered.
    assert_eq!(ledger.record_use(&Event::Restored { ended: 0 }, Use::default()).await, Ok(true));
    let first = BehindToken { grant, jti: Some("jti".into()), consents: false, may_be_remembered: true };
    assert!(!world.store.behind_token(first).await.unwrap().is_remembered);
}

async fn a_row_that_stands_on_what_somebody_else_has_changed_is_not_written(world: World) {
    let ledger = ledger(&world).await;
    let [_, replica] = world.replicas();
    let (grant, found) = remembered(&world, &ledger).await;
    let before = rows(&world).await;
    replica.make(Change::revocation(&grant, "x", NOW)).await.unwrap();
    assert!(!use_it(&ledger, &found.standing).await);
    assert_eq!(rows(&world).await, before);
    let found = look(&world, &grant, true).await;
    assert!(!found.is_remembered);
    assert_eq!(found.standing.grant.as_ref().unwrap().revoked_at, Some(NOW));

    let found = look(&world, &grant, true).await;
    let alice = found.standing.holder.as_ref().unwrap().id.clone();
    assert!(found.is_remembered && use_it(&ledger, &found.standing).await);
    replica.set_blocked(&alice, true, NOW).await.unwrap();
    assert!(!use_it(&ledger, &found.standing).await);
    assert!(look(&world, &grant, true).await.standing.holder.as_ref().unwrap().blocked);
}

async fn what_does_not_change_is_remembered_while_other_things_do(world: World) {
    let ledger = ledger(&world).await;
    let (grant, found) = remembered(&world, &ledger).await;
    let (other, bob) = (world.grant(None).await, world.user("bob").await.id);
    world.store.make(Change::revocation(&other, "x", NOW)).await.unwrap();
    world.store.set_blocked(&bob, true, NOW).await.unwrap();
    assert!(use_it(&ledger, &found.standing).await);
    assert!(look(&world, &grant, true).await.is_remembered);
}

/// Over and over. On SQLite, where all are committed one after the other, no use follows the end.
async fn uses_and_the_end_of_what_they_stand_on_may_come_at_once(world: World) {
    let ledger = ledger(&world).await;
    let on_sqlite = world.settings.url.expose_secret().starts_with("sqlite");
    remembered(&world, &ledger).await;
    for _ in 0..40 {
        let grant = world.grant(None).await;
        look(&world, &grant, true).await;
        let found = look(&world, &grant, true).await;
        let used = Event::Revoked { grant: grant.as_str(), why: "used" };
        let use_it = || ledger.record_use(&used, Use { first_of: None, stands_on: Some(&found.standing) });
        let three = || futures_util::future::join_all((0..3).map(|_| use_it()));
        // Each waits its turn in this order.
        let (before, ended, after) =
            futures_util::future::join3(three(), ledger.revoke(&grant, "ended"), three()).await;
        assert!(ended.unwrap());
        assert!(!on_sqlite || after.iter().all(|used| *used == Ok(false)), "{after:?}");
        let all = before.into_iter().chain(after);
        let of_grant = LedgerFilter { grant: Some(grant.to_string()), ..LedgerFilter::default() };
        let mut rows = world.store.read_ledger(&of_grant, None).await.unwrap();
        rows.sort_by_key(|row| row.seq);
        assert_eq!(rows.len(), 1 + all.filter(|used| *used == Ok(true)).count());
        assert!(!on_sqlite || rows.last().unwrap().body.contains("ended"), "a use follows the end");
        assert_eq!(use_it().await, Ok(false));
    }
}

/// Agreements, on PostgreSQL, have no row that changes with them: with them, nothing is remembered there, whoever else asks.
async fn an_agreement_that_is_withdrawn_counts_at_once(world: World) {
    let ledger = ledger(&world).await;
    let (grant, _) = remembered(&world, &ledger).await;
    let asked = |consents| BehindToken { grant: grant.clone(), jti: None, consents, may_be_remembered: true };
    let looks = [true, false, true, false].map(|consents| world.store.behind_token(asked(consents)));
    let found = futures_util::future::join_all(looks).await;
    let found = found.into_iter().next().unwrap().unwrap();
    assert_eq!(found.standing.consents.as_ref().unwrap().len(), 1);
    let alice = found.standing.holder.as_ref().unwrap().id.clone();
    world.store.delete_pairing_consents(&alice, "demo-app", "a", "b").await.unwrap();
    let again = world.store.behind_token(asked(true)).await.unwrap();
    let stands = again.is_to_be_checked && use_it(&ledger, &again.standing).await;
    assert!(!stands || again.standing.consents.as_ref().unwrap().is_empty(), "{again:?}");
    let again = world.store.behind_token(asked(true)).await.unwrap();
    assert!(again.standing.consents.as_ref().unwrap().is_empty(), "{again:?}");
}

/// What is refused by memory is looked at anew, and remembered as it is then.
async fn what_seems_wrong_is_forgotten(world: World) {
    let ledger = ledger(&world).await;
    let (grant, _) = remembered(&world, &ledger).await;
    world.store.forget_standing(&grant);
    assert!(!look(&world, &grant, true).await.is_remembered);
    assert!(look(&world, &grant, true).await.is_remembered);
}

/// Also by a command, or somebody with the file.
#[tokio::test]
async fn whoever_changes_it_is_noticed_in_the_commit_that_stands_on_it() {
    for change in [
        "UPDATE grants SET revoked_at = created_at",
        "UPDATE grants SET expires_at = created_at",
        "DELETE FROM grants",
        "UPDATE users SET blocked = 1",
        "UPDATE users SET permissions = '{}'",
        "PRAGMA foreign_keys = ON; DELETE FROM users",
        "INSERT OR REPLACE INTO users SELECT * FROM users",
        "INSERT INTO pairing_consents SELECT user_id, client_id, 'a', 'c', scope, given_at FROM pairing_consents",
        "UPDATE pairing_consents SET scope = 'w'",
        "DELETE FROM pairing_consents",
    ] {
        let world = World::on_sqlite().await;
        let ledger = ledger(&world).await;
        let (grant, found) = remembered(&world, &ledger).await;
        world.execute(change);
        assert!(!use_it(&ledger, &found.standing).await, "{change}");
        assert!(!look(&world, &grant, true).await.is_remembered, "{change}");
    }
}

#[tokio::test]
async fn a_server_that_has_missed_changes_forgets_all() {
    let world = World::on_sqlite().await;
    let ledger = ledger(&world).await;
    let (_, found) = remembered(&world, &ledger).await;
    world.execute(
        "UPDATE grants SET revoked_at = created_at; INSERT INTO standing_changes (grant_id) VALUES ('grt_other'); \
         DELETE FROM standing_changes WHERE grant_id <> 'grt_other'",
    );
    assert!(!use_it(&ledger, &found.standing).await);
}

#[tokio::test]
async fn notes_of_changes_do_not_pile_up() {
    let world = World::on_sqlite().await;
    world.grant(None).await;
    let many = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 25000) \
                INSERT INTO standing_changes (grant_id) SELECT 'grt_x' FROM c";
    world.execute(many);
    assert!((10_000..=11_000).contains(&world.count("standing_changes")), "{}", world.count("standing_changes"));
}
