//! Configuration: a TOML file and the variables `API_B_...`, which win, become one validated [`Config`].

use std::net::SocketAddr;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use shared_claims::Scope;
use shared_claims::service::Issuer;
use shared_claims::service::settings::{ConfigError, Sourced, Sources, not_a_base_url, not_an_identifier};
use shared_claims::service::store::sqlite_path;
use shared_claims::status_list::StalePolicy;
use url::Url;

const SOURCES: Sources = Sources::with_prefix("API_B");
/// Receipts begin in the year 2000.
const MOST_YEARS: u16 = 20;

/// What API B runs with. Only loading makes one, so it is right.
#[derive(Debug)]
pub struct Config {
    /// The `aud` of the tokens that are taken.
    pub identifier: String,
    pub listen: SocketAddr,
    pub issuer: Issuer,
    /// The auth server's base address, where this service reaches it under another name than browsers do.
    pub backchannel_url: Option<Url>,
    /// Where callers reach this service.
    pub public_url: Url,
    /// Its base addresses under which other services call it, beside the public one.
    pub also_reached_at: Vec<Url>,
    /// Whether only tokens are taken that are bound to a key.
    pub require_bound_tokens: bool,
    /// Who is let in when the status lists of the issuer cannot be had.
    pub status: StalePolicy,
    pub database_url: SecretString,
    /// The scope that reading takes.
    pub read_scope: Scope,
    /// The scope that filing takes.
    pub write_scope: Scope,
    /// Whether a user without receipts gets a few to begin with, and from how many years ago.
    pub demo_receipts: Option<u16>,
    /// Origins of pages that may call from a browser.
    pub cors_origins: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    identifier: String,
    listen: SocketAddr,
    issuer: Issuer,
    backchannel_url: Option<Url>,
    public_url: Url,
    #[serde(default)]
    also_reached_at: Vec<Url>,
    #[serde(default)]
    require_bound_tokens: bool,
    #[serde(default)]
    status: StalePolicy,
    database: Database,
    #[serde(default = "read_receipts")]
    read_scope: Scope,
    #[serde(default = "write_receipts")]
    write_scope: Scope,
    #[serde(default)]
    demo_receipts: bool,
    #[serde(default)]
    demo_receipts_years_ago: u16,
    #[serde(default)]
    cors_origins: Vec<String>,
}

fn read_receipts() -> Scope {
    "read:receipts".parse().unwrap_or_default()
}

fn write_receipts() -> Scope {
    "write:receipts".parse().unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    url: SecretString,
}

impl Config {
    /// Reads `file` (if any) and the variables of `environment` that begin with `API_B_`.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        SOURCES.read(file, environment)?.try_into()
    }

    /// Reads a configuration from text alone.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        SOURCES.read_text(text)?.try_into()
    }
}

impl TryFrom<Sourced<Settings>> for Config {
    type Error = ConfigError;

    fn try_from(sourced: Sourced<Settings>) -> Result<Self, ConfigError> {
        let Sourced { origin, settings } = sourced;
        let mut mistakes = Vec::new();
        mistakes.extend(settings.issuer.insecure());
        mistakes.extend(not_an_identifier(&settings.identifier));
        mistakes.extend(not_a_base_url("public_url", &settings.public_url));
        mistakes.extend(settings.also_reached_at.iter().filter_map(|url| not_a_base_url("also_reached_at", url)));
        if let Some(url) = &settings.backchannel_url {
            mistakes.extend(not_a_base_url("backchannel_url", url));
        }
        for (key, scope) in [("read_scope", &settings.read_scope), ("write_scope", &settings.write_scope)] {
            if scope.is_empty() {
                mistakes.push(format!("{key} must name a scope, or every token would do"));
            }
        }
        if settings.demo_receipts_years_ago > MOST_YEARS {
            mistakes.push(format!("demo_receipts_years_ago must be {MOST_YEARS} at most"));
        }
        mistakes.extend(settings.cors_origins.iter().filter_map(|origin| not_an_origin(origin)));
        mistakes.extend(sqlite_path(settings.database.url.expose_secret()).err().map(|error| error.to_string()));
        if !mistakes.is_empty() {
            return Err(ConfigError { origin, mistakes });
        }
        Ok(Self {
            identifier: settings.identifier,
            listen: settings.listen,
            issuer: settings.issuer,
            backchannel_url: settings.backchannel_url,
            public_url: settings.public_url,
            also_reached_at: settings.also_reached_at,
            require_bound_tokens: settings.require_bound_tokens,
            status: settings.status,
            database_url: settings.database.url,
            read_scope: settings.read_scope,
            write_scope: settings.write_scope,
            demo_receipts: settings.demo_receipts.then_some(settings.demo_receipts_years_ago),
            cors_origins: settings.cors_origins,
        })
    }
}

