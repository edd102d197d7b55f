use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth_server::audit::{ArchiveError, Archiving, Event, Ledger, Written, verify};
use auth_server::store::{LedgerFilter, Store};
use shared_claims::{Clock, ManualClock};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use crate::world::{NOW, World, on_both};

on_both!(
    an_archived_ledger_verifies_with_and_without_its_files,
    what_is_not_old_enough_stays_and_the_chain_goes_on,
    archiving_that_was_cut_short_leaves_a_ledger_that_holds,
    a_thousand_rows_at_a_time_leave,
    of_two_that_archive_at_once_one_goes_without,
);

const LATER: OffsetDateTime = NOW.saturating_add(Duration::HOUR);

/// A database, the files beside it, and a clock.
struct Ledgers {
    world: World,
    folder: TempDir,
    clock: ManualClock,
}

impl Ledgers {
    fn on(world: World) -> Self {
        Self { world, folder: tempfile::tempdir().unwrap(), clock: ManualClock::at(NOW) }
    }

    fn store(&self) -> &Store {
        &self.world.store
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn server(&self) -> Ledger {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        Ledger::open(self.store().clone(), clock).await.unwrap()
    }

    /// A server, and so many rows of it.
    async fn server_with(&self, rows: usize) -> Ledger {
        let ledger = self.server().await;
        revoke(&ledger, rows).await;
        ledger
    }

    async fn write(&self, name: &str, before: OffsetDateTime) -> Result<Option<Written<'_>>, ArchiveError> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        Archiving { store: self.store(), clock, before, only_delivered: false }.write(&self.file(name)).await
    }

    /// Archives all that is older than `before`; says how many rows that are.
    async fn archive(&self, name: &str, before: OffsetDateTime) -> u64 {
        let written = self.write(name, before).await.unwrap().unwrap();
        written.record().await.unwrap();
        written.remove().await.unwrap();
        written.rows
    }

    /// Rows in the database and in the files, or what is wrong.
    async fn verified(&self, names: &[&str]) -> Result<(usize, usize), String> {
        let files: Vec<_> = names.iter().map(|name| self.file(name)).collect();
        let verified = verify(self.store(), &files).await.map_err(|error| error.to_string())?;
        Ok((verified.rows, verified.archived))
    }
}

async fn revoke(ledger: &Ledger, rows: usize) {
    for number in 0..rows {
        ledger.record(&Event::Revoked { grant: &format!("grt_{number}"), why: "x" }).await.unwrap();
    }
}

