//! Configuration: a TOML file and the variables `API_B_...`, which win, become one validated [`Config`].

use std::net::SocketAddr;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use shared_claims::service::Issuer;
use shared_claims::service::settings::{ConfigError, Sourced, Sources, not_a_base_url, not_an_identifier};
use shared_claims::service::store::sqlite_path;
use url::Url;

const SOURCES: Sources = Sources::with_prefix("API_B");

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
    pub database_url: SecretString,
    /// Whether a user without receipts gets a few to begin with.
    pub demo_receipts: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    identifier: String,
    listen: SocketAddr,
    issuer: Issuer,
    backchannel_url: Option<Url>,
    public_url: Url,
    database: Database,
    #[serde(default)]
    demo_receipts: bool,
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
        if let Some(url) = &settings.backchannel_url {
            mistakes.extend(not_a_base_url("backchannel_url", url));
        }
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
            database_url: settings.database.url,
            demo_receipts: settings.demo_receipts,
        })
    }
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
        assert_eq!((config.identifier.as_str(), config.demo_receipts), ("https://api-b.example", true));
        assert_eq!(config.issuer.as_str(), "http://localhost:9000");
    }

    #[rstest]
    #[case::empty_identifier("https://api-b.example", "", "identifier")]
    #[case::issuer_without_tls("http://localhost:9000", "http://auth.example", "issuer")]
    #[case::issuer_with_a_query("http://localhost:9000", "http://localhost:9000?x", "issuer")]
    #[case::listen("127.0.0.1:9002", "9002", "listen")]
    #[case::public_url("http://localhost:9002", "ftp://localhost", "public_url")]
    #[case::another_database("sqlite://b.sqlite", "mysql://b", "database.url")]
    #[case::unknown_key("[database]", "demo = true\n[database]", "demo")]
    #[case::missing_key("url = \"sqlite://b.sqlite\"", "", "url")]
    fn a_mistake_is_named(#[case] good: &str, #[case] bad: &str, #[case] named: &str) {
        let error = Config::from_toml(&GOOD.replacen(good, bad, 1)).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