/// Browsers send an origin in one spelling alone, and it is compared character by character.
fn not_an_origin(text: &str) -> Option<String> {
    let is_one = Url::parse(text).is_ok_and(|url| url.has_host() && url.origin().ascii_serialization() == text);
    (!is_one).then(|| {
        format!("cors_origins: {text:?} is no origin: write scheme, host and port as browsers do, https://app.example")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const GOOD: &str = r#"
        identifier = "https://api-b.example"
        listen = "127.0.0.1:9002"
        issuer = "http://localhost:9000"
        public_url = "http://localhost:9002"
        [database]
        url = "sqlite://b.sqlite"
    "#;

    #[test]
    fn the_demo_s_own_file_is_good() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/api-b.toml"));
        let config = Config::load(Some(file), []).unwrap();
        assert_eq!((config.identifier.as_str(), config.demo_receipts), ("https://api-b.example", Some(0)));
        assert_eq!(config.issuer.as_str(), "http://localhost:9000");
        assert_eq!(
            (config.read_scope.to_string(), config.write_scope.to_string()),
            ("read:receipts".into(), "write:receipts".into())
        );
    }

    #[test]
    fn the_same_binary_is_the_demo_s_archive_with_other_scopes_and_older_receipts() {
        let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/api-c.toml"));
        let config = Config::load(Some(file), []).unwrap();
        assert_eq!((config.identifier.as_str(), config.demo_receipts), ("https://api-c.example", Some(2)));
        assert_eq!(
            (config.read_scope.to_string(), config.write_scope.to_string()),
            ("read:archive".into(), "write:archive".into())
        );
    }

    #[rstest]
    #[case::empty_identifier("https://api-b.example", "", "identifier")]
    #[case::issuer_without_tls("http://localhost:9000", "http://auth.example", "issuer")]
    #[case::issuer_with_a_query("http://localhost:9000", "http://localhost:9000?x", "issuer")]
    #[case::listen("127.0.0.1:9002", "9002", "listen")]
    #[case::public_url("http://localhost:9002", "ftp://localhost", "public_url")]
    #[case::another_database("sqlite://b.sqlite", "mysql://b", "database.url")]
    #[case::no_scope("[database]", "read_scope = ''\n[database]", "read_scope")]
    #[case::no_name_of_a_scope("[database]", "read_scope = 'a  b'\n[database]", "scope")]
    #[case::before_the_year_2000("[database]", "demo_receipts_years_ago = 30\n[database]", "demo_receipts_years_ago")]
    #[case::no_origin("[database]", "cors_origins = ['https://app.example/']\n[database]", "cors_origins")]
    #[case::any_origin("[database]", "cors_origins = ['*']\n[database]", "cors_origins")]
    #[case::unknown_key("[database]", "demo = true\n[database]", "demo")]
    #[case::missing_key("url = \"sqlite://b.sqlite\"", "", "url")]
    fn a_mistake_is_named(#[case] good: &str, #[case] bad: &str, #[case] named: &str) {
        let error = Config::from_toml(&GOOD.replacen(good, bad, 1)).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
