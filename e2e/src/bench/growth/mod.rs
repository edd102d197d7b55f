//! How the cost of an exchange grows, one thing at a time: clients, users, grants, rows of the ledger (on `SQLite`, where they
//! lie in one file with everything else), actors in the chain, and replicas on one `PostgreSQL`.
//!
//! A point is the middle of three loads, each beside the raw work before and after it, by subject tokens whose issuing process
//! is gone: rows are filled in while no server runs.

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

/// So many loads a point is the middle of.
const LOADS: usize = 3;

const PRESSURE: Pressure = Pressure::AsFastAsItGoes { connections: 16 };

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

async fn of_clients(options: &Options, sizes: &[u64]) -> Result<Growth> {
    let mut points = Vec::new();
    for size in sizes {
        tell(&format!("growth: {size} clients"));
        let count = usize::try_from(*size)?;
        let mut server =
            Server::start_with(&kind(options, Engine::Sqlite), move |world| add_clients(world, count)).await?;
        let work = exchanges(&server, SUBJECTS).await?;
        server.replace(async |_| Ok(())).await?;
        points.push(point(options, &server, &work, *size).await?);
        server.stop().await?;
    }
    Ok(Growth { of: "clients".to_owned(), points })
}

async fn of_rows(options: &Options, rows: Rows, sizes: &[u64]) -> Result<Growth> {
    let mut server = Server::start(&kind(options, Engine::Sqlite)).await?;
    let work = exchanges(&server, SUBJECTS).await?;
    let (mut points, mut there) = (Vec::new(), 0);
    for size in sizes {
        tell(&format!("growth: {size} {}", rows.name()));
        server.replace(async |stack| fill::more(stack, rows, there, *size).await).await?;
        there = *size;
        points.push(point(options, &server, &work, *size).await?);
    }
    server.stop().await?;
    Ok(Growth { of: rows.name().to_owned(), points })
}

async fn of_actors(options: &Options) -> Result<Growth> {
    let mut server = Server::start_with(&kind(options, Engine::Sqlite), actors::longer_chains).await?;
    let works = actors::exchanges(&server, SUBJECTS).await?;
    server.replace(async |_| Ok(())).await?;
    let mut points = Vec::new();
    for (actors, work) in works {
        tell(&format!("growth: {actors} actors"));
        points.push(point(options, &server, &work, actors).await?);
    }
    server.stop().await?;
    Ok(Growth { of: "actors".to_owned(), points })
}

async fn of_replicas(options: &Options) -> Result<Growth> {
    let mut server = Server::start(&kind(options, Engine::Postgres)).await?;
    let mut work = exchanges(&server, SUBJECTS).await?;
    server.replace(async |_| Ok(())).await?;
    let mut points = Vec::new();
    for replicas in 1..=2 {
        tell(&format!("growth: {replicas} replicas"));
        if replicas > 1 {
            work.servers.push(server.add_replica().await?);
        }
        points.push(point(options, &server, &work, replicas).await?);
    }
    server.stop().await?;
    Ok(Growth { of: "replicas".to_owned(), points })
}

fn kind(options: &Options, engine: Engine) -> Kind {
    Kind { algorithm: RECOMMENDED.to_owned(), engine, relaxed: false, port: options.port }
}

async fn point(options: &Options, server: &Server, work: &Work, size: u64) -> Result<Point> {
    let time = options.depth.time() / 2;
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        loads.push(runs::one(server, RECOMMENDED, Scenario::Exchange, work, PRESSURE, time).await?);
    }
    loads.sort_by(|one, other| one.ratio().total_cmp(&other.ratio()));
    let Measured { cpu, raw, .. } = loads[LOADS / 2];
    Ok(Point { size, cpu, raw })
}
