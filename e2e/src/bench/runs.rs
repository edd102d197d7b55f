//! The loads of one algorithm on one database, scenario by scenario.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;

use super::load::{self, Length, Pressure, Told};
use super::options::{Depth, Engine, Options, RECOMMENDED};
use super::raw::Samples;
use super::report::{Latency, Measured, Run, each};
use super::scenario::Scenario;
use super::server::{Kind, Server};
use super::stalls::Stalls;
use super::work::Work;
use super::{bare, disk, preparation, tell};

/// Of what is single-use, so many are made for each second of a load as fast as it goes: one that needs more is over sooner.
const MOST: f64 = 5_000.0;

/// The same, where one connection asks.
const MOST_BY_ONE: f64 = 1_500.0;

/// All runs that are wanted, one after the other into `runs`.
pub async fn all(options: &Options, runs: &mut Vec<Run>) -> Result<()> {
    for engine in options.engines() {
        for algorithm in options.algorithms() {
            let first = runs.is_empty();
            // A quick look goes through every scenario once, and shows that the others can be measured by one of them.
            if options.depth == Depth::Quick && engine != options.engines()[0] && algorithm != options.algorithms()[0] {
                continue;
            }
            let scenarios = if options.depth == Depth::Quick && !first && options.scenarios.is_empty() {
                &[Scenario::Exchange]
            } else {
                options.scenarios()
            };
            let kind = kind(options, algorithm, engine, false);
            runs.push(
                Box::pin(measure(options, &kind, scenarios))
                    .await
                    .with_context(|| format!("{algorithm} on {}", engine.name()))?,
            );
        }
    }
    // What durability costs is told by the latency of an exchange alone.
    if options.scenarios().contains(&Scenario::Exchange) {
        let algorithm = options.algorithms()[0].to_owned();
        let engines = options.engines();
        let count = if options.depth == Depth::Quick { 1 } else { engines.len() };
        for engine in engines.into_iter().take(count) {
            let kind = kind(options, &algorithm, engine, true);
            runs.push(
                Box::pin(measure(options, &kind, &[Scenario::Exchange])).await.context("with durability relaxed")?,
            );
        }
    }
    Ok(())
}

fn kind(options: &Options, algorithm: &str, engine: Engine, relaxed: bool) -> Kind {
    Kind { relaxed, ..Kind::of(options, algorithm, engine) }
}

async fn measure(options: &Options, kind: &Kind, scenarios: &[Scenario]) -> Result<Run> {
    let mut run = Run {
        algorithm: kind.algorithm.clone(),
        database: kind.engine,
        relaxed: kind.relaxed,
        disk_sync: Latency { p50: 0, p90: 0, p99: 0, p999: 0 },
        stalls: Stalls::within(options.time() / 4).await?,
        bare: None,
        measured: Vec::new(),
    };
    tell(&run.name());
    let mut server = Server::start(kind).await?;
    let exchanges = preparation::prepare(Scenario::Exchange, &mut server, 0).await?;
    let mut syncs = Histogram::new(3)?;
    disk::sync(server.directory(), &mut syncs)?;
    for scenario in scenarios {
        tell(&format!("  {}", scenario.name()));
        let loads = loads(options, &kind.algorithm, &mut server, *scenario, &exchanges, &mut syncs).await;
        run.measured.extend(loads.with_context(|| scenario.name())?);
    }
    run.disk_sync = Latency::of(&syncs);
    if kind.algorithm == RECOMMENDED && scenarios.contains(&Scenario::Exchange) {
        run.bare =
            Some(bare::at_half(&kind.algorithm, &exchanges, options.time()).await.context("the raw work alone")?);
    }
    server.stop().await?;
    Ok(run)
}

