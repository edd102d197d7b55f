//! What a configuration may say, and what is answered to each kind of mistake.

use std::collections::HashMap;
use std::io::Write as _;

use rstest::rstest;

use super::*;

const MINIMAL: &str = r#"
issuer = "http://localhost:9000"
[database]
url = "sqlite://test.sqlite"
[keys]
master_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"#;

fn with_environment(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Config::load(Some(file.path()), variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn a_minimal_configuration_has_safe_defaults() {
    let config = Config::from_toml(MINIMAL).unwrap();
    assert!(config.listen.ip().is_loopback());
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.exchange.max_actors, 5);
    assert_eq!(config.lifetimes.authorization_code, Duration::from_mins(1));
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = with_environment(
        MINIMAL,
        &[
            ("AUTH_SERVER_LISTEN", "127.0.0.1:9999"),
            ("AUTH_SERVER_SIGN_IN__FREE_ATTEMPTS_PER_ACCOUNT", "3"),
            ("AUTH_SERVER_TRUSTED_PROXIES", "10.0.0.0/8,192.168.0.1/32"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 9999);
    assert_eq!(config.sign_in.free_attempts_per_account, 3);
    assert_eq!(config.trusted_proxies.len(), 2);
}

#[test]
fn the_whole_configuration_can_come_from_the_environment() {
    let environment = HashMap::from([("AUTH_SERVER_CONFIG_INLINE".to_owned(), MINIMAL.to_owned())]);
    assert_eq!(Config::load(None, environment).unwrap().issuer.as_str(), "http://localhost:9000");
}

#[test]
fn variables_of_kubernetes_service_links_are_no_settings() {
    let links = [("AUTH_SERVER_PORT", "tcp://10.0.0.1:9000"), ("AUTH_SERVER_SERVICE_HOST", "10.0.0.1")];
    assert!(with_environment(MINIMAL, &links).is_ok());
}

#[test]
fn a_value_may_name_a_variable_and_a_fallback() {
    let text = MINIMAL.replace("http://localhost:9000", "http://localhost:${DEMO_PORT:-9000}");
    assert_eq!(with_environment(&text, &[]).unwrap().issuer.as_str(), "http://localhost:9000");
    assert_eq!(with_environment(&text, &[("DEMO_PORT", "9100")]).unwrap().issuer.as_str(), "http://localhost:9100");
    let error = with_environment(&text.replace(":-9000", ""), &[]).unwrap_err().to_string();
    assert!(error.contains("DEMO_PORT is not set"), "{error}");
}

#[test]
fn a_secret_can_lie_in_a_file() {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    writeln!(secret, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let path = secret.path().to_str().unwrap();
    let text = MINIMAL.replace("master_key =", "#");
    assert!(with_environment(&text, &[("AUTH_SERVER_KEYS__MASTER_KEY_FILE", path)]).is_ok());
    let error = with_environment(MINIMAL, &[("AUTH_SERVER_KEYS__MASTER_KEY_FILE", path)]).unwrap_err().to_string();
    assert!(error.contains("not both"), "{error}");
}

#[rstest]
#[case::unknown_key("colour = \"red\"\n", "", "colour")]
#[case::unknown_nested_key("", "[sign_in]\ncolour = 1\n", "colour")]
#[case::wrong_type("", "[sign_in]\nfree_attempts_per_account = \"many\"\n", "free_attempts_per_account")]
#[case::wrong_address("listen = \"everywhere\"\n", "", "listen")]
#[case::wrong_duration("", "[lifetimes]\nsession = \"long\"\n", "session")]
#[case::api_of_userinfo(
    "",
    "[[apis]]\nidentifier = \"http://localhost:9000/userinfo\"\nname = \"x\"\nscopes = {}\n",
    "userinfo endpoint's own audience"
)]
#[case::pairing_with_nobody(
    "",
    "[[pairings]]\nsource = \"https://a.example\"\ntarget = \"https://b.example\"\nscopes = []\n",
    "must both be APIs"
)]
#[case::short_secret(
    "",
    "[[clients]]\nid = \"x\"\nname = \"x\"\nsecret = \"short\"\ngrant_types = []\n",
    "at least 32 characters"
)]
#[case::user_twice("", "[[users]]\nusername = \"ann\"\n[[users]]\nusername = \"Ann\"\n", "is there twice")]
#[case::weak_hash("", "[[users]]\nusername = \"ann\"\npassword_hash = \"$1$x\"\n", "argon2id")]
#[case::unknown_permission(
    "",
    "[[users]]\nusername = \"ann\"\npermissions = { \"https://x.example\" = [\"a\"] }\n",
    "unknown API"
)]
#[case::sink_without_a_receiver("", "[ledger.sink]\n", "ledger.sink: give webhook and secret, or syslog")]
#[case::two_sinks(
    "",
    "[ledger.sink]\nwebhook = \"https://x.example\"\nsecret = \"x\"\nsyslog = \"udp://x.example\"\n",
    "give webhook and secret, or syslog"
)]
#[case::webhook_in_the_clear(
    "",
    "[ledger.sink]\nwebhook = \"http://x.example\"\nsecret = \"x\"\n",
    "ledger.sink.webhook must be https"
)]
#[case::weak_webhook_secret(
    "",
    "[ledger.sink]\nwebhook = \"https://x.example\"\nsecret = \"x\"\n",
    "ledger.sink.secret must be 24 to 64 bytes"
)]
#[case::unknown_syslog("", "[ledger.sink]\nsyslog = \"tls://x.example\"\n", "ledger.sink.syslog")]
#[case::unknown_database("", "", "postgres")]
fn a_mistake_is_named_with_its_key_and_what_would_be_right(
    #[case] before: &str,
    #[case] after: &str,
    #[case] expected: &str,
) {
    let base =
        if expected == "postgres" { MINIMAL.replace("sqlite://test.sqlite", "mysql://x") } else { MINIMAL.into() };
    let error = Config::from_toml(&format!("{before}{base}{after}")).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[rstest]
#[case::no_issuer("issuer = \"http://localhost:9000\"", "", "issuer")]
#[case::issuer_with_query("http://localhost:9000", "http://localhost:9000?x=1", "without query")]
#[case::plain_http_on_a_network("http://localhost:9000", "http://auth.example", "https issuer")]
#[case::https_without_a_proxy("http://localhost:9000", "https://auth.example", "trusted_proxies")]
#[case::short_master_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "c2hvcnQ=", "32 bytes in base64")]
#[case::not_toml("[keys]", "[keys", "expected")]
fn a_configuration_that_could_not_run_or_would_be_unsafe_is_refused(
    #[case] good: &str,
    #[case] bad: &str,
    #[case] expected: &str,
) {
    let error = Config::from_toml(&MINIMAL.replace(good, bad)).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

/// The minimal configuration with https, and the two files of a fresh development CA.
fn with_tls(directory: &std::path::Path) -> (String, std::path::PathBuf, std::path::PathBuf) {
    let ca = crate::tls::DevelopmentCa::create(directory, false, time::macros::datetime!(2030-01-01 0:00 UTC)).unwrap();
    let (certificate, key) = (ca.certificate_of("api-a"), ca.key_of("api-a"));
    let https = MINIMAL.replace("http://", "https://");
    let text = format!("{https}[tls]\ncertificate = '{}'\nkey = '{}'\n", certificate.display(), key.display());
    (text, certificate, key)
}

#[test]
fn an_https_issuer_needs_no_proxy_where_the_server_speaks_tls() {
    let directory = tempfile::tempdir().unwrap();
    let (text, ..) = with_tls(directory.path());
    assert!(Config::from_toml(&text).unwrap().tls.is_some());
    let plain = Config::from_toml(&text.replace("https://", "http://")).unwrap_err().to_string();
    assert!(plain.contains("write https"), "{plain}");
}

#[test]
fn a_mistake_with_the_certificate_names_setting_and_file() {
    let directory = tempfile::tempdir().unwrap();
    let (text, certificate, key) = with_tls(directory.path());
    let mistake = |text: &str| Config::from_toml(text).unwrap_err().to_string();
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let other = key.replace("api-a", "api-b");

    let no_pair = mistake(&text.replace(&key, &other));
    assert!(no_pair.contains("no pair") && no_pair.contains(&certificate) && no_pair.contains(&other), "{no_pair}");
    let missing = mistake(&text.replace(&key, "/nowhere/key.pem"));
    assert!(missing.contains("tls.key: /nowhere/key.pem cannot be read"), "{missing}");
    let swapped = mistake(&text.replace(&certificate, &key));
    assert!(swapped.contains(&format!("tls.certificate: {key} is not a PEM file with a certificate")), "{swapped}");
    let half = mistake(text.rsplit_once("key =").unwrap().0);
    assert!(half.contains("missing") && half.contains("key"), "{half}");
}

#[test]
fn a_server_that_runs_keeps_its_certificate_whatever_became_of_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let (text, _, key) = with_tls(directory.path());
    std::fs::write(key, "").unwrap();
    let environment = HashMap::from([("AUTH_SERVER_CONFIG_INLINE".to_owned(), text)]);
    assert!(Config::load(None, environment.clone()).unwrap_err().to_string().contains("no PRIVATE KEY block"));
    assert!(Config::of_running(None, environment).is_ok());
}

#[test]
fn demo_secrets_are_refused_off_loopback() {
    let text = MINIMAL
        .replace("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "ZGVtbyBtYXN0ZXIga2V5LCBrbm93biB0byBhbGwhISE=")
        .replace("http://localhost:9000\"", "https://auth.example\"\ntrusted_proxies = [\"10.0.0.1/32\"]");
    let error = Config::from_toml(&text).unwrap_err().to_string();
    assert!(error.contains("public one of the demo"), "{error}");
}

#[rstest]
#[case::api_a("api-a-demo-secret-0123456789abcdefghijklmnopqrstuv")]
#[case::api_a2("api-a2-demo-secret-0123456789abcdefghijklmnopqrstu")]
#[case::demo_web("demo-web-secret-0123456789abcdefghijklmnopqrstuvwx")]
#[case::demo_machine("demo-machine-secret-0123456789abcdefghijklmnopqrst")]
fn a_demo_client_s_secret_is_refused_off_loopback_and_not_repeated(#[case] secret: &str) {
    let demo = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/auth-server.toml")).unwrap();
    assert!(demo.contains(secret), "the demo has changed");
    let client = format!("[[clients]]\nid = \"some\"\nname = \"Some\"\nsecret = \"{secret}\"\ngrant_types = []\n");
    assert!(Config::from_toml(&format!("{MINIMAL}{client}")).is_ok());
    let reachable =
        MINIMAL.replace("http://localhost:9000\"", "https://auth.example\"\ntrusted_proxies = [\"10.0.0.1/32\"]");
    let error = Config::from_toml(&format!("{reachable}{client}")).unwrap_err().to_string();
    assert!(error.contains("the secret of client some") && !error.contains(secret), "{error}");
}

#[test]
fn no_secret_shows_in_debug_output() {
    let text = format!("{MINIMAL}[[users]]\nusername = \"ann\"\npassword = \"canary-password\"\n");
    let shown = format!("{:?}", Config::from_toml(&text).unwrap());
    assert!(!shown.contains("canary-password") && !shown.contains("AAECAwQF"), "{shown}");
}
