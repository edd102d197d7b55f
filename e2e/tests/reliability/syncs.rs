//! A kill at every single sync of the disk (or, on PostgreSQL, at every single message to it), and syncs that fail.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::stack::{Database, Service, Stack};
use e2e::steps::{Person, Tokens};
use rstest::rstest;

use crate::history::{Asked, History, Outcome};
use crate::load::{Client, Load};
use crate::sync_faults::Faults;

/// More syncs, or messages, than any of these requests has.
const MOST: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Redemption,
    Refresh,
    Exchange,
    Revocation,
}

const FLOWS: [Flow; 4] = [Flow::Redemption, Flow::Refresh, Flow::Exchange, Flow::Revocation];

struct World {
    stack: Stack,
    client: Client,
    person: Person,
    faults: Faults,
    /// "kill" or "kill-send".
    order: &'static str,
}

impl World {
    /// Makes the request with a kill at its `n`th moment; whether the server died of it.
    async fn dies_at(&mut self, flow: Flow, n: usize, tokens: &Tokens) -> Result<bool> {
        self.faults.order(&format!("{} {n}", self.order))?;
        match flow {
            Flow::Redemption => drop(self.client.sign_in(&self.person).await?),
            Flow::Refresh => drop(self.client.refresh(tokens.refresh_token()?).await?),
            Flow::Exchange => drop(self.client.exchange(tokens).await?),
            Flow::Revocation => drop(self.client.revoke(tokens).await?),
        }
        self.faults.withdraw()?;
        let died = self.client.history.entries().last().is_none_or(|entry| entry.outcome == Outcome::Lost)
            || self.stack.auth_server.get("/healthz").await.is_err();
        if died {
            self.stack.kill_service(Service::AuthServer).await?;
            self.stack.start_service(Service::AuthServer).await?;
        }
        Ok(died)
    }

    /// What the client does then: it tries again, and the answer is what the documents promise.
    async fn tries_again(&self, flow: Flow, tokens: &Tokens) -> Result<()> {
        match flow {
            // The code may be used up: the person comes back with another one.
            Flow::Redemption => drop(self.client.sign_in(&self.person).await?.context("no sign-in after the kill")?),
            Flow::Refresh => {
                let again = self.client.refresh(tokens.refresh_token()?).await?;
                let again = again.context("a refresh whose answer was lost is answered the next time")?;
                self.client.exchange(&again).await?.context("the chain goes on")?;
            }
            Flow::Exchange => drop(self.client.exchange(tokens).await?.context("no exchange after the kill")?),
            Flow::Revocation => {
                ensure!(self.client.revoke(tokens).await?, "no revocation after the kill");
                ensure!(self.client.exchange(tokens).await?.is_none(), "a revoked chain was extended");
            }
        }
        Ok(())
    }
}

#[rstest]
#[case::sqlite(Database::Sqlite, "kill")]
#[case::postgres(Database::Postgres, "kill-send")]
#[tokio::test]
async fn a_kill_at_every_single_moment_of_a_request_loses_nothing(
    #[case] database: Database,
    #[case] order: &'static str,
    #[values(Flow::Redemption, Flow::Refresh, Flow::Exchange, Flow::Revocation)] flow: Flow,
) -> Result<()> {
    let Some(faults) = Faults::prepare()? else { return Ok(()) };
    if database.is_left_out() {
        return Ok(());
    }
    let stack = faults.over(Stack::builder().as_processes().on(database)).start().await?;
    let client = Client { app: stack.app()?, history: History::default() };
    let mut world = World { stack, client, person: Person::named("alice")?, faults, order };
    let mut kills = 0;
    for n in 1..=MOST {
        let tokens = world.client.sign_in(&world.person).await?.context("no sign-in")?;
        if !world.dies_at(flow, n, &tokens).await? {
            break;
        }
        kills += 1;
        world.tries_again(flow, &tokens).await.with_context(|| format!("{flow:?}, killed at {n}"))?;
    }
    ensure!((1..MOST).contains(&kills), "{flow:?} was killed {kills} times");
    assert!(FLOWS.contains(&flow));
    world.client.history.check(&world.stack).await?;
    world.stack.stop().await
}

/// A disk that has failed once is not trusted again (fsync reports an error once, and forgets it): nothing is given until
/// somebody has looked and started the server anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_sync_that_fails_no_token_leaves_until_the_server_is_started_anew() -> Result<()> {
    let Some(faults) = Faults::prepare()? else { return Ok(()) };
    let mut stack = faults.over(Stack::builder().as_processes()).start().await?;
    let load = Load::start(&stack)?;
    load.history.grows_by(10).await?;
    faults.order("fail")?;
    let failing = load.history.now();
    stack.readiness_becomes(503).await?;
    // The disk is well again, and was not believed.
    faults.withdraw()?;
    let well_again = load.history.now();
    let refused = |history: &History| {
        let entries = history.entries();
        entries
            .iter()
            .filter(|entry| entry.began > well_again && matches!(entry.outcome, Outcome::Refused { status: 503, .. }))
            .count()
    };
    let waiting = async {
        while refused(&load.history) < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.context("nobody asks")?;
    let after = load.history.entries().into_iter().filter(|entry| entry.began > failing);
    let given: Vec<_> = after.filter(|entry| matches!(entry.outcome, Outcome::Granted(_))).collect();
    ensure!(given.is_empty(), "given after a failed sync: {given:?}");
    let log = std::fs::read_to_string(stack.directory().join("auth-server.log"))?;
    ensure!(log.contains("is not trusted any more"), "the log does not say what to do: {log}");

    stack.kill_service(Service::AuthServer).await?;
    stack.start_service(Service::AuthServer).await?;
    load.history.grows_by(10).await?;
    let history = load.stop().await?;
    ensure!(history.entries().iter().any(|entry| matches!(entry.asked, Asked::Refresh(_))), "nobody refreshed");
    history.check(&stack).await?;
    stack.stop().await
}

/// PostgreSQL ends itself when a sync fails, and so it does when it starts again: until its operator has looked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_cannot_sync_no_token_leaves_and_with_a_good_disk_all_goes_on() -> Result<()> {
    if Database::OwnPostgres.is_left_out() {
        return Ok(());
    }
    let Some(faults) = Faults::prepare()? else { return Ok(()) };
    let stack = faults.over_postgres(Stack::builder().as_processes())?.start().await?;
    let load = Load::start(&stack)?;
    load.history.grows_by(10).await?;
    faults.order("fail")?;
    let failing = load.history.now();
    stack.readiness_becomes(503).await?;
    let given = load.history.entries().into_iter().filter(|entry| entry.began > failing);
    let given: Vec<_> = given.filter(|entry| matches!(entry.outcome, Outcome::Granted(_))).collect();
    ensure!(given.is_empty(), "given after a failed sync: {given:?}");
    faults.withdraw()?;
    // It may be on its way up again by itself, or have given up.
    let _ = stack.stop_database();
    stack.resume_database()?;
    load.history.grows_by(10).await?;
    let history = load.stop().await?;
    history.check(&stack).await?;
    stack.stop().await
}
