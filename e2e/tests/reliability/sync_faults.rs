//! Faults at a given sync of the disk, or at a given message: a small library before the C library's own calls. (strace counts
//! calls for each thread by itself; here they are counted for the process.)

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::stack::{Builder, Database, Disk};
use e2e::suite;
use tempfile::TempDir;

/// Gives orders to the auth server of one stack.
pub struct Faults {
    orders: PathBuf,
    library: PathBuf,
    directory: TempDir,
}

impl Faults {
    /// None where there is no C compiler, which is then said.
    pub fn prepare() -> Result<Option<Self>> {
        let directory = tempfile::Builder::new().prefix("deputy-faults-").tempdir()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reliability/sync_faults.c");
        let library = directory.path().join("sync_faults.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        match compiler.args(["-ldl", "-lpthread"]).output() {
            Ok(output) => {
                ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
                let orders = directory.path().join("orders");
                Ok(Some(Self { orders, library, directory }))
            }
            Err(error) => {
                suite::skipped("faults-cc", &format!("cc: {error}"));
                Ok(None)
            }
        }
    }

    /// The stack's auth server obeys.
    pub fn over(&self, stack: Builder) -> Builder {
        self.environment().into_iter().fold(stack, |stack, (name, value)| stack.with_environment(&name, value))
    }

    /// The stack's PostgreSQL obeys.
    pub fn over_postgres(&self, stack: Builder) -> Result<Builder> {
        // It runs as a user of its own.
        let opened = Command::new("chmod").arg("-R").arg("a+rX").arg(self.directory.path()).status()?;
        ensure!(opened.success(), "the library cannot be opened to PostgreSQL");
        Ok(stack.on(Database::OwnPostgres).on_disk(Disk::Watched(self.environment().into())))
    }

    fn environment(&self) -> [(String, PathBuf); 2] {
        [("LD_PRELOAD".to_owned(), self.library.clone()), ("DEPUTY_FAULTS".to_owned(), self.orders.clone())]
    }

    pub fn order(&self, order: &str) -> Result<()> {
        // In one piece: it is looked at at any moment.
        let new = self.orders.with_extension("new");
        std::fs::write(&new, order).and_then(|()| std::fs::rename(new, &self.orders)).context("the orders")
    }

    pub fn withdraw(&self) -> Result<()> {
        self.order("")
    }
}
