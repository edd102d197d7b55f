//! How the cost of an exchange grows, one thing at a time: clients, users, grants, rows of the ledger (on `SQLite`, where they
//! lie in one file with everything else), actors in the chain, and replicas on one `PostgreSQL`.
//!
//! Points are compared in turns: the servers of all of them are there at once, and each round gives each of them a short load,
//! and the raw work beside it. What the machine does meanwhile happens to all. Subject tokens are of a process that
//! is gone: rows are filled in while their server does not run.

mod actors;
mod fill;

use anyhow::{Context, Result};

use super::load::Pressure;
use super::options::{Depth, Engine, Options, RECOMMENDED};
use super::preparation::exchanges;
use super::report::{Growth, Measured, Point};
use super::scenario::Scenario;
use super::server::{Kind, Server};
use super::start::add_clients;
use super::work::Work;
use super::{runs, tell};
use fill::Rows;

/// So many different subject tokens are exchanged.
const SUBJECTS: usize = 100;

/// To each server: what it costs that there is another one, and not that it has less to do.
const CONNECTIONS: usize = 16;

/// Every way in which it can grow.
pub async fn measure(options: &Options) -> Result<Vec<Growth>> {
    let sizes: &[u64] = if options.depth == Depth::Quick { &[10, 1_000] } else { &[10, 1_000, 100_000] };
    let ledger: &[u64] = match options.depth {
        Depth::Quick => &[0, 10_000],
        Depth::Normal => &[0, 1_000_000],
        Depth::Long => &[0, 1_000_000, 10_000_000],
    };
    let mut growth = vec![of_clients(options, sizes).await.context("clients")?];
    for (rows, sizes) in [(Rows::Users, sizes), (Rows::Grants, sizes), (Rows::Ledger, ledger)] {
        growth.push(of_rows(options, rows, sizes).await.context(rows.name())?);
    }
    growth.push(of_actors(options).await.context("actors")?);
    if options.engines().contains(&Engine::Postgres) {
        growth.push(of_replicas(options).await.context("replicas")?);
    }
    Ok(growth)
}

/// What is compared: at which of the servers which exchanges are made for which size.
#[derive(Default)]
struct Compared {
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
    /// A server with so much of something.
    fn add(&mut self, size: u64, server: Server, work: Work) {
        self.candidates.push(Candidate { size, server: self.servers.len(), work });
        self.servers.push(server);
    }

    async fn measure(self, of: &str, options: &Options) -> Result<Growth> {
        let mut loads: Vec<Vec<Measured>> = self.candidates.iter().map(|_| Vec::new()).collect();
        let rounds = options.depth.rounds();
        for round in 1..=rounds {
            tell(&format!("growth: {of}, round {round} of {rounds}"));
            for (Candidate { server, work, .. }, loads) in self.candidates.iter().zip(&mut loads) {
                let (server, time) = (&self.servers[*server], options.depth.time() / 4);
                let pressure = Pressure::AsFastAsItGoes { connections: CONNECTIONS * work.servers.len() };
                loads.push(runs::one(server, RECOMMENDED, Scenario::Exchange, work, pressure, time).await?);
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
    let mut compared = Compared::default();
    for size in sizes {
        tell(&format!("growth: {size} clients"));
        let count = usize::try_from(*size)?;
        let mut server = Server::start_with(&kind(Engine::Sqlite), move |world| add_clients(world, count)).await?;
        let work = exchanges(&server, SUBJECTS).await?;
        server.replace(async |_| Ok(())).await?;
        compared.add(*size, server, work);
    }
    compared.measure("clients", options).await
}

async fn of_rows(options: &Options, rows: Rows, sizes: &[u64]) -> Result<Growth> {
    let mut compared = Compared::default();
    for size in sizes {
        tell(&format!("growth: {size} {}", rows.name()));
        let mut server = Server::start(&kind(Engine::Sqlite)).await?;
        let work = exchanges(&server, SUBJECTS).await?;
        server.replace(async |stack| fill::with(stack, rows, *size).await).await?;
        compared.add(*size, server, work);
    }
    compared.measure(rows.name(), options).await
}

async fn of_actors(options: &Options) -> Result<Growth> {
    let mut server = Server::start_with(&kind(Engine::Sqlite), actors::longer_chains).await?;
    let works = actors::exchanges(&server, SUBJECTS).await?;
    server.replace(async |_| Ok(())).await?;
    let candidates = works.into_iter().map(|(size, work)| Candidate { size, server: 0, work }).collect();
    Compared { servers: vec![server], candidates }.measure("actors", options).await
}

async fn of_replicas(options: &Options) -> Result<Growth> {
    let mut compared = Compared::default();
    for replicas in 1..=2 {
        tell(&format!("growth: {replicas} replicas"));
        let mut server = Server::start(&kind(Engine::Postgres)).await?;
        let mut work = exchanges(&server, SUBJECTS).await?;
        server.replace(async |_| Ok(())).await?;
        if replicas > 1 {
            work.servers.push(server.add_replica().await?);
        }
        compared.add(replicas, server, work);
    }
    compared.measure("replicas", options).await
}

/// At ports of their own: several run at a time.
fn kind(engine: Engine) -> Kind {
    Kind { algorithm: RECOMMENDED.to_owned(), engine, relaxed: false, port: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::raw::Raw;
    use crate::bench::report::Report;

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