/// All loads of one scenario: as fast as it goes, and at half of that. Between those of the exchange the disk is synced; the full load
/// of what is compared comes between two short ones of `exchanges`, with which it is compared.
async fn loads(
    options: &Options,
    algorithm: &str,
    server: &mut Server,
    scenario: Scenario,
    exchanges: &Work,
    syncs: &mut Histogram<u64>,
) -> Result<Vec<Measured>> {
    let (time, mut measured) = (options.time(), Vec::new());
    let mut supply = Supply { scenario, lasting: time + Length::of_warm_up(time).time, work: None };
    for connections in scenario.connections(options.connections()).iter().copied() {
        let work = supply.work(server, if connections == 1 { MOST_BY_ONE } else { MOST }).await?;
        let most = Pressure::AsFastAsItGoes { connections };
        let is_full = Some(&connections) == options.connections().last();
        let exchange = async |server: &Server| {
            let measured = one(server, algorithm, Scenario::Exchange, exchanges, most, time / 4).await?;
            Ok::<_, anyhow::Error>(measured.cpu)
        };
        let is_compared = is_full && scenario.is_compared();
        let before = if is_compared { Some(exchange(server).await?) } else { None };
        let mut fastest = one(server, algorithm, scenario, &work, most, time).await?;
        if let Some(before) = before {
            fastest.exchange = Some(f64::midpoint(before, exchange(server).await?));
        }
        let half = Pressure::AtRate { per_second: fastest.per_second / 2.0, connections };
        let work = supply.work(server, fastest.per_second / 2.0).await?;
        // The goals are about exchanges and about full load; what else there is needs no more than half of the time.
        let time = if scenario == Scenario::Exchange || is_full { time } else { time / 2 };
        let at_rate = one_at_rate(server, &work, half, time, &fastest).await?;
        measured.extend([fastest, at_rate]);
        if scenario == Scenario::Exchange {
            disk::sync(server.directory(), syncs)?;
        }
    }
    Ok(measured)
}

/// The work of a scenario's loads: the same for all of them, unless it is single-use.
struct Supply {
    scenario: Scenario,
    /// How long a load lasts.
    lasting: Duration,
    work: Option<Work>,
}

impl Supply {
    /// Enough for a load of so many requests a second, where they are single-use.
    async fn work(&mut self, server: &mut Server, per_second: f64) -> Result<Work> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousand a second")]
        let single_use = (per_second * self.lasting.as_secs_f64()).ceil() as usize;
        let work = match self.work.take() {
            Some(work) if !self.scenario.is_single_use() => work,
            _ => preparation::prepare(self.scenario, server, single_use).await?,
        };
        Ok(self.work.insert(work).clone())
    }
}

/// One load, with the raw work beside it.
pub async fn one(
    server: &Server,
    algorithm: &str,
    scenario: Scenario,
    work: &Work,
    pressure: Pressure,
    time: Duration,
) -> Result<Measured> {
    load::make(work, pressure, Length::of_warm_up(time)).await?;
    let mut raw = Samples::of(algorithm);
    let (told, cpu) = costing(server, raw.beside(load::make(work, pressure, Length::lasting(time)))).await?;
    Ok(Measured::of(scenario, pressure, &told, cpu, raw.median()))
}

/// One load at a fixed rate, beside the raw work of the `fastest` before it: samples of its own would keep a core for
/// milliseconds, and be the latency that is measured. But the disk is synced now and then, which tells what the machine makes of that.
async fn one_at_rate(
    server: &Server,
    work: &Work,
    pressure: Pressure,
    time: Duration,
    fastest: &Measured,
) -> Result<Measured> {
    load::make(work, pressure, Length::of_warm_up(time)).await?;
    let load = costing(server, load::make(work, pressure, Length::lasting(time)));
    let ((told, cpu), syncs) = disk::sync_beside(server.directory(), load).await?;
    let measured = Measured::of(fastest.scenario, pressure, &told, cpu, fastest.raw);
    Ok(Measured { sync: Some(Latency::of(&syncs)), ..measured })
}

/// A load, and the server's CPU time for each of its requests.
async fn costing(server: &Server, load: impl Future<Output = Result<Told>>) -> Result<(Told, f64)> {
    let before = server.cpu()?;
    let told = load.await?;
    ensure!(told.requests > 0, "nothing was left to ask");
    let cpu = each(server.cpu()?.saturating_sub(before), told.requests);
    Ok((told, cpu))
}
