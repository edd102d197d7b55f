//! What clients see while the database is locked, full or frozen: 503 with `Retry-After` within a bound, readiness false,
//! and service again as soon as the database is back, without a restart.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth_server::{Config, Running};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use shared_claims::SystemClock;

/// Nobody waits longer for an answer than this, whatever the database does.
const BOUND: Duration = Duration::from_secs(4);

/// An auth server with one machine for a client, its rows in one SQLite file.
struct World {
    issuer: String,
    http: Client,
    running: Running,
}

impl World {
    async fn at(database: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let config = Config::from_toml(&format!(
            r#"
            issuer = "{issuer}"
            [database]
            url = "sqlite://{}"
            [keys]
            master_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
            signing_alg = "ES256"
            [[apis]]
            identifier = "https://api-a.example"
            name = "Reports"
            scopes = {{ "read:reports" = "See reports" }}
            [[clients]]
            id = "machine"
            name = "Machine"
            secret = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            grant_types = ["client_credentials"]
            allowed_scopes = {{ "https://api-a.example" = ["read:reports"] }}
            "#,
            database.display()
        ))
        .unwrap();
        let running = auth_server::start(config, listener, Arc::new(SystemClock)).await.unwrap();
        let http = Client::builder().timeout(BOUND * 2).build().unwrap();
        Self { issuer, http, running }
    }

    async fn token(&self) -> Response {
        let request = self.http.post(format!("{}/oauth/token", self.issuer));
        let request = request.basic_auth("machine", Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
        request.form(&[("grant_type", "client_credentials")]).send().await.unwrap()
    }

    async fn readiness(&self) -> StatusCode {
        self.http.get(format!("{}/readyz", self.issuer)).send().await.unwrap().status()
    }

    /// The server says in time that it cannot, and for how long.
    async fn refuses_for_now(&self) {
        let asked = Instant::now();
        let answer = self.token().await;
        assert!(asked.elapsed() < BOUND, "the answer took {:?}", asked.elapsed());
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers().get("retry-after").unwrap(), "1");
        assert_eq!(answer.headers().get("cache-control").unwrap(), "no-store");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"], "temporarily_unavailable");
        assert_eq!(self.readiness().await, StatusCode::SERVICE_UNAVAILABLE);
    }

    async fn comes_back(&self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.readiness().await != StatusCode::OK {
            assert!(Instant::now() < deadline, "not ready again");
            tokio::task::yield_now().await;
        }
        assert_eq!(self.token().await.status(), StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_is_503_and_everything_goes_on_once_it_is_unlocked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    let world = World::at(&path).await;
    assert_eq!(world.token().await.status(), StatusCode::OK);

    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    world.refuses_for_now().await;
    other.batch_execute("ROLLBACK").unwrap();
    world.comes_back().await;
    world.running.stop().await;
}

/// A file system of 2 MiB, which only root can mount.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=2m", "deputy-test"];
        let mounted = std::process::Command::new("mount").args(mount).arg(folder.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        // Past the test harness, which swallows what a passing test prints.
        let line = b"SKIPPED disk-full: no file system can be mounted here\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line);
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_503_and_no_token_leaves_without_its_row() {
    let Some(disk) = SmallDisk::mount() else { return };
    let world = World::at(&disk.0.path().join("test.sqlite")).await;
    assert_eq!(world.token().await.status(), StatusCode::OK);

    let ballast = disk.0.path().join("ballast");
    let _ = std::fs::write(&ballast, vec![0; 4 << 20]);
    // What is left of the last page may take a few more rows.
    let mut answer = world.token().await.status();
    for _ in 0..200 {
        if answer != StatusCode::OK {
            break;
        }
        answer = world.token().await.status();
    }
    assert_eq!(answer, StatusCode::SERVICE_UNAVAILABLE);
    world.refuses_for_now().await;
    std::fs::remove_file(ballast).unwrap();
    world.comes_back().await;
    world.running.stop().await;
}
