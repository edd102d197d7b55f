//! What is refused before anything is started: a run whose figures would mean nothing, or would be another server's.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use super::options::{ALGORITHMS, Engine, Options};

/// So many files are open at once: one for each connection, here and at the server, and what both have open beside.
const FILES: u64 = 1024;

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
        nobody_listens_at(port)?;
    }
    [&options.json, &options.html].into_iter().flatten().try_for_each(|file| can_be_written(file))
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
    fn a_file_that_cannot_be_written_is_told_beforehand() {
        let directory = tempfile::tempdir().unwrap();
        assert!(can_be_written(directory.path()).is_err());
        assert!(can_be_written(&directory.path().join("none/figures.json")).is_err());
        can_be_written(&directory.path().join("figures.json")).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "it leaves a file behind");
    }
}
