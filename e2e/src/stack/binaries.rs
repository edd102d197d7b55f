//! The built binaries of the services: beside this executable, and up to date.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

use super::Service;
use crate::suite;

/// A directory with the binaries.
#[derive(Clone, Debug)]
pub struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// Builds what is not up to date, in the profile that this executable was built in. `DEPUTY_BINARIES` names a
    /// directory of binaries to be used as they are.
    pub fn built() -> Result<Self> {
        static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let built = BUILT.get_or_init(|| match suite::binaries() {
            Some(directory) => Ok(directory),
            None => build().map_err(|error| format!("{error:#}")),
        });
        Ok(Self { directory: built.clone().map_err(|error| anyhow!(error))? })
    }

    /// The binaries beside this executable, as they are.
    pub fn beside() -> Result<Self> {
        let directory = directory_of_this()?;
        let missing = Service::ALL.into_iter().find(|service| !directory.join(service.binary()).exists());
        ensure!(
            missing.is_none(),
            "no {} in {}: leave out --no-build",
            missing.map_or("", Service::binary),
            directory.display()
        );
        Ok(Self { directory })
    }

    #[must_use]
    pub fn of(&self, service: Service) -> PathBuf {
        self.directory.join(service.binary())
    }
}

/// `target/<profile>`, wherever that is: tests lie one deeper, in `deps`.
fn directory_of_this() -> Result<PathBuf> {
    let executable = std::env::current_exe()?;
    let directory = executable.parent().context("an executable without a directory")?;
    let deeper = directory.file_name().is_some_and(|name| name == "deps");
    let directory = if deeper { directory.parent().context("deps without a parent")? } else { directory };
    Ok(directory.to_owned())
}

fn build() -> Result<PathBuf> {
    let directory = directory_of_this()?;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = directory.parent().context("a profile without a target directory")?;
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    // With e2e in the selection the features are those that this executable was built with, and nothing is built twice.
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--profile", profile, "--target-dir"])
        .arg(target)
        .args(["-p", "e2e", "-p", "auth-server", "-p", "api-a", "-p", "api-b", "--bins"])
        .current_dir(workspace)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo build: {status}");
    Ok(directory)
}
