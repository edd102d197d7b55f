//! A call that goes through three APIs of the demo world, as it ships, each a process of its own with its database: the app
//! calls API A, which calls API A2, which calls API B, each on behalf of the user. With a token that nobody has seen that takes
//! three validations and two exchanges; with one that all of them know, neither.

use std::time::Duration;

use anyhow::Result;

use super::load::{self, Length, Pressure};
use super::options::Options;
use super::report::{Chain, ChainCall, Latency, each};
use super::request::{self, Request};
use super::server::{Kind, Server};
use super::work::Work;
use super::{cpu, tell};
use crate::stack::Service;

/// How many call at once, where CPU time is measured.
const CALLERS: usize = 16;

const APIS: [Service; 3] = [Service::ApiA, Service::ApiA2, Service::ApiB];

pub async fn measure(options: &Options) -> Result<Chain> {
    let algorithm = options.algorithm().to_owned();
    tell(&format!("a chain of three APIs, {algorithm}"));
    let server = Server::start(&Kind::of(options, &algorithm, options.engine())).await?;
    let count = options.depth.choose(100, 2_000);
    let calls = Calls { server: &server, count };
    // Keys, status lists and connections are there before anything counts.
    let few = calls.of_new_tokens(CALLERS).await?;
    calls.make(&Work::repeated(calls.address(), few.clone()), CALLERS, CALLERS).await?;
    let first = calls
        .cost("the first time", async || Ok(Work::once(calls.address(), calls.of_new_tokens(count).await?)))
        .await?;
    let repeated = calls.cost("again", async || Ok(Work::repeated(calls.address(), few.clone()))).await?;
    server.stop().await?;
    Ok(Chain { algorithm, first, repeated })
}

/// Calls of API A that reach API B by way of API A2.
struct Calls<'a> {
    server: &'a Server,
    /// How many one figure is made of.
    count: usize,
}

impl Calls<'_> {
    fn address(&self) -> std::net::SocketAddr {
        self.server.stack.ports.address(Service::ApiA)
    }

    /// So many, each with a token of a sign-in of its own.
    async fn of_new_tokens(&self, count: usize) -> Result<Vec<Request>> {
        let url = self.server.stack.api_a_url().join("demo/chain")?;
        let tokens = self.server.access_tokens(count).await?;
        Ok(tokens.iter().map(|token| request::get_with_token(&url, token)).collect())
    }

    async fn make(&self, work: &Work, connections: usize, count: usize) -> Result<load::Told> {
        load::make(work, Pressure::AsFastAsItGoes { connections }, Length::counting(count as u64)).await
    }

    /// What the calls cost that `work` makes ready: by one caller, then by many.
    async fn cost(&self, which: &str, work: impl AsyncFn() -> Result<Work>) -> Result<ChainCall> {
        tell(&format!("  one caller, {which}"));
        let alone = self.make(&work().await?, 1, self.count).await?;
        let work = work().await?;
        tell(&format!("  many callers, {which}"));
        let before = (self.server.cpu()?, self.apis()?);
        let told = self.make(&work, CALLERS, self.count).await?;
        let auth_server = each(self.server.cpu()?.saturating_sub(before.0), told.requests);
        let apis = each(self.apis()?.saturating_sub(before.1), told.requests);
        Ok(ChainCall { auth_server, apis, per_second: told.per_second(), alone: Latency::of(&alone.latency) })
    }

    /// What the APIs have used so far.
    fn apis(&self) -> Result<Duration> {
        let processes = APIS.into_iter().flat_map(|api| self.server.stack.process_ids(api));
        processes.map(cpu::of_process).sum()
    }
}
