//! A throw-away `PostgreSQL` cluster on a free port of loopback, as the tests need it: started in a second, stopped and
//! removed when it is dropped. Uses the standard library and `tempfile` only.
//!
//! `PostgreSQL` refuses to run as root, so under root it runs as `postgres` or, where there is none, as `nobody`.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a cluster may take to start or stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running cluster.
pub struct Cluster {
    programs: PathBuf,
    directory: TempDir,
    owner: Option<Owner>,
    port: u16,
    server: Mutex<Option<Child>>,
    databases: AtomicU32,
}

/// Whom the cluster runs as when we are root.
#[derive(Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Cluster {
    /// The cluster that the tests of this process share. It lives as long as somebody holds it.
    pub fn shared() -> io::Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return Ok(cluster);
        }
        let cluster = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&cluster);
        Ok(cluster)
    }

    /// Makes and starts a new cluster.
    pub fn start() -> io::Result<Self> {
        let programs = find_programs()?;
        let owner = if fs::metadata("/proc/self")?.uid() == 0 { Some(find_owner()?) } else { None };
        let directory = tempfile::Builder::new().prefix("deputy-postgres-").tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700))?;
        if let Some(owner) = owner {
            chown(directory.path(), Some(owner.uid), Some(owner.gid))?;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let server = Mutex::new(None);
        let cluster = Self { programs, directory, owner, port, server, databases: AtomicU32::new(0) };
        let data = cluster.data();
        cluster.run("initdb", &["--auth=trust", "--username=deputy", "--no-sync", "--encoding=UTF8", "-D"], &data)?;
        cluster.resume()?;
        Ok(cluster)
    }

    /// Starts the server of a stopped cluster.
    pub fn resume(&self) -> io::Result<()> {
        let settings = [
            format!("port={}", self.port),
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.directory.path().display()),
            // Thrown away anyhow: no waiting for the disk.
            "fsync=off".to_owned(),
            "full_page_writes=off".to_owned(),
            "max_connections=200".to_owned(),
        ];
        let log = fs::File::create(self.directory.path().join("log"))?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).stdout(log.try_clone()?).stderr(log);
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        *self.server() = Some(command.spawn()?);
        self.wait_until_ready()
    }

    /// Stops the server at once, as a crash would, and keeps the data. Connections break.
    pub fn halt(&self) -> io::Result<()> {
        let Some(mut server) = self.server().take() else { return Ok(()) };
        // SIGQUIT is PostgreSQL's immediate shutdown: its children end too, which a SIGKILL would leave behind.
        let signalled = Command::new("sh").arg("-c").arg(format!("kill -QUIT {}", server.id())).status()?;
        if !signalled.success() {
            server.kill()?;
        }
        server.wait().map(drop)
    }

    /// A new, empty database: its URL.
    pub fn create_database(&self) -> io::Result<String> {
        let name = format!("deputy_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE DATABASE {name}"))?;
        Ok(self.url(&name))
    }

    /// Runs a statement as the superuser.
    pub fn execute(&self, statement: &str) -> io::Result<()> {
        let address = [self.url("postgres"), "-qXc".to_owned(), statement.to_owned()];
        let address: Vec<_> = address.iter().map(String::as_str).collect();
        self.run("psql", &address[..2], Path::new(address[2]))
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://deputy@127.0.0.1:{}/{database}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `postmaster.pid` tells on its last line that connections are welcome.
    fn wait_until_ready(&self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let status = self.data().join("postmaster.pid");
        loop {
            if fs::read_to_string(&status).is_ok_and(|text| text.lines().nth(7).is_some_and(|l| l.starts_with("ready")))
            {
                return Ok(());
            }
            let ended = self.server().as_mut().and_then(|server| server.try_wait().transpose()).transpose()?;
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("PostgreSQL does not start: {log}")));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        // Its own messages in English whatever the machine speaks, and a directory that the owner may enter.
        command.env("LC_ALL", "C").current_dir(self.directory.path()).stdin(Stdio::null());
        if let Some(owner) = self.owner {
            command.uid(owner.uid).gid(owner.gid);
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str], last: &Path) -> io::Result<()> {
        let output = self.command(program).args(arguments).arg(last).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("{program}: {}", String::from_utf8_lossy(&output.stderr))))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nobody is left to tell; the directory goes in any case.
        let _ = self.halt();
    }
}

/// The directory of `initdb`: one of PATH, otherwise the newest that Debian has installed.
fn find_programs() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|directory| directory.join("initdb").exists());
    // A link in /usr/local/bin leads to the directory that also has `postgres`.
    let on_path = on_path.and_then(|directory| fs::canonicalize(directory.join("initdb")).ok());
    let on_path =
        on_path.and_then(|initdb| initdb.parent().map(Path::to_owned)).filter(|bin| bin.join("postgres").exists());
    let installed = || -> Option<PathBuf> {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut versions: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).collect();
        versions.retain(|bin| bin.join("initdb").exists());
        versions.sort();
        versions.pop()
    };
    on_path.or_else(installed).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "no PostgreSQL: initdb is neither on PATH nor in /usr/lib/postgresql")
    })
}

fn find_owner() -> io::Result<Owner> {
    let accounts = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let fields: Vec<_> = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f[0] == name)?;
        Some(Owner { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
    };
    find("postgres").or_else(|| find("nobody")).ok_or_else(|| io::Error::other("neither postgres nor nobody exists"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_keeps_its_data_through_a_crash() {
        let cluster = Cluster::start().unwrap();
        cluster.create_database().unwrap();
        cluster.halt().unwrap();
        assert!(cluster.execute("SELECT 1").is_err());
        cluster.resume().unwrap();
        cluster.execute("ALTER DATABASE deputy_0 RENAME TO found").unwrap();
    }
}
