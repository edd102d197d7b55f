//! `e2e bench`: what an exchange costs, in one run, on one machine, everything side by side.
//!
//! The auth server runs as a process of its own; its CPU time is the operating system's (`cpu`). Beside it stands the CPU time
//! of one verification and one signature by the same library (`raw`): machines differ, the ratio does less. Load is made in two
//! ways (`load`): as fast as it goes, and at a fixed rate, where a late answer counts from when it should have been asked for.
//!
//! - `people`, `clients`: whom the benchmark brings along. `sign_in`: what people do.
//! - `runs`: requests at the auth server, by `scenario` (made ready by `preparation`), each algorithm on each database.
//! - `bare`: a server that does nothing else than what cannot be saved, asked in the same way.
//! - `validation`, `cached_call`: what an API pays. `chain`: what all of them do.
//! - `start`: start-up and memory. `growth`: what more clients, rows, actors, replicas cost.
//! - `goals`: what is to be reached. `report`, `table`, `page`: the figures, for programs and people.

mod bare;
mod beside;
mod cached_call;
mod chain;
mod clients;
mod connection;
mod cpu;
mod disk;
mod goals;
mod growth;
mod load;
mod options;
mod page;
mod people;
mod plot;
mod preparation;
mod raw;
mod refusal;
mod report;
mod request;
mod runs;
mod scenario;
mod server;
mod sign_in;
mod stalls;
mod start;
mod table;
mod validation;
mod work;

use std::io::{ErrorKind, Write as _};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

pub use options::{Depth, Engine, Options, Part};
pub use refusal::Refused;
pub use report::Report;
pub use scenario::Scenario;

/// Measures until all is measured or somebody interrupts; either way nothing is left behind. What was measured before something failed
/// is reported, too.
pub async fn run(options: Options) -> Result<()> {
    refusal::check(&options)?;
    let [mut interrupt, mut quit, mut terminate, mut hangup] = [
        signal(SignalKind::interrupt())?,
        signal(SignalKind::quit())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ];
    let mut report = Report::of_this_machine(options.depth);
    // What is under way ends with its future: processes are killed and waited for, and their files go with them.
    let measured = tokio::select! {
        measured = Box::pin(measure(&options, &mut report)) => measured,
        _ = interrupt.recv() => bail!("interrupted: nothing is reported"),
        _ = quit.recv() => bail!("interrupted: nothing is reported"),
        _ = terminate.recv() => bail!("stopped: nothing is reported"),
        _ = hangup.recv() => bail!("stopped, the terminal is gone: nothing is reported"),
    };
    if report.has_figures() {
        report.goals = goals::of(&report);
        write(&report, &options)?;
    }
    measured?;
    match report.goals.iter().filter(|goal| !goal.is_reached()).count() {
        missed if options.check && missed > 0 => bail!("{missed} of {} goals are missed", report.goals.len()),
        _ => Ok(()),
    }
}

fn write(report: &Report, options: &Options) -> Result<()> {
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(report)?).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &options.html {
        std::fs::write(file, page::of(report)).with_context(|| file.display().to_string())?;
    }
    // Whoever reads it may have read enough before its end (`| head`).
    match writeln!(std::io::stdout(), "{report}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    if options.wants(Part::Load) {
        runs::all(options, &mut report.runs).await?;
    }
    if options.wants(Part::Validation) {
        report.validation = validation::measure(options).await.context("validation")?;
    }
    if options.wants(Part::CachedCall) {
        report.cached_calls = cached_call::measure(options).await.context("the cached call")?;
    }
    if options.wants(Part::Chain) {
        report.chain = Some(chain::measure(options).await.context("the chain")?);
    }
    if options.wants(Part::Start) {
        report.start = start::measure(options).await.context("start-up and memory")?;
    }
    if options.wants(Part::Growth) {
        Box::pin(growth::measure(options, &mut report.growth)).await.context("growth")?;
    }
    Ok(())
}

/// Says what is measured now: the figures come at the end.
fn tell(what: &str) {
    eprintln!("{what}");
}
