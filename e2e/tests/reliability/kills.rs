//! kill -9 at any moment, under load.

use anyhow::{Result, ensure};
use e2e::stack::{Database, Service, Stack};
use e2e::suite;
use rstest::rstest;

use crate::load::{Load, any};

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kills_at_any_moment_nothing_is_lost_and_nothing_is_used_twice(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let rounds = if suite::is_long() { 50 } else { 5 };
    let mut stack = Stack::builder().as_processes().on(database).start().await?;
    let load = Load::start(&stack)?;
    for _ in 0..rounds {
        load.history.grows_by(1 + usize::try_from(any(25))?).await?;
        stack.kill_service(Service::AuthServer).await?;
        stack.start_service(Service::AuthServer).await?;
    }
    load.history.grows_by(10).await?;
    let history = load.stop().await?;
    ensure!(history.granted() > rounds, "there was hardly any load");
    history.check(&stack).await?;
    stack.stop().await
}
