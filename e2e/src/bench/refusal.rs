//! What is refused before anything is started: a run whose figures would mean nothing, or would be another server's.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use super::options::{ALGORITHMS, Depth, Engine, Options, Part};
use crate::stack::Service;
use crate::suite;

/// So many files are open at once: one for each connection, here and at the server, and what both have open beside.
const FILES: u64 = 1024;

/// What eleven million rows of the ledger take on the disk, in bytes.
const ROOM: u64 = 8 << 30;

/// Why nothing is measured. The command line ends with its exit code for wrong usage.
#[derive(Debug)]
pub struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Looks at the machine, at this build and at what is wanted.
pub fn check(options: &Options) -> Result<(), Refused> {
    if cfg!(debug_assertions) {
        return refuse("this is a debug build, whose figures mean nothing: cargo run --release -p e2e -- bench");
    }
    if let Some(directory) = suite::binaries() {
        services_are_optimised(&directory)?;
    }
    let files = rlimit::Resource::NOFILE.get().map_or(u64::MAX, |(soft, _)| soft);
    if files < FILES {
        return refuse(format!("only {files} files may be open at once, and {FILES} are needed: ulimit -n {FILES}"));
    }
    if let Some(unknown) = options.algorithms.iter().find(|algorithm| !ALGORITHMS.contains(&algorithm.as_str())) {
        return refuse(format!("--algorithm {unknown}: {} are measured", ALGORITHMS.join(", ")));
    }
    if options.databases.contains(&Engine::Postgres) && !options.engines().contains(&Engine::Postgres) {
        return refuse("--database postgres: DEPUTY_SKIP_POSTGRES leaves it out, take one of them away");
    }
    if let Some(port) = options.port {
        one_port_is_enough(options)?;
        nobody_listens_at(port)?;
    }
    if fills_the_ledger(options) {
        has_room(&std::env::temp_dir(), ROOM)?;
    }
    [&options.json, &options.html].into_iter().flatten().try_for_each(|file| can_be_written(file))
}

/// Those that are used as they are (`DEPUTY_BINARIES`): all others are built as this executable is.
fn services_are_optimised(directory: &Path) -> Result<(), Refused> {
    let binaries: BTreeSet<&str> = Service::ALL.map(Service::binary).into();
    for binary in binaries.into_iter().map(|name| directory.join(name)) {
        let version = match Command::new(&binary).arg("--version").output() {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => return refuse(format!("DEPUTY_BINARIES: {} cannot be run: {error}", binary.display())),
        };
        if version.contains("debug build") {
            return refuse(format!(
                "DEPUTY_BINARIES: {} is a debug build, whose figures mean nothing: name a directory of optimised ones, such as \
                 target/release",
                binary.display()
            ));
        }
    }
    Ok(())
}

fn one_port_is_enough(options: &Options) -> Result<(), Refused> {
    if options.parts == [Part::Growth] {
        return refuse("--port: growth is measured at several servers at a time, each at a port of its own");
    }
    Ok(())
}

/// A server that runs already has a configuration, data and callers that nobody here knows.
fn nobody_listens_at(port: u16) -> Result<(), Refused> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => refuse(format!(
            "at port {port} listens a server that this run did not start, and only its own is measured: stop that one, or \
             choose another --port"
        )),
        Err(error) => refuse(format!("port {port} cannot be used: {error}")),
    }
}

fn fills_the_ledger(options: &Options) -> bool {
    options.depth == Depth::Full && options.wants(Part::Growth) && options.engines().contains(&Engine::Sqlite)
}

/// Growth comes last: to be told after half an hour is too late.
fn has_room(directory: &Path, needed: u64) -> Result<(), Refused> {
    let free = rustix::fs::statvfs(directory).map_or(u64::MAX, |disk| disk.f_bavail * disk.f_frsize);
    if free >= needed {
        return Ok(());
    }
    refuse(format!(
        "{} has {} GiB left, and the ledger's rows take {}: set TMPDIR to a larger disk, or choose with --part what is measured",
        directory.display(),
        free >> 30,
        needed >> 30
    ))
}

/// Said before the measuring, which takes minutes, and not after it.
fn can_be_written(file: &Path) -> Result<(), Refused> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written =
        if file.is_dir() { Err(ErrorKind::IsADirectory.into()) } else { tempfile::tempfile_in(parent).map(drop) };
    written.or_else(|error| refuse(format!("{} cannot be written: {error}", file.display())))
}

fn refuse(why: impl Into<String>) -> Result<(), Refused> {
    Err(Refused(why.into()))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use shared_claims::service::cli::VERSION;

    use super::*;

    #[test]
    fn a_port_that_answers_is_another_server_s() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = nobody_listens_at(port).unwrap_err().to_string();
        assert!(refused.contains(&port.to_string()) && refused.contains("did not start"), "{refused}");
        drop(listener);
        nobody_listens_at(port).unwrap();
    }

    #[test]
    fn a_disk_without_room_is_told_beforehand() {
        let directory = tempfile::tempdir().unwrap();
        has_room(directory.path(), 1).unwrap();
        let refused = has_room(directory.path(), u64::MAX).unwrap_err().to_string();
        assert!(refused.contains(&directory.path().display().to_string()) && refused.contains("TMPDIR"), "{refused}");
    }

    #[test]
    fn services_that_are_debug_builds_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str, says: &str| {
            let file = directory.path().join(name);
            std::fs::write(&file, format!("#!/bin/sh\necho '{name} {says}'\n")).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        };
        make("auth-server", "0.1.0");
        make("api-a", "0.1.0");
        let refused = services_are_optimised(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("api-b cannot be run"), "{refused}");
        make("api-b", VERSION);
        let refused = services_are_optimised(directory.path()).map_err(|refused| refused.to_string());
        assert_eq!(refused.is_err_and(|why| why.contains("debug build")), cfg!(debug_assertions));
        make("api-b", "0.1.0");
        services_are_optimised(directory.path()).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_beforehand() {
        let directory = tempfile::tempdir().unwrap();
        assert!(can_be_written(directory.path()).is_err());
        assert!(can_be_written(&directory.path().join("none/figures.json")).is_err());
        can_be_written(&directory.path().join("figures.json")).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "it leaves a file behind");
    }
}
