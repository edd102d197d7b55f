//! What one sync of the disk takes where the database lies: no durable answer can be faster.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use hdrhistogram::Histogram;

/// So many at a time.
const TIMES: usize = 100;

/// Appends pages and syncs each. `times`: microseconds, of these and of earlier ones.
pub fn sync(directory: &Path, times: &mut Histogram<u64>) -> Result<()> {
    let mut file = tempfile::tempfile_in(directory)?;
    for _ in 0..TIMES {
        file.write_all(&[1; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        times.record(u64::try_from(began.elapsed().as_micros())?)?;
    }
    Ok(())
}
