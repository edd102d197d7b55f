//! Load: as fast as a number of connections goes, or at a fixed rate.
//!
//! At a fixed rate every request has its time, and its latency counts from then: a server that stalls is not asked less often,
//! and so cannot hide the stall (coordinated omission).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinSet, spawn_blocking};

use super::connection::Connection;
use super::cpu;
use super::work::{Asker, Work};

/// The longest latency that is told apart: a minute, in microseconds.
const LONGEST: u64 = 60_000_000;

/// How long whoever says when it is time sleeps at least. Latencies count from when it was time until an answer is heard, so what comes
/// later for that is in them.
const STEP: Duration = Duration::from_micros(250);

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

impl Pressure {
    fn connections(self) -> usize {
        let (Self::AsFastAsItGoes { connections } | Self::AtRate { connections, .. }) = self;
        connections
    }
}

/// How long it lasts: whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    pub time: Duration,
    pub requests: u64,
}

impl Length {
    pub fn lasting(time: Duration) -> Self {
        Self { time, requests: u64::MAX }
    }

    /// Before a load that lasts so long: connections, caches and branches are warm before anything counts.
    pub fn of_warm_up(time: Duration) -> Self {
        Self::lasting(time / 8)
    }

    /// Longer than any load takes.
    pub fn counting(requests: u64) -> Self {
        Self { time: Duration::from_hours(24), requests }
    }
}

/// What a load came to.
pub struct Told {
    pub requests: u64,
    pub time: Duration,
    /// CPU time of the thread that made it.
    pub effort: Duration,
    /// Microseconds.
    pub latency: Histogram<u64>,
}

impl Told {
    /// What part of a core it took to make: where that is nearly all, the load was the limit, and not the server.
    pub fn share(&self) -> f64 {
        self.effort.as_secs_f64() / self.time.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "a load has far fewer requests")]
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }
}

/// Makes load. Every answer must be a success.
///
/// All connections are served by one thread: with more, half of what a load at a fixed rate takes is threads that wake each other, on
/// the cores that the server is to be measured on.
pub async fn make(work: &Work, pressure: Pressure, length: Length) -> Result<Told> {
    let work = work.clone();
    let (_wanted, unwanted) = oneshot::channel::<()>();
    let load = spawn_blocking(move || {
        runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
            tokio::select! {
                told = make_here(&work, pressure, length) => told,
                _ = unwanted => bail!("nobody wants to know any more"),
            }
        })
    });
    load.await?
}

async fn make_here(work: &Work, pressure: Pressure, length: Length) -> Result<Told> {
    let count = pressure.connections();
    // A load begins when all are connected.
    let servers = work.servers.iter().copied().cycle().take(count);
    let connections = try_join_all(servers.map(Connection::to)).await?;
    let before = cpu::of_this_thread();
    let course = Arc::new(Course::begin(pressure, length)?);
    let mut askers = JoinSet::new();
    for connection in connections {
        askers.spawn(ask(work.asker(), connection, Arc::clone(&course)));
    }
    while let Some(asked) = askers.join_next().await {
        asked??;
    }
    let latency = course.latency().clone();
    let effort = cpu::of_this_thread().saturating_sub(before);
    Ok(Told { requests: latency.len(), time: course.begun.elapsed(), effort, latency })
}

async fn ask(mut asker: Asker, mut connection: Connection, course: Arc<Course>) -> Result<()> {
    while let Some((number, since)) = course.next().await? {
        if !asker.ask(number, &mut connection).await? {
            break;
        }
        course.latency().record(u64::try_from(since.elapsed().as_micros())?.clamp(1, LONGEST))?;
    }
    Ok(())
}

/// One load under way.
struct Course {
    begun: Instant,
    length: Length,
    /// The number of the next request, of all connections.
    next: AtomicU64,
    rate: Option<Rate>,
    /// Microseconds, of all connections: one for each would be memory that no cache holds.
    latency: Mutex<Histogram<u64>>,
}

struct Rate {
    per_second: f64,
    /// One for each request whose time has come.
    permits: Arc<Semaphore>,
}

