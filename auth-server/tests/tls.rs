//! The server's own TLS, from outside: real handshakes by clients that trust one CA and nothing else.
#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auth_server::tls::DevelopmentCa;
use auth_server::{Config, Running};
use reqwest::{Certificate, Client};
use shared_claims::{Clock as _, SystemClock};
use tempfile::TempDir;
use tokio::process::Command;

/// A directory with a development CA and a database.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.renew();
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A new CA with new certificates, in place of the old ones; somebody who trusts it.
    fn renew(&self) -> Trust {
        let ca = DevelopmentCa::create(self.path(), true, SystemClock.now()).unwrap();
        Trust(Certificate::from_pem(&std::fs::read(ca.ca_certificate()).unwrap()).unwrap())
    }

    fn configuration(&self, port: u16) -> String {
        let path = self.path().display();
        format!(
            "issuer = 'https://localhost:{port}/'\nlisten = '127.0.0.1:{port}'\n[database]\nurl = \
             'sqlite://{path}/db'\n[keys]\nmaster_key = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='\nsigning_alg = \
             'ES256'\n[tls]\ncertificate = '{path}/auth-server.pem'\nkey = '{path}/auth-server.key.pem'\n"
        )
    }

    async fn serve(&self) -> (Running, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = Config::from_toml(&self.configuration(port)).unwrap();
        (auth_server::start(config, listener, Arc::new(SystemClock)).await.unwrap(), port)
    }
}

/// What somebody trusts: one CA.
struct Trust(Certificate);

impl Trust {
    /// A new client each time: a known one would resume its session, and see no certificate.
    async fn get(&self, url: String) -> reqwest::Result<reqwest::Response> {
        let client = Client::builder().tls_certs_only([self.0.clone()]).no_proxy().timeout(Duration::from_secs(5));
        client.build()?.get(url).send().await
    }
}

async fn health(client: &Trust, host: &str, port: u16) -> reqwest::Result<u16> {
    Ok(client.get(format!("https://{host}:{port}/healthz")).await?.status().as_u16())
}

#[tokio::test]
async fn a_client_that_trusts_the_ca_reaches_an_https_issuer_with_a_slash_at_its_end() {
    let place = Place::new();
    let client = place.renew();
    let (running, port) = place.serve().await;
    for host in ["localhost", "127.0.0.1"] {
        assert_eq!(health(&client, host, port).await.unwrap(), 200, "{host}");
    }
    let discovery = format!("https://localhost:{port}/.well-known/openid-configuration");
    let metadata: serde_json::Value = client.get(discovery).await.unwrap().json().await.unwrap();
    assert_eq!(metadata["issuer"], format!("https://localhost:{port}/"));
    assert_eq!(metadata["token_endpoint"], format!("https://localhost:{port}/oauth/token"));
    running.stop().await;
}

#[tokio::test]
async fn who_does_not_trust_the_ca_or_speaks_plain_http_gets_no_answer() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let stranger = elsewhere.renew();
    let (running, port) = place.serve().await;
    assert!(health(&stranger, "localhost", port).await.unwrap_err().is_connect());
    let plain = stranger.get(format!("http://127.0.0.1:{port}/healthz")).await;
    assert!(plain.is_err(), "{plain:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_bad_one_is_not() {
    let place = Place::new();
    let first = place.renew();
    let (running, port) = place.serve().await;
    assert_eq!(health(&first, "localhost", port).await.unwrap(), 200);

    let second = place.renew();
    let deadline = Instant::now() + Duration::from_secs(20);
    while health(&second, "localhost", port).await.is_err() {
        assert!(Instant::now() < deadline, "the new certificate is never shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(health(&first, "localhost", port).await.is_err(), "the old certificate is still shown");

    std::fs::write(place.path().join("auth-server.pem"), "no certificate").unwrap();
    // Long enough for the server to look at it: three times its own interval.
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        assert_eq!(health(&second, "localhost", port).await.unwrap(), 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    running.stop().await;
}

#[test]
fn the_demo_world_has_variables_for_auth0_s_client_libraries() {
    let place = Place::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = std::fs::read_to_string(root.join("demo/auth0-compatible.env")).unwrap();
    let at_place = |value: &str| value.replace("certificates/", &format!("{}/", place.path().display()));
    let variables = file.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let variables: Vec<_> = variables.map(|(name, value)| (name.to_owned(), at_place(value))).collect();
    assert!(variables.iter().any(|(name, ca)| name == "SSL_CERT_FILE" && Path::new(ca).exists()), "{variables:?}");
    let config = Config::load(Some(&root.join("demo/auth-server.toml")), variables).unwrap();
    assert_eq!(config.issuer.as_str(), "https://localhost:9000/");
    assert!(config.tls.is_some());
}

/// The binary, as an operator or an image uses it.
async fn auth_server(arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_auth-server")).args(arguments).output().await.unwrap()
}

#[tokio::test]
async fn the_health_check_speaks_tls_also_when_the_files_have_become_unusable() {
    let place = Place::new();
    let (running, port) = place.serve().await;
    let file = place.path().join("auth-server.toml");
    std::fs::write(&file, place.configuration(port)).unwrap();
    let file = file.to_str().unwrap();
    let healthy = auth_server(&["--config", file, "healthcheck"]).await;
    assert!(healthy.status.success(), "{healthy:?}");

    std::fs::write(place.path().join("auth-server.pem"), "no certificate").unwrap();
    let healthy = auth_server(&["--config", file, "healthcheck"]).await;
    assert!(healthy.status.success(), "{healthy:?}");
    let refused = auth_server(&["--config", file, "serve"]).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("tls.certificate: ") && said.contains("auth-server.pem") && said.contains(file), "{said}");
    running.stop().await;
    assert_eq!(auth_server(&["--config", file, "healthcheck"]).await.status.code(), Some(1));
}

#[tokio::test]
async fn dev_ca_tells_how_to_trust_it_and_needs_no_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("certificates");
    let made = auth_server(&["dev-ca", "--out", out.to_str().unwrap()]).await;
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success(), "{made:?}");
    for trust in ["curl --cacert", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "keytool"] {
        assert!(said.contains(trust), "{said}");
    }
    assert!(said.contains(out.join("ca.pem").to_str().unwrap()), "{said}");

    let again = auth_server(&["dev-ca", "--out", out.to_str().unwrap()]).await;
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"), "{again:?}");
}
