//! A throw-away PostgreSQL for tests: one cluster for each test binary, one fresh database for each test.
//!
//! Only the standard library and PostgreSQL's own programs are used, so that any crate's tests can include this file:
//! `#[path = "../../auth-server/tests/support/postgres.rs"] mod postgres;`. Without PostgreSQL a test fails loudly, unless
//! `DEPUTY_SKIP_POSTGRES=1` says that this is meant; then each skipped test prints a line that `./test` counts.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A running PostgreSQL that goes away with the process, however that ends.
pub struct Cluster {
    programs: PathBuf,
    /// What runs a program as an unprivileged user: PostgreSQL refuses to run as root.
    as_user: Vec<String>,
    folder: PathBuf,
    port: u16,
    password: String,
    databases: AtomicU32,
    durable: bool,
    /// What the server finds in its environment.
    environment: Vec<(String, PathBuf)>,
    /// Waits for the end of its standard input, which is the end of this process, and then removes everything.
    caretaker: Option<Child>,
}

/// The cluster of this test binary. None: PostgreSQL's tests are skipped on purpose, and a line says so.
pub fn shared() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    if skipped() {
        return None;
    }
    Some(CLUSTER.get_or_init(|| Cluster::start().unwrap_or_else(|why| panic!("{why}"))))
}

/// Whether the tests on PostgreSQL are to be left out; says so if they are.
pub fn skipped() -> bool {
    let skipped = std::env::var_os("DEPUTY_SKIP_POSTGRES").is_some_and(|value| value == "1");
    if skipped {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        // Past the test harness, which swallows what a passing test prints.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("SKIPPED postgres: {name} (DEPUTY_SKIP_POSTGRES=1)\n").as_bytes(),
        );
    }
    skipped
}

impl Cluster {
    /// Starts a cluster of its own, for tests that stop it.
    pub fn start() -> Result<Self, String> {
        Self::start_in(Path::new("/tmp"), false, &[])
    }

    /// The same in a directory that everybody may write to. `durable`: what is committed is on the disk.
    pub fn start_in(parent: &Path, durable: bool, environment: &[(String, PathBuf)]) -> Result<Self, String> {
        let programs = find_programs()?;
        let as_user = unprivileged()?;
        let template = parent.join("deputy-postgres-XXXXXXXX").display().to_string();
        let folder = PathBuf::from(run(&as_user, "mktemp", &["-d", &template])?.trim());
        let password = random_hex()?;
        let mut cluster = Self {
            caretaker: Some(caretaker(&as_user, &programs, &folder)?),
            programs,
            as_user,
            folder,
            port: 0,
            password,
            databases: AtomicU32::new(0),
            durable,
            environment: environment.to_vec(),
        };
        cluster.initialise()?;
        cluster.find_a_port()?;
        Ok(cluster)
    }

    /// Starts what a copy of this cluster's folder holds, as after a power cut.
    pub fn start_copy(&self, folder: PathBuf) -> Result<Self, String> {
        let mut copy = Self {
            caretaker: Some(caretaker(&self.as_user, &self.programs, &folder)?),
            programs: self.programs.clone(),
            as_user: self.as_user.clone(),
            folder,
            port: 0,
            password: self.password.clone(),
            databases: AtomicU32::new(0),
            durable: true,
            environment: Vec::new(),
        };
        // Whoever held it is no more.
        run(&copy.as_user, "rm", &["-f", &format!("{}/postmaster.pid", copy.data())])?;
        copy.find_a_port()?;
        Ok(copy)
    }

    fn find_a_port(&mut self) -> Result<(), String> {
        // Somebody else may take the port between looking and starting.
        let mut last = String::new();
        for _ in 0..5 {
            self.port = free_port()?;
            match self.resume() {
                Ok(()) => return Ok(()),
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    fn initialise(&self) -> Result<(), String> {
        let secret = self.folder.join("password");
        std::fs::write(&secret, &self.password).map_err(|error| format!("{}: {error}", secret.display()))?;
        let data = self.data();
        let pwfile = format!("--pwfile={}", secret.display());
        // Small segments: these clusters lie on small disks, too.
        let mut options =
            vec!["-D", &data, "-U", "deputy", "--auth=scram-sha-256", &pwfile, "-E", "UTF8", "--locale=C"];
        options.push("--wal-segsize=1");
        if !self.durable {
            options.push("--no-sync");
        }
        self.program("initdb", &options).map(drop)
    }

    /// Makes a database and returns its URL.
    pub fn create_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let sql = format!("CREATE DATABASE {name}");
        let made = self.program("psql", &["-q", "-X", "-v", "ON_ERROR_STOP=1", "-c", &sql, &self.url("postgres")]);
        made.unwrap_or_else(|why| panic!("{why}"));
        self.url(&name)
    }

    /// The same, whose tables lie in a directory that belongs to the user of [`Self::user`].
    pub fn create_database_in(&self, directory: &Path) -> String {
        let sql = format!("CREATE TABLESPACE small LOCATION '{}'", directory.display());
        let psql = |sql: &str| {
            let made = self.program("psql", &["-q", "-X", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.url("postgres")]);
            made.unwrap_or_else(|why| panic!("{why}"));
        };
        psql(&sql);
        psql("CREATE DATABASE in_small TABLESPACE small");
        self.url("in_small")
    }

    /// The user that PostgreSQL runs as, where that is not this process's own.
    pub fn user() -> Result<Option<String>, String> {
        let changed = unprivileged()?;
        Ok(changed.iter().find_map(|option| option.strip_prefix("--reuid=").map(str::to_owned)))
    }

    /// Where everything of it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stops it at once, as a crash would. Connections break.
    pub fn stop(&self) -> Result<(), String> {
        self.program("pg_ctl", &["stop", "-w", "-m", "immediate", "-D", &self.data()]).map(drop)
    }

    /// Starts it again, on the same port and with the same databases.
    pub fn resume(&self) -> Result<(), String> {
        let log = self.folder.join("log").display().to_string();
        // No syncs where these databases outlive nothing.
        let fsync = if self.durable { "on" } else { "off" };
        let options = format!(
            "-p {} -k /tmp -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync={fsync} -c shared_buffers=32MB \
             -c min_wal_size=2MB -c max_wal_size=32MB",
            self.port,
        );
        let arguments = ["start", "-w", "-s", "-D", &self.data(), "-l", &log, "-o", &options];
        let mut command = command(&self.as_user, &self.programs.join("pg_ctl").display().to_string());
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        // A started server would hold pipes open for as long as it runs.
        match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(()),
            other => Err(format!("pg_ctl {arguments:?}: {other:?}")),
        }
    }

    /// Stops every process of it in its tracks, until the answer is dropped: connections stay open, nothing answers.
    pub fn freeze(&self) -> Result<Frozen<'_>, String> {
        let frozen = Frozen(self);
        // The one that makes the others first, so that no further one escapes.
        self.signal("-STOP", &[self.postmaster()?])?;
        self.signal("-STOP", &self.children()?)?;
        Ok(frozen)
    }