impl Course {
    fn begin(pressure: Pressure, mut length: Length) -> Result<Self> {
        let begun = Instant::now();
        let rate = match pressure {
            Pressure::AsFastAsItGoes { .. } => None,
            Pressure::AtRate { per_second, connections } => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousand a second")]
                let requests = (per_second * length.time.as_secs_f64()) as u64;
                length.requests = length.requests.min(requests);
                let permits = Arc::new(Semaphore::new(0));
                let pace = Pace { begun, per_second, requests: length.requests, connections };
                let (alarm, waiting) = (Alarm::new()?, Arc::downgrade(&permits));
                tokio::spawn(async move {
                    if pace.keep(alarm, &waiting).await.is_err()
                        && let Some(permits) = waiting.upgrade()
                    {
                        // Nobody waits for what will never come.
                        permits.close();
                    }
                });
                Some(Rate { per_second, permits })
            }
        };
        let latency = Mutex::new(Histogram::new_with_max(LONGEST, 3)?);
        Ok(Self { begun, length, next: AtomicU64::new(0), rate, latency })
    }

    fn latency(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next request and since when its latency counts; none when the load is over.
    async fn next(&self) -> Result<Option<(u64, Instant)>> {
        if let Some(rate) = &self.rate {
            rate.permits.acquire().await.context("the timer of the load has failed")?.forget();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let since = match &self.rate {
            None if self.begun.elapsed() >= self.length.time => return Ok(None),
            None => Instant::now(),
            Some(rate) => self.begun + due(number, rate.per_second),
        };
        Ok((number < self.length.requests).then_some((number, since)))
    }
}

/// Who says when it is time.
#[derive(Clone, Copy)]
struct Pace {
    begun: Instant,
    per_second: f64,
    requests: u64,
    connections: usize,
}

impl Pace {
    /// Lets requests go when it is time.
    async fn keep(self, mut alarm: Alarm, permits: &Weak<Semaphore>) -> Result<()> {
        let mut let_go = 0;
        // Until nobody waits any more: the load has failed or was interrupted.
        while let Some(permits) = permits.upgrade() {
            let due_now = self.due_by(self.begun.elapsed());
            permits.add_permits(usize::try_from(due_now - let_go)?);
            let_go = due_now;
            if let_go == self.requests {
                // What lets each connection see that it is over.
                permits.add_permits(self.connections);
                break;
            }
            drop(permits);
            let next = self.begun + due(let_go, self.per_second);
            alarm.after(next.saturating_duration_since(Instant::now()).max(STEP)).await?;
        }
        Ok(())
    }

    /// How many requests are due when it has gone on for so long.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousand a second")]
    fn due_by(&self, elapsed: Duration) -> u64 {
        let due = (elapsed.as_secs_f64() * self.per_second) as u64 + 1;
        due.min(self.requests)
    }
}

/// When a request is to be sent, from the beginning on.
#[expect(clippy::cast_precision_loss, reason = "a load has far fewer requests")]
fn due(number: u64, per_second: f64) -> Duration {
    Duration::from_secs_f64(number as f64 / per_second)
}

/// Wakes the thread that makes the load as the network does: the runtime's own timers tell milliseconds, and another thread would be
/// one more that takes the processor.
struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    fn new() -> Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        #[expect(deprecated, reason = "what it does not check holds: an owned descriptor stays open, and the same")]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(Self(timer))
    }

    async fn after(&mut self, time: Duration) -> Result<()> {
        let once = Itimerspec { it_interval: Timespec::default(), it_value: time.try_into()? };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        // Set anew, it has never rung: what it says needs not be read.
        self.0.readable().await?.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::bench::request;

    /// A server that answers each request after so long, and tells when each came.
    async fn serving(pause: Duration) -> (Work, UnboundedReceiver<Instant>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrivals, arrived) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let arrivals = arrivals.clone();
                tokio::spawn(async move {
                    let mut asked = [0; 1024];
                    while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                        // Not every test wants to know.
                        let _ = arrivals.send(Instant::now());
                        tokio::time::sleep(pause).await;
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    }
                });
            }
        });
        let url = format!("http://{address}/").parse().unwrap();
        (Work::repeated(address, [request::get(&url, &[])]), arrived)
    }

    #[tokio::test]
    async fn a_late_answer_counts_from_when_it_was_due() {
        let (work, _) = serving(Duration::from_millis(20)).await;
        // One connection can do 50 a second: each of the ten is later than the one before.
        let pressure = Pressure::AtRate { per_second: 1000.0, connections: 1 };
        let told = make(&work, pressure, Length { time: Duration::from_secs(5), requests: 10 }).await.unwrap();
        assert_eq!(told.requests, 10);
        assert!(told.latency.max() >= 180_000, "{}", told.latency.max());
    }

    #[tokio::test]
    async fn no_request_is_sent_before_its_time() {
        let (work, mut arrived) = serving(Duration::ZERO).await;
        let before = Instant::now();
        let pressure = Pressure::AtRate { per_second: 200.0, connections: 8 };
        let told = make(&work, pressure, Length { time: Duration::from_secs(5), requests: 40 }).await.unwrap();
        assert_eq!(told.requests, 40);
        for number in 0..40 {
            let after = arrived.recv().await.unwrap() - before;
            assert!(after >= due(number, 200.0), "request {number} came after {after:?}");
        }
    }

    #[test]
    fn requests_are_due_at_equal_distances_and_no_more_than_there_are() {
        let pace = Pace { begun: Instant::now(), per_second: 100.0, requests: 5, connections: 1 };
        let due_by = [0, 9, 10, 25, 40, 1_000].map(|milliseconds| pace.due_by(Duration::from_millis(milliseconds)));
        assert_eq!(due_by, [1, 1, 2, 3, 5, 5]);
    }

    #[tokio::test]
    async fn a_load_ends_with_its_last_request() {
        let (work, _) = serving(Duration::ZERO).await;
        let told = make(&work, Pressure::AsFastAsItGoes { connections: 3 }, Length::counting(7)).await.unwrap();
        assert_eq!(told.requests, 7);
    }

    #[tokio::test]
    async fn a_load_that_is_given_up_closes_its_connections() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let work = Work::repeated(address, [request::get(&format!("http://{address}/").parse().unwrap(), &[])]);
        // Nobody answers it.
        let mut stream = tokio::select! {
            told = make(&work, Pressure::AsFastAsItGoes { connections: 1 }, Length::counting(1)) => panic!("{:?}", told.err()),
            accepted = listener.accept() => accepted.unwrap().0,
        };
        let mut asked = Vec::new();
        let closed = stream.read_to_end(&mut asked);
        assert!(tokio::time::timeout(Duration::from_secs(5), closed).await.is_ok(), "it goes on");
    }
}