async fn an_archived_ledger_verifies_with_and_without_its_files(world: World) {
    let ledgers = Ledgers::on(world);
    let first = ledgers.server_with(3).await;
    ledgers.server_with(2).await;
    // Anchors and three, anchor and two: all of it.
    assert_eq!(ledgers.archive("one", LATER).await, 7);
    // The archive has a chain of its own: an anchor, and what was archived.
    assert_eq!(ledgers.verified(&[]).await, Ok((2, 0)));
    assert_eq!(ledgers.verified(&["one"]).await, Ok((2, 7)));
    // The first server goes on, and its chain with it.
    revoke(&first, 2).await;
    assert_eq!(ledgers.verified(&["one"]).await, Ok((4, 7)));
    // What says that there is an archive stays, and so do the rows behind it; the anchor before it may go.
    assert_eq!(ledgers.archive("two", LATER).await, 3);
    assert_eq!(ledgers.verified(&["two", "one"]).await, Ok((3, 10)));
    assert_eq!(ledgers.verified(&["two"]).await, Ok((3, 3)));
    assert!(ledgers.verified(&["one"]).await.unwrap_err().contains("no other file has them"));
    let row = std::fs::read_to_string(ledgers.file("one")).unwrap();
    let row: serde_json::Value = serde_json::from_str(row.lines().nth(1).unwrap()).unwrap();
    assert_eq!((row["seq"].as_i64(), row["body"].as_str()), (Some(1), Some(r#"{"grant":"grt_0","why":"x"}"#)));
    let kept = ledgers.store().read_ledger(&LedgerFilter::default(), None).await.unwrap();
    let mut archived = kept.iter().filter(|row| row.kind == "archived").map(|row| &row.body);
    assert!(archived.any(|body| body.contains(r#""file":"one""#) && body.contains(r#""rows":"7""#)), "{kept:?}");
}

async fn what_is_not_old_enough_stays_and_the_chain_goes_on(world: World) {
    let ledgers = Ledgers::on(world);
    let server = ledgers.server_with(3).await;
    assert!(ledgers.write("none", NOW).await.unwrap().is_none());
    assert!(!ledgers.file("none").exists(), "a file without rows");
    ledgers.clock.advance(Duration::HOUR);
    revoke(&server, 2).await;
    assert_eq!(ledgers.archive("one", LATER).await, 4);
    revoke(&server, 1).await;
    assert_eq!(ledgers.verified(&["one"]).await, Ok((5, 4)));
    // What is there is never written over, and nothing leaves.
    ledgers.clock.advance(Duration::HOUR);
    let again = ledgers.write("one", LATER + Duration::MINUTE).await;
    assert!(matches!(again, Err(ArchiveError::File { .. })));
    assert_eq!(ledgers.verified(&["one"]).await, Ok((5, 4)));
}

async fn archiving_that_was_cut_short_leaves_a_ledger_that_holds(world: World) {
    let ledgers = Ledgers::on(world);
    let server = ledgers.server_with(5).await;
    let chain = ledgers.store().ledger_heads().await.unwrap().remove(0).chain;
    let written = ledgers.write("one", LATER).await.unwrap().unwrap();
    assert!(ledgers.verified(&["one"]).await.unwrap_err().contains("no row of the ledger has its SHA-256"));
    written.record().await.unwrap();
    assert_eq!(ledgers.verified(&["one"]).await, Ok((8, 6)));
    // Some rows leave, and then the process ends.
    assert!(ledgers.store().remove_archived(&chain, -1, 2).await.unwrap());
    assert_eq!(ledgers.verified(&[]).await, Ok((5, 0)));
    assert_eq!(ledgers.verified(&["one"]).await, Ok((5, 6)));
    revoke(&server, 1).await;
    // The next archive has what was left, some of it for the second time.
    assert_eq!(ledgers.archive("two", LATER).await, 5);
    assert_eq!(ledgers.verified(&["one", "two"]).await, Ok((3, 11)));
}

async fn a_thousand_rows_at_a_time_leave(world: World) {
    let ledgers = Ledgers::on(world);
    let server = ledgers.server().await;
    let writers = (0..2300).map(|number| {
        let server = server.clone();
        tokio::spawn(async move { revoke(&server, usize::from(number >= 0)).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(ledgers.archive("one", LATER).await, 2301);
    assert_eq!(ledgers.verified(&["one"]).await, Ok((2, 2301)));
}

async fn of_two_that_archive_at_once_one_goes_without(world: World) {
    let ledgers = Ledgers::on(world);
    ledgers.server_with(3).await;
    let one = ledgers.write("one", LATER).await.unwrap().unwrap();
    let two = ledgers.write("two", LATER).await.unwrap().unwrap();
    one.record().await.unwrap();
    one.remove().await.unwrap();
    assert_eq!(ledgers.verified(&["one"]).await, Ok((2, 4)));
    // It has the very same rows, and finds them gone.
    two.record().await.unwrap();
    assert!(matches!(two.remove().await, Ok(())), "as if it had removed them itself");
    assert_eq!(ledgers.verified(&["one", "two"]).await.unwrap().1, 8);
}

type Edit = fn(&mut Vec<String>);

/// By hand, as somebody with the file could.
fn edit(file: &Path, edit: Edit) {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    edit(&mut lines);
    lines.push(String::new());
    std::fs::write(file, lines.join("\n")).unwrap();
}

#[tokio::test]
async fn whoever_changes_a_file_is_found_out() {
    let edits: [(Edit, &str); 12] = [
        (|lines| drop(lines.remove(2)), "line 3: chain chn_: row 2 is missing"),
        (|lines| drop(lines.remove(0)), "line 1: chain chn_: row 0 is missing"),
        (|lines| lines[2] = lines[2].replace("grt_1", "grt_9"), "line 3: chain chn_: row 2 is not what was written"),
        (|lines| lines[2] = lines[2].replace("12:00:00", "12:00:01"), "line 3: chain chn_: row 2 is not what"),
        (|lines| lines.swap(1, 2), "line 2: chain chn_: row 1 is missing"),
        (|lines| lines.swap(1, 5), "line 2: chain chn_: row 0 is missing"),
        (|lines| drop(lines.pop()), "the rows from 2 on are missing, and no other file has them"),
        (|lines| lines.truncate(3), "the rows from 3 on are missing, and no other file has them"),
        (|lines| lines.truncate(4), "no row of the ledger has its SHA-256"),
        (|lines| lines[6].truncate(50), "line 7: not a row of the ledger"),
        (|lines| lines.push(lines[6].clone()), "line 8: chain chn_: row 3 is missing"),
        (|lines| lines[0] = lines[0].replace(r#","hash""#, r#", "hash""#), "no row of the ledger has its SHA-256"),
    ];
    for (change, expected) in edits {
        let ledgers = Ledgers::on(World::on_sqlite().await);
        // The chains lie in the file in the order of their names, which are random: one of four rows, one of three.
        let (mut first, mut second) = (ledgers.server_with(0).await, ledgers.server_with(0).await);
        let chains = ledgers.store().ledger_heads().await.unwrap();
        let anchors = ledgers.store().read_ledger_chain(&chains[0].chain, 0).await.unwrap();
        if anchors[0].body.contains(&chains[1].chain) {
            std::mem::swap(&mut first, &mut second);
        }
        revoke(&first, 3).await;
        revoke(&second, 2).await;
        ledgers.archive("one", LATER).await;
        assert_eq!(ledgers.verified(&["one"]).await, Ok((2, 7)));
        edit(&ledgers.file("one"), change);
        let found = ledgers.verified(&["one"]).await.unwrap_err();
        let plain = chains.iter().fold(found.clone(), |text, head| text.replace(&head.chain, "chn_"));
        assert!(plain.contains(expected) && plain.contains("/one"), "{expected}: {found}");
    }
}

#[tokio::test]
async fn a_database_that_was_changed_after_archiving_is_found_out() {
    for (statement, expected) in [
        ("DELETE FROM ledger_beginnings", "row 0 is missing"),
        ("UPDATE ledger_beginnings SET seq = seq + 1", "no row of the ledger says that they were archived"),
        ("UPDATE ledger_beginnings SET hash = x'00'", "is not what was written"),
        ("DELETE FROM ledger_beginnings; DELETE FROM ledger_heads WHERE seq > 1", "row 0 is missing"),
        (
            "DELETE FROM ledger_beginnings; DELETE FROM ledger_heads WHERE seq > 1; DELETE FROM ledger WHERE seq > 1",
            "the rows from 0 on are gone, and chain",
        ),
        ("DELETE FROM ledger_heads WHERE seq > 1", "is missing"),
        (
            "DELETE FROM ledger WHERE kind = 'archived'; UPDATE ledger_heads SET seq = 0 WHERE seq = 1",
            "no row of the ledger says that they were archived",
        ),
    ] {
        let ledgers = Ledgers::on(World::on_sqlite().await);
        let server = ledgers.server_with(3).await;
        ledgers.archive("one", LATER).await;
        revoke(&server, 1).await;
        assert_eq!(ledgers.verified(&[]).await, Ok((3, 0)));
        for part in statement.split("; ") {
            ledgers.world.execute(part);
        }
        let found = ledgers.verified(&[]).await.unwrap_err();
        assert!(found.contains(expected), "{statement}: {found}");
    }
}

#[tokio::test]
async fn a_chain_whose_witnesses_were_archived_is_witnessed_again() {
    let ledgers = Ledgers::on(World::on_sqlite().await);
    ledgers.clock.advance(Duration::HOUR);
    let server = ledgers.server_with(2).await;
    let chain = ledgers.store().ledger_heads().await.unwrap().remove(0).chain;
    // Somebody whose clock is an hour behind has seen it, and leaves.
    let behind: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    drop(Ledger::open(ledgers.store().clone(), behind).await.unwrap());
    drop(server);
    assert_eq!(ledgers.archive("one", LATER).await, 1);
    let from = format!("chain = '{chain}'");
    ledgers.world.execute(&format!("DELETE FROM ledger WHERE seq = 2 AND {from}"));
    ledgers.world.execute(&format!("UPDATE ledger_heads SET seq = 1 WHERE {from}"));
    assert!(ledgers.verified(&[]).await.unwrap_err().contains("the rows from 2 on are gone"));
}
