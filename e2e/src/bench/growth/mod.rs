//! How the cost of an exchange grows, one thing at a time: clients, users, grants, rows of the ledger (on `SQLite`, where they
//! lie in one file with everything else), actors in the chain, and replicas on one `PostgreSQL`.
//!
//! Where rows grow, or clients, subject tokens are spread over all that there are, and are more than the server remembers what stands
//! behind them: each exchange looks that up, among all the others.
//!
//! Points are compared in turns: the servers of all of them are there at once, and each round gives each of them a short load,
//! and the raw work beside it. What the machine does meanwhile happens to all. Subject tokens are of a process that
//! is gone: rows are filled in while their server does not run.

mod actors;
mod fill;

use anyhow::{Context, Result};

use super::load::Pressure;
use super::options::{Engine, Options};
use super::preparation::{exchange, exchanges};
use super::report::{Growth, Measured, Point};
use super::scenario::Scenario;
use super::server::{Kind, PEOPLE, Server};
use super::work::Work;
use super::{clients, runs, tell};
use crate::stack::Stack;
use fill::Rows;

/// Subject tokens, where it does not matter how many.
const FEW: usize = 200;

/// More than the server remembers what stands behind them (4,096: `REMEMBERED` in the auth server's `store/remembered.rs`), and no more
/// than it remembers to have been used (8,192). But for a quick look.
fn subjects(options: &Options) -> usize {
    options.depth.choose(500, 6_000)
}

/// In so many turns grants begin whose tokens are exchanged, and others: they lie among each other.
const TURNS: u64 = 10;

/// To each server: what it costs that there is another one, and not that it has less to do.
const CONNECTIONS: usize = 16;

/// Every way in which it can grow, one after the other into `growth`.
pub async fn measure(options: &Options, growth: &mut Vec<Growth>) -> Result<()> {
    let sizes: &[u64] = options.depth.choose(&[10, 1_000], &[10, 1_000, 100_000]);
    let ledger: &[u64] = options.depth.choose(&[0, 10_000], &[0, 1_000_000, 10_000_000]);
    if options.engines().contains(&Engine::Sqlite) {
        for (rows, sizes) in [(Rows::Ledger, ledger), (Rows::Users, sizes), (Rows::Grants, sizes)] {
            growth.push(of_rows(options, rows, sizes).await.context(rows.name())?);
        }
    } else {
        tell("growth: users, grants and ledger rows are filled into SQLite alone, and left out");
    }
    growth.push(of_clients(options, sizes).await.context("clients")?);
    growth.push(of_actors(options).await.context("actors")?);
    if options.engines().contains(&Engine::Postgres) {
        growth.push(Box::pin(of_replicas(options)).await.context("replicas")?);
    } else {
        tell("growth: replicas want PostgreSQL, and are left out");
    }
    Ok(())
}

/// What is compared: at which of the servers which exchanges are made for which size.
struct Compared {
    algorithm: String,
    servers: Vec<Server>,
    candidates: Vec<Candidate>,
}

struct Candidate {
    size: u64,
    /// Its place among the servers.
    server: usize,
    work: Work,
}

impl Compared {
    fn by(options: &Options) -> Self {
        Self { algorithm: options.algorithm().to_owned(), servers: Vec::new(), candidates: Vec::new() }
    }

    /// A server with so much of something, and the tokens that are exchanged there.
    fn add(&mut self, size: u64, server: Server, subjects: &[String]) {
        let work = Work::repeated(server.address(), subjects.iter().map(|subject| exchange(&server, subject)));
        self.candidates.push(Candidate { size, server: self.servers.len(), work });
        self.servers.push(server);
    }

    async fn measure(self, of: &str, options: &Options) -> Result<Growth> {
        let mut loads: Vec<Vec<Measured>> = self.candidates.iter().map(|_| Vec::new()).collect();
        let rounds = options.depth.rounds();
        for round in 1..=rounds {
            tell(&format!("growth: {of}, round {round} of {rounds}"));
            for (Candidate { server, work, .. }, loads) in self.candidates.iter().zip(&mut loads) {
                let (server, time) = (&self.servers[*server], options.time() / 4);
                let pressure = Pressure::AsFastAsItGoes { connections: CONNECTIONS * work.servers.len() };
                loads.push(runs::one(server, &self.algorithm, Scenario::Exchange, work, pressure, time).await?);
            }
        }
        for server in self.servers {
            server.stop().await?;
        }
        let points = self.candidates.iter().zip(&loads).filter_map(|(candidate, loads)| middle(candidate.size, loads));
        Ok(Growth { of: of.to_owned(), points: points.collect() })
    }
}

/// The load whose ratio to the raw work beside it is the middle one.
fn middle(size: u64, loads: &[Measured]) -> Option<Point> {
    let mut loads: Vec<&Measured> = loads.iter().collect();
    loads.sort_by(|one, other| one.ratio().total_cmp(&other.ratio()));
    loads.get(loads.len() / 2).map(|Measured { cpu, raw, .. }| Point { size, cpu: *cpu, raw: *raw })
}

