//! What one sync of the disk takes where the database lies: no durable answer can be faster.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::task::spawn_blocking;

use super::beside::{Underway, Watch};

/// So many at a time.
const TIMES: usize = 100;

/// Between two that are made beside a load: seldom enough to be nothing beside what it syncs itself.
const PAUSE: Duration = Duration::from_millis(10);

const PAGE: [u8; 4096] = [1; 4096];

/// Appends pages and syncs each. `times`: microseconds, of these and of earlier ones.
pub fn sync(directory: &Path, times: &mut Histogram<u64>) -> Result<()> {
    let file = tempfile::tempfile_in(directory)?;
    (0..TIMES).try_for_each(|page| sync_page(&file, page, times))
}

/// Does `work`, and syncs now and then for as long as that lasts, once at least: what a sync takes whose thread and disk are shared with a load.
/// Always the same page, as a log is written that has reached its size: a file that grows makes the others' syncs longer.
pub async fn sync_beside<T>(directory: &Path, work: impl Future<Output = Result<T>>) -> Result<(T, Histogram<u64>)> {
    let file = tempfile::tempfile_in(directory)?;
    let underway = Underway::default();
    let load = underway.watch();
    let syncs = spawn_blocking(move || sync_while(&file, &load));
    let done = work.await?;
    drop(underway);
    Ok((done, syncs.await??))
}

fn sync_while(file: &File, load: &Watch) -> Result<Histogram<u64>> {
    sync_page(file, 0, &mut Histogram::new(3)?)?;
    let mut times = Histogram::new(3)?;
    loop {
        std::thread::sleep(PAUSE);
        sync_page(file, 0, &mut times)?;
        if load.is_over() {
            return Ok(times);
        }
    }
}

fn sync_page(file: &File, page: usize, times: &mut Histogram<u64>) -> Result<()> {
    file.write_all_at(&PAGE, u64::try_from(page * PAGE.len())?)?;
    let began = Instant::now();
    file.sync_data()?;
    times.record(u64::try_from(began.elapsed().as_micros())?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn beside_a_load_the_disk_is_synced_once_at_least() {
        let directory = tempfile::tempdir().unwrap();
        let (done, syncs) = sync_beside(directory.path(), ready(Ok(7))).await.unwrap();
        assert_eq!(done, 7);
        assert!(!syncs.is_empty() && syncs.max() > 0, "{syncs:?}");
    }

    #[tokio::test]
    async fn a_load_that_fails_ends_the_syncs() {
        let directory = tempfile::tempdir().unwrap();
        let failed = ready(Err::<(), _>(anyhow::anyhow!("the server has gone")));
        assert!(sync_beside(directory.path(), failed).await.is_err());
    }
}
