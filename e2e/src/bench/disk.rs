//! What one sync of the disk takes where the database lies: no durable answer can be faster.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;

use super::report::Latency;

/// A hundred appended pages, each synced.
pub fn sync(directory: &Path) -> Result<Latency> {
    let mut file = tempfile::tempfile_in(directory)?;
    let mut times = Histogram::<u64>::new(3)?;
    for _ in 0..100 {
        file.write_all(&[1; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        times.record(u64::try_from(began.elapsed().as_micros())?)?;
    }
    Ok(Latency::of(&times))
}
