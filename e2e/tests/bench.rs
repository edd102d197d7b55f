//! `e2e bench`: what it refuses, and that it leaves nothing behind however it ends. The figures are judged by nobody here.
//!
//! Only an optimised build measures: what needs one runs where `cargo build --profile smoke`, or `--release`, has left it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::stack::{Binaries, Database, Reserved, Service};
use e2e::suite;
use rstest::rstest;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

const E2E: &str = env!("CARGO_BIN_EXE_e2e");

/// How long a run may take to begin, and to end.
const PATIENCE: Duration = Duration::from_mins(5);

/// The directory of optimised binaries, the latest; none where there are none, which is said.
fn optimised() -> Option<PathBuf> {
    let target = Path::new(E2E).parent()?.parent()?;
    let directories = ["smoke", "release"].map(|profile| target.join(profile));
    let built = |directory: &PathBuf| {
        let binaries = ["e2e", "auth-server", "api-a", "api-b"].map(|name| directory.join(name).metadata());
        let built: Option<Vec<_>> = binaries.into_iter().map(|file| file.ok()?.modified().ok()).collect();
        built?.into_iter().max()
    };
    let latest = directories.into_iter().filter(|directory| built(directory).is_some()).max_by_key(built);
    if latest.is_none() {
        suite::skipped("bench", "no optimised build: cargo build --profile smoke --bins");
    }
    latest
}