    fn postmaster(&self) -> Result<String, String> {
        let file = format!("{}/postmaster.pid", self.data());
        let text = run(&self.as_user, "head", &["-n1", &file])?;
        Ok(text.trim().to_owned())
    }

    fn children(&self) -> Result<Vec<String>, String> {
        let postmaster = self.postmaster()?;
        let mut children = Vec::new();
        for entry in std::fs::read_dir("/proc").map_err(|error| error.to_string())?.flatten() {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)).unwrap_or_default();
            if parent == postmaster {
                children.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(children)
    }

    fn signal(&self, signal: &str, processes: &[String]) -> Result<(), String> {
        for process in processes {
            // One that has ended meanwhile is not alive either.
            let sent = run(&self.as_user, "kill", &[signal, process]);
            if sent.is_err() && Path::new("/proc").join(process).exists() {
                return sent.map(drop);
            }
        }
        Ok(())
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://deputy:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        run(&self.as_user, &self.programs.join(name).display().to_string(), arguments)
    }
}

/// A cluster that does not answer.
pub struct Frozen<'a>(&'a Cluster);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let (Ok(postmaster), Ok(mut processes)) = (self.0.postmaster(), self.0.children()) else { return };
        processes.push(postmaster);
        let _ = self.0.signal("-CONT", &processes);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut caretaker) = self.caretaker.take() {
            drop(caretaker.stdin.take());
            let _ = caretaker.wait();
        }
    }
}

/// Removes the cluster once this process has ended, even if it is killed or interrupted.
fn caretaker(as_user: &[String], programs: &Path, folder: &Path) -> Result<Child, String> {
    // It may have been frozen when this process ended.
    let script = r#"trap "" INT TERM HUP; cat >/dev/null; p=$(head -n1 "$2/data/postmaster.pid");
        kill -CONT $p $(cat /proc/$p/task/$p/children); "$1/pg_ctl" stop -m immediate -D "$2/data"; rm -rf "$2""#;
    command(as_user, "sh")
        .args(["-c", script, "caretaker"])
        .arg(programs)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot watch over PostgreSQL: {error}"))
}

fn find_programs() -> Result<PathBuf, String> {
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let holds_all = |folder: &PathBuf| ["initdb", "pg_ctl", "psql"].iter().all(|name| folder.join(name).is_file());
    debian.into_iter().rev().chain(std::env::split_paths(&path)).find(holds_all).ok_or_else(|| {
        "PostgreSQL's programs (initdb, pg_ctl, psql) are neither in PATH nor in /usr/lib/postgresql/*/bin: \
         install postgresql, or set DEPUTY_SKIP_POSTGRES=1 to leave its tests out"
            .to_owned()
    })
}

/// Nothing, or what changes root into a user that PostgreSQL runs for.
fn unprivileged() -> Result<Vec<String>, String> {
    if run(&[], "id", &["-u"])?.trim() != "0" {
        return Ok(Vec::new());
    }
    let user = ["postgres", "nobody"].into_iter().find(|user| run(&[], "id", &["-u", user]).is_ok());
    let user = user.ok_or("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")?;
    let group = run(&[], "id", &["-g", user])?;
    Ok(vec![
        "setpriv".into(),
        format!("--reuid={user}"),
        format!("--regid={}", group.trim()),
        "--clear-groups".into(),
        "--".into(),
    ])
}

fn command(as_user: &[String], program: &str) -> Command {
    let mut command = match as_user {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    // The tests' folder may not be open to that user.
    command.current_dir("/");
    command
}

fn run(as_user: &[String], program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = command(as_user, program);
    command.args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

fn random_hex() -> Result<String, String> {
    let mut bytes = [0; 16];
    let mut source = std::fs::File::open("/dev/urandom").map_err(|error| error.to_string())?;
    source.read_exact(&mut bytes).map_err(|error| error.to_string())?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}
