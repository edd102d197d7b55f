//! The check of a token at API B, as its handlers have it done: by `ResourceServer::authenticate`, the status list included.
//! Of tokens that were not seen before, and of the same again within their lifetime. On every core at once, in turns with the raw
//! work: all of it is over in less than a second, in which a machine may run now faster and now slower.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use shared_claims::ResourceServer;
use tokio::runtime;
use tokio::task::spawn_blocking;

use super::options::Options;
use super::preparation::exchange;
use super::raw::{Pair, Raw, Samples, median};
use super::report::{Validation, each};
use super::server::{Kind, Server};
use super::{cpu, tell, work};
use crate::world::API_B;

/// So many tokens are one sample.
const SAMPLE: usize = 100;

/// So many tokens come again, and again so often.
const CALLERS: usize = 50;
const REPEATS: usize = 200;

/// By each algorithm.
pub async fn measure(options: &Options) -> Result<Vec<Validation>> {
    let mut measured = Vec::new();
    for algorithm in options.algorithms() {
        measured.push(by(algorithm.to_owned(), options).await.with_context(|| algorithm.to_owned())?);
    }
    Ok(measured)
}

async fn by(algorithm: String, options: &Options) -> Result<Validation> {
    tell(&format!("validation at API B, {algorithm}"));
    let server = Server::start(&Kind::of(options, &algorithm, options.engine())).await?;
    let count = SAMPLE * options.depth.choose(5, 30);
    let subject = server.access_tokens(1).await?.pop().context("no subject token")?;
    let requests = (0..count).map(|_| exchange(&server, &subject)).collect();
    let tokens = server.answers(requests, work::access_token).await.context("exchanging")?;
    let cores = (0..cpu::cores()).map(|_| {
        let (issuer, tokens) = (server.stack.issuer().to_owned(), tokens.clone());
        let algorithm = algorithm.clone();
        spawn_blocking(move || {
            let pair = Pair::of(&algorithm)?;
            // A runtime of this thread's own, so that its CPU time is all that a check takes.
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(at_one_api(&issuer, &tokens, &pair))
        })
    });
    let (mut raw, mut first, mut repeat) = (Samples::of(&algorithm), Vec::new(), Vec::new());
    for samples in futures_util::future::try_join_all(cores).await? {
        let OneCore { raw: raws, first: firsts, repeat: repeats } = samples?;
        raw.extend(raws);
        first.extend(firsts);
        repeat.extend(repeats);
    }
    server.stop().await?;
    Ok(Validation { algorithm, raw: raw.median(), first: median(&first), repeat: median(&repeat) })
}

/// Samples of the raw work, of first checks and of repeated ones, in microseconds.
#[derive(Default)]
struct OneCore {
    raw: Vec<Raw>,
    first: Vec<f64>,
    repeat: Vec<f64>,
}

async fn at_one_api(issuer: &str, tokens: &[String], pair: &Pair) -> Result<OneCore> {
    let api = ResourceServer::builder(issuer, API_B).build()?;
    // Keys and the status list are fetched for the first of all tokens, and are there for the others.
    let (first, others) = tokens.split_first().context("no tokens")?;
    api.authenticate(first).await?;
    let mut samples = OneCore::default();
    for sample in others.chunks_exact(SAMPLE) {
        samples.raw.push(pair.sample()?);
        samples.first.push(check(&api, sample).await?);
    }
    let callers = &others[others.len().saturating_sub(CALLERS)..];
    for _ in 0..REPEATS {
        samples.repeat.push(check(&api, callers).await?);
    }
    ensure!(!samples.first.is_empty() && !callers.is_empty(), "too few tokens");
    Ok(samples)
}

/// CPU time of one check, in microseconds.
async fn check(api: &ResourceServer, tokens: &[String]) -> Result<f64> {
    let before = cpu::of_this_thread();
    for token in tokens {
        black_box(api.authenticate(token).await?);
    }
    Ok(each(cpu::of_this_thread().saturating_sub(before), tokens.len() as u64))
}
