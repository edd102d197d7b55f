//! For how long the machine takes its cores away from whoever only computes: a virtual machine's host gives them to others. What
//! is being answered then comes so much later.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::cpu;

/// Who only looks at the clock sees it at least so often.
const UNNOTICED: Duration = Duration::from_micros(100);

/// Of all cores together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stalls {
    /// What part of the time, from 0 to 1.
    pub share: f64,
    /// Milliseconds.
    pub longest: f64,
}

impl Stalls {
    /// Keeps all cores busy for so long.
    pub async fn within(time: Duration) -> Result<Self> {
        spawn_blocking(move || {
            std::thread::scope(|scope| {
                let watches: Vec<_> = (0..cpu::cores()).map(|_| scope.spawn(|| watch(time))).collect();
                let all: std::thread::Result<Vec<Vec<Duration>>> =
                    watches.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
                Ok(Self::of(&all.map_err(|_| anyhow!("a thread panicked"))?, time))
            })
        })
        .await?
    }

    pub fn in_words(self) -> String {
        let Self { share, longest } = self;
        format!(
            "the machine took its cores away for {:.1} % of the time, {longest:.1} ms at the longest",
            share * 100.0
        )
    }

    /// What was seen on each core.
    fn of(seen: &[Vec<Duration>], time: Duration) -> Self {
        let (sum, longest) = (seen.iter().flatten().sum::<Duration>(), seen.iter().flatten().max());
        let whole = time * u32::try_from(seen.len().max(1)).unwrap_or(u32::MAX);
        let longest = longest.map_or(0.0, Duration::as_secs_f64) * 1000.0;
        Self { share: sum.div_duration_f64(whole), longest }
    }
}

/// Looks at the clock, and tells for how long it could not.
fn watch(time: Duration) -> Vec<Duration> {
    let (mut last, mut stalls) = (Instant::now(), Vec::new());
    let end = last + time;
    while last < end {
        let now = Instant::now();
        stalls.extend(Some(now - last).filter(|since| *since > UNNOTICED));
        last = now;
    }
    stalls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stalls_count_on_all_cores_and_the_longest_is_told() {
        let seen = [vec![Duration::from_millis(3), Duration::from_millis(5)], Vec::new()];
        let stalls = Stalls::of(&seen, Duration::from_millis(400));
        assert!((stalls.share - 0.01).abs() < 1e-9 && (stalls.longest - 5.0).abs() < 1e-9, "{stalls:?}");
        assert_eq!(Stalls::of(&[], Duration::from_secs(1)), Stalls::default());
    }

    #[tokio::test]
    async fn a_machine_is_watched_for_as_long_as_that_is_wanted() {
        let begun = Instant::now();
        let stalls = Stalls::within(Duration::from_millis(50)).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(50));
        assert!((0.0..=2.0).contains(&stalls.share), "{stalls:?}");
    }
}
