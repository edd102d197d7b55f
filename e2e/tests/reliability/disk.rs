//! A disk that is full, and has room again, under load: a small file system of the test's own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::stack::{Database, Disk, Stack};
use e2e::suite;
use rstest::rstest;
use tempfile::TempDir;

use crate::history::Outcome;
use crate::load::Load;

/// A file system that is gone with this value.
pub struct Mount {
    pub path: PathBuf,
    _directory: TempDir,
}

impl Mount {
    /// Mounts by `mount ARGUMENTS DIRECTORY`. None where this user may not, which is then said.
    pub fn try_new(arguments: &[&str]) -> Result<Option<Self>> {
        let directory = tempfile::Builder::new().prefix("deputy-mount-").tempdir()?;
        let path = directory.path().join("mount");
        std::fs::create_dir(&path)?;
        let output = Command::new("mount").args(arguments).arg(&path).output();
        match output {
            Ok(output) if output.status.success() => Ok(Some(Self { path, _directory: directory })),
            Ok(output) => {
                suite::skipped("faults-root", String::from_utf8_lossy(&output.stderr).trim());
                Ok(None)
            }
            Err(error) => {
                suite::skipped("faults-root", &format!("mount: {error}"));
                Ok(None)
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Whoever still holds a file there is on its way out.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// Writes until there is no room.
fn fill(directory: &Path) -> Result<PathBuf> {
    let filler = directory.join("filler");
    let output =
        Command::new("dd").args(["if=/dev/zero", "bs=4096"]).arg(format!("of={}", filler.display())).output()?;
    ensure!(!output.status.success(), "the disk is larger than it should be");
    Ok(filler)
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::OwnPostgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_full_disk_no_token_leaves_and_with_room_again_all_is_well(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let owner = database.owner()?.map_or_else(String::new, |user| format!(",uid={user}"));
    let options = format!("size=48m,mode=0700{owner}");
    let Some(mount) = Mount::try_new(&["-t", "tmpfs", "-o", &options, "deputy"])? else { return Ok(()) };
    let builder = Stack::builder().as_processes().on(database);
    let builder = match database {
        Database::Sqlite => builder.keeping_data_in(mount.path.clone()),
        // The log of changes lies elsewhere: PostgreSQL ends where that has no room, and is then for its operator to start.
        _ => builder.on_disk(Disk::Tables(mount.path.clone())),
    };
    let stack = builder.start().await?;
    let load = Load::start(&stack)?;
    for _ in 0..2 {
        load.history.grows_by(10).await?;
        let filler = fill(&mount.path)?;
        let full = load.history.now();
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { status: 503, .. });
        let waiting = async {
            while !load.history.entries().iter().any(|entry| entry.began > full && refused(&entry.outcome)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), waiting).await.context("a full disk is not noticed")?;
        std::fs::remove_file(filler)?;
        let freed = Instant::now();
        load.history.grows_by(1).await?;
        // A second, and what a busy machine takes to look.
        ensure!(freed.elapsed() < Duration::from_secs(4), "recovery took {:?}", freed.elapsed());
    }
    load.history.grows_by(10).await?;
    let history = load.stop().await?;
    history.check(&stack).await?;
    stack.stop().await
}
