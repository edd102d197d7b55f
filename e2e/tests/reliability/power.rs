//! A power cut: the database's disk as it is at one moment, without what was not synced. A kill alone does not show this,
//! since the system keeps what a dead process has written.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::stack::{Configuration, Database, Disk, Stack, set};
use e2e::suite;
use rstest::rstest;

use crate::disk::Mount;
use crate::history::{Rows, check};
use crate::load::Load;

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
    ensure!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn shown(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

#[rstest]
#[case::sqlite(Database::Sqlite, "64M")]
#[case::postgres(Database::OwnPostgres, "256M")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_token_that_a_client_had_before_the_power_went_has_its_row(
    #[case] database: Database,
    #[case] size: &str,
) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let images = tempfile::Builder::new().prefix("deputy-images-").tempdir()?;
    let (image, copy) = (images.path().join("disk"), images.path().join("copy"));
    run("truncate", &["-s", size, shown(&image)?])?;
    if let Err(missing) = run("mkfs.ext4", &["-q", "-F", shown(&image)?]) {
        suite::skipped("faults-root", &format!("{missing:#}"));
        return Ok(());
    }
    let Some(mount) = Mount::try_new(&["-o", "loop", shown(&image)?])? else { return Ok(()) };
    run("chmod", &["1777", shown(&mount.path)?])?;
    open_to_everybody(&mount.path)?;
    let builder = Stack::builder().as_processes().on(database);
    let builder = match database {
        Database::Sqlite => builder.keeping_data_in(mount.path.join("data")),
        _ => builder.on_disk(Disk::Everything(mount.path.clone())),
    };
    let stack = builder.start().await?;
    let load = Load::start(&stack)?;
    for _ in 0..3 {
        load.history.grows_by(15).await?;
        let held = load.history.entries();
        // What lies in the image now is what the disk would have kept.
        run("cp", &["--sparse=always", shown(&image)?, shown(&copy)?])?;
        let after = Mount::try_new(&["-o", "loop", shown(&copy)?])?.context("the copy is not mounted")?;
        open_to_everybody(&after.path)?;
        let of_postgres = match database {
            Database::Sqlite => None,
            _ => Some(stack.database_on_copy(&mount.path, &after.path)?),
        };
        let of_sqlite = || format!("sqlite://{}", after.path.join("data/auth-server.sqlite").display());
        let url = of_postgres.as_ref().map_or_else(of_sqlite, |copy| copy.url.clone());
        let there = |world: &mut Configuration| set(&mut world.auth_server, "database.url", url.as_str());
        let verified = stack.command(&["audit", "verify"], there).await?;
        ensure!(verified.code == 0, "after the power cut: {verified:?}");
        let rows = Rows::read(&stack.command(&["audit", "export"], there).await?.stdout)?;
        check(&held, &rows).context("after the power cut")?;
    }
    let history = load.stop().await?;
    history.check(&stack).await?;
    stack.stop().await
}

/// PostgreSQL's user must get through to what is mounted below a directory of this test's.
fn open_to_everybody(mounted: &Path) -> Result<()> {
    let directory = mounted.parent().context("a mount without a parent")?;
    run("chmod", &["0755", shown(directory)?])
}
