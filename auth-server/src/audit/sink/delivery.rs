//! The task that delivers: it looks for rows that wait, claims their chains, and moves each chain's place forward once the
//! receiver has the rows. What is sent and not acknowledged is sent again, after a crash as well.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use metrics::{counter, gauge};
use shared_claims::Clock;
use time::OffsetDateTime;

use super::{NotDelivered, Sink};
use crate::store::{ChainId, Store, StoreError, Undelivered};

/// How often it looks for new rows.
const LOOK: Duration = Duration::from_millis(500);

/// A round ends after so long, though more chains may wait: the own chain comes first in the next one.
const ROUND: Duration = Duration::from_secs(2);

/// How many rows go together.
const TOGETHER: usize = 100;

/// For how long a server has a chain to itself: longer than one try and the pause behind it. So long do the last rows of a
/// server that is gone wait until another one delivers them.
const LEASE: time::Duration = time::Duration::seconds(30);

/// The pauses between tries, each up to twice as long for chance.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What one server delivers.
pub struct Delivery {
    store: Store,
    clock: Arc<dyn Clock>,
    sink: Sink,
    /// The server's own chain, which also stands for the server.
    own: ChainId,
    own_until: OffsetDateTime,
    /// Whether no other server has taken the own chain, which happens where this one was held up for long.
    own_held: bool,
    /// The chain at which the last round failed: the next one begins behind it, so that no chain stops the others.
    failed_at: Option<String>,
}

impl Delivery {
    /// Claims the chain that this server is about to begin, before another server can see it.
    pub async fn begin(store: Store, clock: Arc<dyn Clock>, sink: Sink, own: ChainId) -> Result<Self, StoreError> {
        let now = clock.now();
        let own_held = store.claim_ledger_chain(own.as_str(), own.as_str(), now, now + LEASE).await?;
        Ok(Self { store, clock, sink, own, own_until: now + LEASE, own_held, failed_at: None })
    }

    /// Delivers for as long as the server runs.
    pub async fn run(mut self) {
        let fresh = || {
            let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_delay(LONGEST_PAUSE);
            pauses.without_max_times().with_jitter().build()
        };
        let (mut pauses, mut failing) = (fresh(), false);
        loop {
            let pause = match self.round().await {
                Ok(any) => {
                    if failing && any {
                        log::info!("the ledger is delivered again");
                        (pauses, failing) = (fresh(), false);
                    }
                    if any { Duration::ZERO } else { LOOK }
                }
                Err(error) => {
                    counter!("ledger_deliveries_total", "outcome" => "failed").increment(1);
                    // A receiver that is away is worth one line, not one for each try.
                    let level = if failing { log::Level::Debug } else { log::Level::Warn };
                    log::log!(level, "the ledger is not delivered now, and will be tried again: {error}");
                    failing = true;
                    pauses.next().unwrap_or(LONGEST_PAUSE)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Delivers what waits. `false`: there was nothing.
    async fn round(&mut self) -> Result<bool, NotDelivered> {
        self.keep_own().await?;
        let started = Instant::now();
        let mut waiting = self.store.undelivered_ledger(self.own.as_str()).await?;
        let rows: i64 = waiting.iter().map(|chain| chain.last - chain.delivered).sum();
        measure("ledger_rows_undelivered", rows);
        if rows == 0 {
            measure("ledger_delivery_lag_seconds", 0);
        }
        let place = waiting.iter().position(|chain| Some(&chain.chain) == self.failed_at.as_ref());
        waiting.rotate_left(place.map_or(0, |place| place + 1));
        let (mut any, mut lag) = (false, 0);
        for chain in waiting {
            if !self.has(&chain.chain).await? {
                continue;
            }
            let done = self.deliver(&chain, &mut lag).await;
            self.failed_at = done.is_err().then_some(chain.chain);
            any |= done?;
            if any && started.elapsed() > ROUND {
                break;
            }
        }
        Ok(any)
    }

    /// The own chain stays claimed while there is nothing to deliver, or another server would take it over with its next row;
    /// and without a write each time.
    async fn keep_own(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if self.own_until < now + LEASE / 2 || !self.own_held || self.failed_at.is_some() {
            self.own_held = self.claim(self.own.as_str()).await?;
            self.own_until = now + LEASE;
        }
        Ok(())
    }

    async fn has(&self, chain: &str) -> Result<bool, StoreError> {
        if chain == self.own.as_str() { Ok(self.own_held) } else { self.claim(chain).await }
    }

    async fn claim(&self, chain: &str) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.store.claim_ledger_chain(chain, self.own.as_str(), now, now + LEASE).await
    }

    /// Delivers the next rows of a chain that is claimed. `lag`: the age in seconds of the oldest row met in this round.
    async fn deliver(&self, chain: &Undelivered, lag: &mut i64) -> Result<bool, NotDelivered> {
        let rows = self.store.read_ledger_chain(&chain.chain, chain.delivered + 1).await?;
        let Some(oldest) = rows.first() else { return Ok(false) };
        *lag = (self.clock.now() - oldest.at).whole_seconds().max(*lag);
        measure("ledger_delivery_lag_seconds", *lag);
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let together: Vec<_> = rows.by_ref().take(TOGETHER).collect();
            let last = together.last().map_or(chain.delivered, |row| row.seq);
            self.sink.deliver(together, &*self.clock).await?;
            counter!("ledger_deliveries_total", "outcome" => "delivered").increment(1);
            let until = self.clock.now() + LEASE;
            if !self.store.ledger_delivered(&chain.chain, self.own.as_str(), last, until).await? {
                // It took so long that another server goes on from here.
                return Ok(true);
            }
        }
        Ok(true)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn measure(name: &'static str, value: i64) {
    gauge!(name).set(value as f64);
}