/// `e2e bench` in that build, with binaries as they are and all files below `directory`.
fn bench(optimised: &Path, directory: &TempDir) -> Command {
    let mut command = Command::new(optimised.join("e2e"));
    command.arg("bench").env("DEPUTY_BINARIES", optimised).env("TMPDIR", directory.path());
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Exit code and what was said.
async fn refused(command: &mut Command) -> Result<(Option<i32>, String)> {
    command.kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await??;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[cfg(debug_assertions)]
#[tokio::test]
async fn a_debug_build_measures_nothing() -> Result<()> {
    let (code, said) = refused(Command::new(E2E).args(["bench", "--quick"])).await?;
    ensure!(code == Some(2) && said.contains("debug build") && said.contains("--release"), "{code:?} {said}");
    Ok(())
}

/// Whatever measures: services that are used as they are may be others than it was built with.
#[cfg(debug_assertions)]
#[tokio::test]
async fn services_that_are_debug_builds_are_not_measured() -> Result<()> {
    let (Some(optimised), directory) = (optimised(), tempfile::tempdir()?) else { return Ok(()) };
    let debug = tokio::task::spawn_blocking(Binaries::built).await??.of(Service::AuthServer);
    let mut command = bench(&optimised, &directory);
    command.arg("--quick").env("DEPUTY_BINARIES", debug.parent().context("no directory")?);
    let (code, said) = refused(&mut command).await?;
    ensure!(code == Some(2) && said.contains("debug build") && said.contains("target/release"), "{code:?} {said}");
    Ok(())
}

#[tokio::test]
async fn with_too_few_files_nothing_is_measured() -> Result<()> {
    let (Some(optimised), directory) = (optimised(), tempfile::tempdir()?) else { return Ok(()) };
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 200; exec \"$0\" bench --quick"]).arg(optimised.join("e2e"));
    shell.env("TMPDIR", directory.path());
    let (code, said) = refused(&mut shell).await?;
    ensure!(code == Some(2) && said.contains("200 files") && said.contains("ulimit -n"), "{code:?} {said}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_it_did_not_start_is_not_measured() -> Result<()> {
    let (Some(optimised), directory) = (optimised(), tempfile::tempdir()?) else { return Ok(()) };
    let another = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = another.local_addr()?.port().to_string();
    let (code, said) = refused(bench(&optimised, &directory).args(["--quick", "--port", &port])).await?;
    ensure!(code == Some(2) && said.contains(&port) && said.contains("did not start"), "{code:?} {said}");
    Ok(())
}

#[rstest]
#[case::a_directory_that_is_not_there(&["--json", "/nowhere/figures.json"], "/nowhere/figures.json")]
#[case::an_unknown_algorithm(&["--algorithm", "HS256"], "ES256, EdDSA, RS256")]
#[case::loads_of_no_time(&["--seconds", "0"], "0.1 to 3600")]
#[case::one_port_for_several_servers(&["--part", "growth", "--port", "1"], "--port")]
#[tokio::test]
async fn what_cannot_be_done_is_told_before_anything_starts(
    #[case] arguments: &[&str],
    #[case] named: &str,
) -> Result<()> {
    let (Some(optimised), directory) = (optimised(), tempfile::tempdir()?) else { return Ok(()) };
    let (code, said) = refused(bench(&optimised, &directory).args(arguments)).await?;
    ensure!(code == Some(2) && said.contains(named), "{code:?} {said}");
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_left_out_is_not_asked_for() -> Result<()> {
    let (Some(optimised), directory) = (optimised(), tempfile::tempdir()?) else { return Ok(()) };
    let mut command = bench(&optimised, &directory);
    let (code, said) = refused(command.args(["--database", "postgres"]).env("DEPUTY_SKIP_POSTGRES", "1")).await?;
    ensure!(code == Some(2) && said.contains("DEPUTY_SKIP_POSTGRES"), "{code:?} {said}");
    Ok(())
}

/// What to measure, and what is said when that is well under way.
struct Measuring {
    arguments: &'static [&'static str],
    says: &'static str,
}

const A_LOAD: Measuring =
    Measuring { arguments: &["--scenario", "jwks", "--database", "sqlite", "--algorithm", "ES256"], says: "JWKS" };
const ON_POSTGRES: Measuring =
    Measuring { arguments: &["--scenario", "jwks", "--database", "postgres", "--algorithm", "ES256"], says: "JWKS" };
const A_CHAIN: Measuring = Measuring { arguments: &["--part", "chain"], says: "many callers, again" };
const MEMORY: Measuring = Measuring { arguments: &["--part", "start"], says: "1000000 exchanges" };
const FILLING: Measuring =
    Measuring { arguments: &["--part", "growth", "--database", "sqlite", "--quick"], says: "growth: 1000 users" };
const SEVERAL_SERVERS: Measuring = Measuring {
    arguments: &["--part", "growth", "--database", "sqlite", "--quick"],
    says: "growth: clients, round 1 of 1",
};
const REPLICAS: Measuring = Measuring {
    arguments: &["--part", "growth", "--database", "postgres", "--quick"],
    says: "growth: replicas, round 1 of 1",
};

/// A run that measures.
struct Running {
    process: Child,
    stderr: Lines<BufReader<ChildStderr>>,
    directory: TempDir,
    port: Option<u16>,
}

impl Running {
    /// Returns when it is well under way.
    async fn start(optimised: &Path, measuring: &Measuring) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut command = bench(optimised, &directory);
        command.args(measuring.arguments).arg("--json").arg(directory.path().join("figures.json"));
        let mut port = None;
        if !measuring.arguments.contains(&"growth") {
            let free = *port.insert(Reserved::free()?.ports.auth_server);
            command.args(["--port", &free.to_string()]);
        }
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut stderr = BufReader::new(process.stderr.take().context("no output")?).lines();
        let begins = async {
            while let Some(line) = stderr.next_line().await? {
                if line.trim() == measuring.says {
                    return Ok(());
                }
            }
            anyhow::bail!("it ended early")
        };
        tokio::time::timeout(PATIENCE, begins).await??;
        Ok(Self { process, stderr, directory, port })
    }

    /// The exit code and the last words.
    async fn ended(&mut self) -> Result<(Option<i32>, String)> {
        let mut said = String::new();
        let ends = async {
            while let Some(line) = self.stderr.next_line().await? {
                said.push_str(&line);
            }
            Ok::<_, anyhow::Error>(self.process.wait().await?.code())
        };
        let code = tokio::time::timeout(PATIENCE, ends).await??;
        Ok((code, said))
    }

    /// No process, no port, no file.
    fn left_nothing_behind(&self) -> Result<()> {
        let processes = processes_of(self.directory.path())?;
        ensure!(processes.is_empty(), "these still run: {processes:?}");
        if let Some(port) = self.port {
            std::net::TcpListener::bind(("127.0.0.1", port)).context("the port is taken")?;
        }
        let files: Vec<_> = std::fs::read_dir(self.directory.path())?.collect::<std::io::Result<_>>()?;
        ensure!(files.is_empty(), "these are left: {files:?}");
        Ok(())
    }
}

