//! The database stops and starts again, under load. (SQLite's file locked by another process: `auth-server/tests/faults.rs`.)

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::stack::{Database, Stack};

use crate::history::{History, Outcome};
use crate::load::Load;

/// Waits for an answer with this status that was asked for after `since`.
async fn until_refused_with(history: &History, status: u16, since: u64) -> Result<()> {
    let wanted = |outcome: &Outcome| matches!(outcome, Outcome::Refused { status: told, .. } if *told == status);
    let waiting = async {
        while !history.entries().iter().any(|entry| entry.began > since && wanted(&entry.outcome)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.with_context(|| format!("no {status} is heard"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_the_answer_is_503_and_soon_after_it_is_back_all_is_well() -> Result<()> {
    if Database::OwnPostgres.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().as_processes().on(Database::OwnPostgres).start().await?;
    let load = Load::start(&stack)?;
    for _ in 0..3 {
        load.history.grows_by(10).await?;
        stack.stop_database()?;
        let since = load.history.now();
        until_refused_with(&load.history, 503, since).await?;
        let before_it_is_back = load.history.now();
        let meanwhile = load.history.entries().into_iter().filter(|entry| entry.began > since);
        // What is refused for another reason is refused without the database.
        let other = meanwhile
            .filter(|entry| entry.ended < before_it_is_back)
            .find(|entry| !matches!(entry.outcome, Outcome::Refused { status: 503, .. }));
        ensure!(other.is_none(), "while the database is away: {other:?}");
        stack.resume_database()?;
        let back = Instant::now();
        load.history.grows_by(1).await?;
        // Two seconds, and what a busy machine takes to look.
        ensure!(back.elapsed() < Duration::from_secs(4), "recovery took {:?}", back.elapsed());
    }
    load.history.grows_by(10).await?;
    let history = load.stop().await?;
    history.check(&stack).await?;
    stack.stop().await
}