async fn of_clients(options: &Options, sizes: &[u64]) -> Result<Growth> {
    let mut compared = Compared::by(options);
    for size in sizes {
        tell(&format!("growth: {size} clients"));
        let (count, wanted) = (usize::try_from(*size)?, subjects(options));
        let kind = kind(options, options.engine());
        let mut server = Server::start_with(&kind, move |world| clients::add(world, count)).await?;
        let apps: Vec<String> = spread(wanted.min(count), count).map(clients::id).collect();
        let subjects = server.access_tokens_for(wanted, &apps).await?;
        server.replace(async |_| Ok(())).await?;
        compared.add(*size, server, &subjects);
    }
    compared.measure("clients", options).await
}

async fn of_rows(options: &Options, rows: Rows, sizes: &[u64]) -> Result<Growth> {
    let mut compared = Compared::by(options);
    for size in sizes {
        tell(&format!("growth: {size} {}", rows.name()));
        // Where users grow there are no others but those of the demo world.
        let people = if let Rows::Users = rows { 0 } else { PEOPLE };
        let mut server = Server::start(&Kind { people, ..kind(options, Engine::Sqlite) }).await?;
        let wanted = subjects(options);
        let subjects = match rows {
            Rows::Users => of_users(&mut server, wanted, *size).await?,
            Rows::Grants => among_grants(&mut server, wanted, *size).await?,
            Rows::Ledger => with_ledger(&mut server, wanted, *size).await?,
        };
        compared.add(*size, server, &subjects);
    }
    compared.measure(rows.name(), options).await
}

/// So many subject tokens, of as many of so many users as there are.
async fn of_users(server: &mut Server, wanted: usize, users: u64) -> Result<Vec<String>> {
    server.replace(async |stack| fill::with(stack, Rows::Users, 0..users).await).await?;
    let users = usize::try_from(users)?;
    server.sign_in(spread(wanted.min(users), users).map(fill::user).collect()).await?;
    let subjects = server.access_tokens(wanted).await?;
    server.replace(async |_| Ok(())).await?;
    Ok(subjects)
}

/// So many of grants among so many others.
async fn among_grants(server: &mut Server, wanted: usize, others: u64) -> Result<Vec<String>> {
    let mut subjects = Vec::new();
    for turn in 0..TURNS {
        subjects.extend(server.access_tokens(wanted / usize::try_from(TURNS)?).await?);
        let numbers = others * turn / TURNS..others * (turn + 1) / TURNS;
        server.replace(async |stack| fill::with(stack, Rows::Grants, numbers).await).await?;
    }
    Ok(subjects)
}

/// So many of grants that have so many rows in the ledger.
async fn with_ledger(server: &mut Server, wanted: usize, rows: u64) -> Result<Vec<String>> {
    let subjects = server.access_tokens(wanted).await?;
    server.replace(async |stack: &Stack| fill::with(stack, Rows::Ledger, 0..rows).await).await?;
    Ok(subjects)
}

async fn of_actors(options: &Options) -> Result<Growth> {
    let mut server = Server::start_with(&kind(options, options.engine()), actors::longer_chains).await?;
    let works = actors::exchanges(&server, FEW).await?;
    server.replace(async |_| Ok(())).await?;
    let candidates = works.into_iter().map(|(size, work)| Candidate { size, server: 0, work }).collect();
    Compared { servers: vec![server], candidates, ..Compared::by(options) }.measure("actors", options).await
}

async fn of_replicas(options: &Options) -> Result<Growth> {
    let mut compared = Compared::by(options);
    for replicas in 1..=2 {
        tell(&format!("growth: {replicas} replicas"));
        let mut server = Server::start(&kind(options, Engine::Postgres)).await?;
        let mut work = exchanges(&server, FEW).await?;
        server.replace(async |_| Ok(())).await?;
        if replicas > 1 {
            work.servers.push(server.add_replica().await?);
        }
        compared.candidates.push(Candidate { size: replicas, server: compared.servers.len(), work });
        compared.servers.push(server);
    }
    compared.measure("replicas", options).await
}

/// So many numbers below `end`, as far from each other as it goes.
fn spread(count: usize, end: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| place * end / count)
}

/// At ports of their own: several run at a time.
fn kind(options: &Options, engine: Engine) -> Kind {
    Kind { port: None, ..Kind::of(options, options.algorithm(), engine) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::raw::Raw;
    use crate::bench::report::Report;

    #[test]
    fn subjects_are_spread_over_all() {
        assert_eq!(spread(4, 10).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!(spread(3, 3).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_point_is_the_round_in_the_middle_with_the_raw_work_beside_it() {
        let load = |cpu, verify| {
            let one = Report::example().runs.remove(0).measured.remove(0);
            Measured { cpu, raw: Raw { verify, sign: 20.0 }, ..one }
        };
        let Point { size, cpu, raw } = middle(10, &[load(900.0, 60.0), load(400.0, 180.0), load(210.0, 40.0)]).unwrap();
        assert_eq!((size, [cpu, raw.verify].map(f64::round)), (10, [210.0, 40.0]));
        assert!(middle(10, &[]).is_none());
    }
}