#[derive(Debug)]
struct Process {
    id: String,
    command_line: String,
}

/// What was started by a run whose files are below `directory`, database servers included: it is in the environment of all of them.
fn processes_of(directory: &Path) -> Result<Vec<Process>> {
    let mark = format!("TMPDIR={}", directory.display());
    let entries = std::fs::read_dir("/proc")?.flatten();
    let ids = entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|id| id.parse::<u32>().is_ok());
    let read = |id: &str, file: &str| std::fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
    let of_directory = ids.filter(|id| read(id, "environ").split('\0').any(|variable| variable == mark));
    Ok(of_directory.map(|id| Process { command_line: read(&id, "cmdline").replace('\0', " "), id }).collect())
}

/// Where the database servers among them lie: they run as another user, and where that one may go.
fn database_directories(processes: &[Process]) -> BTreeSet<PathBuf> {
    let words = processes.iter().flat_map(|process| process.command_line.split(' '));
    let folder = |word: &str| {
        let (_, after) = word.split_once("/tmp/deputy-postgres-")?;
        Some(PathBuf::from(format!("/tmp/deputy-postgres-{}", after.split('/').next()?)))
    };
    words.filter_map(folder).collect()
}

async fn kill(signal: &str, process: &str) -> Result<()> {
    let sent = Command::new("sh").arg("-c").arg(format!("kill {signal} {process}")).status().await?;
    ensure!(sent.success(), "cannot signal");
    Ok(())
}

#[rstest]
#[case::by_a_person("-INT", "interrupted", A_LOAD)]
#[case::by_a_person_who_insists("-QUIT", "interrupted", A_LOAD)]
#[case::by_whoever_runs_it("-TERM", "stopped", A_LOAD)]
#[case::by_a_terminal_that_is_closed("-HUP", "stopped", A_LOAD)]
#[case::with_a_database_server("-INT", "interrupted", ON_POSTGRES)]
#[case::with_three_apis("-INT", "interrupted", A_CHAIN)]
#[case::while_it_makes_a_million_exchanges("-INT", "interrupted", MEMORY)]
#[case::while_rows_are_filled_in("-INT", "interrupted", FILLING)]
#[case::with_several_servers("-INT", "interrupted", SEVERAL_SERVERS)]
#[case::with_replicas("-INT", "interrupted", REPLICAS)]
#[tokio::test]
async fn interrupted_it_leaves_nothing_behind(
    #[case] signal: &str,
    #[case] says: &str,
    #[case] measuring: Measuring,
) -> Result<()> {
    let Some(optimised) = optimised() else { return Ok(()) };
    if measuring.arguments.contains(&"postgres") && Database::OwnPostgres.is_left_out() {
        return Ok(());
    }
    let mut running = Running::start(&optimised, &measuring).await?;
    let databases = database_directories(&processes_of(running.directory.path())?);
    ensure!(databases.is_empty() != measuring.arguments.contains(&"postgres"), "{databases:?}");
    kill(signal, &running.process.id().context("it has ended")?.to_string()).await?;
    let (code, said) = running.ended().await?;
    ensure!(code == Some(1) && said.contains(says), "{code:?} {said}");
    let left: Vec<_> = databases.iter().filter(|directory| directory.exists()).collect();
    ensure!(left.is_empty(), "these are left: {left:?}");
    running.left_nothing_behind()
}

#[tokio::test]
async fn a_run_that_fails_leaves_nothing_behind() -> Result<()> {
    let Some(optimised) = optimised() else { return Ok(()) };
    let mut running = Running::start(&optimised, &A_LOAD).await?;
    let processes = processes_of(running.directory.path())?;
    for server in processes.iter().filter(|process| process.command_line.contains("auth-server.toml")) {
        kill("-KILL", &server.id).await?;
    }
    let (code, said) = running.ended().await?;
    ensure!(code == Some(1) && said.contains("JWKS"), "{code:?} {said}");
    running.left_nothing_behind()
}
