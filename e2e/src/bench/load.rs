//! Load: as fast as a number of connections goes, or at a fixed rate.
//!
//! At a fixed rate every request has its time, and its latency counts from then: a server that stalls is not asked less often,
//! and so cannot hide the stall (coordinated omission).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::scenario::Work;

/// The longest latency that is told apart: a minute, in microseconds.
const LONGEST: u64 = 60_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Pressure {
    /// Each connection asks again as soon as it is answered.
    AsFastAsItGoes {
        connections: usize,
    },
    AtRate {
        per_second: f64,
        connections: usize,
    },
}

/// What a load came to.
pub struct Told {
    pub requests: u64,
    pub time: Duration,
    /// Microseconds.
    pub latency: Histogram<u64>,
}

/// Makes load for so long. Every answer must be a success.
pub async fn make(work: &Work, pressure: Pressure, time: Duration) -> Result<Told> {
    let (Pressure::AsFastAsItGoes { connections } | Pressure::AtRate { connections, .. }) = pressure;
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut askers = JoinSet::new();
    for _ in 0..connections {
        let asker = Asker {
            client: work.client.clone(),
            requests: work.requests.iter().filter_map(reqwest::Request::try_clone).collect(),
            next: Arc::clone(&next),
            begun,
            time,
        };
        askers.spawn(asker.ask(pressure));
    }
    let mut latency = Histogram::new_with_max(LONGEST, 3)?;
    while let Some(asked) = askers.join_next().await {
        latency.add(asked??)?;
    }
    Ok(Told { requests: latency.len(), time: begun.elapsed(), latency })
}

struct Asker {
    client: reqwest::Client,
    requests: Vec<reqwest::Request>,
    /// The number of the next request, of all askers.
    next: Arc<AtomicU64>,
    begun: Instant,
    time: Duration,
}

impl Asker {
    async fn ask(self, pressure: Pressure) -> Result<Histogram<u64>> {
        let mut latency = Histogram::new_with_max(LONGEST, 3)?;
        while let Some(due) = self.due(pressure) {
            tokio::time::sleep_until((self.begun + due.1).into()).await;
            let place = usize::try_from(due.0)? % self.requests.len();
            let Some(request) = self.requests[place].try_clone() else { bail!("a request that cannot be sent twice") };
            let since = match pressure {
                Pressure::AsFastAsItGoes { .. } => Instant::now(),
                Pressure::AtRate { .. } => self.begun + due.1,
            };
            let answer = self.client.execute(request).await?;
            let status = answer.status();
            let body = answer.bytes().await?;
            if !status.is_success() {
                bail!("{status}: {}", String::from_utf8_lossy(&body));
            }
            latency.record(u64::try_from(since.elapsed().as_micros())?.clamp(1, LONGEST))?;
        }
        Ok(latency)
    }

    /// The number of the next request and when it is to be sent; none when the time is over.
    fn due(&self, pressure: Pressure) -> Option<(u64, Duration)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let due = match pressure {
            Pressure::AsFastAsItGoes { .. } => self.begun.elapsed(),
            #[expect(clippy::cast_precision_loss, reason = "a run has far fewer requests")]
            Pressure::AtRate { per_second, .. } => Duration::from_secs_f64(number as f64 / per_second),
        };
        (due < self.time).then_some((number, due))
    }
}
