//! Configuration: a TOML file and the variables `API_A_...`, which win, become one validated [`Config`].

mod demo;

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

pub use demo::{Chain, DemoMode};

const SOURCES: Sources = Sources::with_prefix("API_A");

/// The secrets of `demo/api-a.toml` and `demo/api-a2.toml`: known to all, so they go with a loopback issuer only.
const DEMO_SECRETS: [&str; 2] =
    ["api-a-demo-secret-0123456789abcdefghijklmnopqrstuv", "api-a2-demo-secret-0123456789abcdefghijklmnopqrstu"];

/// What API A runs with. Only loading makes one, so it is right.
#[derive(Debug)]
pub struct Config {
    /// The `aud` of the tokens that are taken.
    pub identifier: String,
    pub listen: SocketAddr,
    pub issuer: Issuer,
    /// The auth server's base address, where this service reaches it under another name than browsers do.
    pub backchannel_url: Option<Url>,
    /// Where callers and browsers reach this service.
    pub public_url: Url,
    /// Its base addresses under which other services call it, beside the public one.
    pub also_reached_at: Vec<Url>,
    /// Whether only tokens are taken that are bound to a key.
    pub require_bound_tokens: bool,
    /// Who is let in when the status lists of the issuer cannot be had.
    pub status: StalePolicy,
    pub database_url: SecretString,
    /// With which API A exchanges its callers' tokens.
    pub client: ClientIdentity,
    /// Whether the tokens that it exchanges are bound to its own key, whatever its callers' are.
    pub bind_tokens: bool,
    pub downstream: Downstream,
    /// Where the receipts of earlier years are, if anywhere.
    pub archive: Option<Archive>,
    /// The client id of the demo app, if it is served at `/`.
    pub demo_app: Option<String>,
    /// Whether every exchange and call is shown to the page that caused it.
    pub demo: Option<DemoMode>,
}

/// The client identity of this API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientIdentity {
    pub id: String,
    pub secret: SecretString,
}

/// The API that is called on behalf of the callers: API B, or another API A in a longer chain.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Downstream {
    /// Its identifier: the `audience` of the exchange.
    pub audience: String,
    /// Where it is reached.
    pub url: Url,
    /// Where people reach it, if that is elsewhere. For demo mode.
    pub public_url: Option<Url>,
    /// The scope that reading receipts takes there.
    #[serde(default = "read_receipts")]
    pub read_scope: Scope,
    /// The scope that filing one takes there.
    #[serde(default = "write_receipts")]
    pub write_scope: Scope,
}

/// The API that keeps the receipts of earlier years: a second one that is called on behalf of the callers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Its identifier: the `audience` of the exchange.
    pub audience: String,
    /// Where it is reached.
    pub url: Url,
    /// Where people reach it, if that is elsewhere. For demo mode.
    pub public_url: Option<Url>,
    /// The scope that reading takes there.
    #[serde(default = "read_archive")]
    pub read_scope: Scope,
}

fn read_archive() -> Scope {
    "read:archive".parse().unwrap_or_default()
}

fn read_receipts() -> Scope {
    "read:receipts".parse().unwrap_or_default()
}

fn write_receipts() -> Scope {
    "write:receipts".parse().unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the file")]
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
    client: ClientIdentity,
    #[serde(default)]
    bind_tokens: bool,
    downstream: Downstream,
    archive: Option<Archive>,
    #[serde(default)]
    demo_app: bool,
    #[serde(default = "demo_app_client_id")]
    demo_app_client_id: String,
    #[serde(default)]
    demo_trace: bool,
    demo_chain: Option<Chain>,
    demo_other_client: Option<ClientIdentity>,
}

fn demo_app_client_id() -> String {
    "demo-app".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Database {
    url: SecretString,
}

impl Config {
    /// Reads `file` (if any) and the variables of `environment` that begin with `API_A_`.
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

impl Settings {
    fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        mistakes.extend(self.issuer.insecure());
        mistakes.extend(not_an_identifier(&self.identifier));
        mistakes.extend(not_a_base_url("public_url", &self.public_url));
        mistakes.extend(self.also_reached_at.iter().filter_map(|url| not_a_base_url("also_reached_at", url)));
        mistakes.extend(self.mistakes_of_target("downstream", &self.downstream.audience, &self.downstream.url));
        if let Some(archive) = &self.archive {
            mistakes.extend(self.mistakes_of_target("archive", &archive.audience, &archive.url));
        }
        mistakes.extend(self.backchannel_url.as_ref().and_then(|url| not_a_base_url("backchannel_url", url)));
        mistakes.extend(sqlite_path(self.database.url.expose_secret()).err().map(|error| error.to_string()));
        if self.client.id.is_empty() || self.client.secret.expose_secret().is_empty() {
            mistakes
                .push("client.id and client.secret must not be empty: register this API at the auth server".to_owned());
        }
        let others = self.demo_other_client.iter().map(|client| ("demo_other_client", client));
        for (table, client) in [("client", &self.client)].into_iter().chain(others) {
            if DEMO_SECRETS.contains(&client.secret.expose_secret()) && !self.issuer.is_loopback() {
                let issuer = &self.issuer;
                mistakes.push(format!(
                    "{table}.secret is the public one of the demo: make your own (`openssl rand -hex 32`) for {issuer}"
                ));
            }
        }
        if let Some(chain) = &self.demo_chain {
            mistakes.extend(self.mistakes_of_target("demo_chain", &chain.audience, &chain.url));
        }
        if self.demo_trace {
            mistakes.extend(demo::exposed(&self.issuer, &self.public_url));
        }
        if self.demo_app && self.demo_app_client_id.is_empty() {
            mistakes.push("demo_app_client_id must name the demo app's client".to_owned());
        }
        mistakes
    }

    /// What is wrong with an API that is to be called, named in the table `table`.
    fn mistakes_of_target(&self, table: &str, audience: &str, url: &Url) -> impl Iterator<Item = String> + use<> {
        let identifier = not_an_identifier(audience).map(|mistake| format!("{table}.audience: {mistake}"));
        let itself = (self.identifier == audience)
            .then(|| format!("{table}.audience is this API itself: name the API that is to be called"));
        identifier.into_iter().chain(itself).chain(not_a_base_url(&format!("{table}.url"), url))
    }
}

impl TryFrom<Sourced<Settings>> for Config {
    type Error = ConfigError;

    fn try_from(sourced: Sourced<Settings>) -> Result<Self, ConfigError> {
        let Sourced { origin, settings } = sourced;
        let mistakes = settings.mistakes();
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
            client: settings.client,
            bind_tokens: settings.bind_tokens,
            downstream: settings.downstream,
            archive: settings.archive,
            demo_app: settings.demo_app.then_some(settings.demo_app_client_id),
            demo: settings
                .demo_trace
                .then_some(DemoMode { chain: settings.demo_chain, other_client: settings.demo_other_client }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn demo() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/api-a.toml"))
    }

    fn with(name: &str, value: &str) -> Result<Config, ConfigError> {
        Config::load(Some(demo()), [(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn the_demo_s_own_file_is_good() {
        let config = Config::load(Some(demo()), []).unwrap();
        assert_eq!(config.identifier, "https://api-a.example");
        assert_eq!(config.downstream.audience, "https://api-b.example");
        assert_eq!(config.downstream.read_scope.to_string(), "read:receipts");
        let archive = config.archive.unwrap();
        assert_eq!(
            (archive.audience.as_str(), archive.read_scope.to_string()),
            ("https://api-c.example", "read:archive".into())
        );
        assert_eq!(config.demo_app.as_deref(), Some("demo-app"));
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        assert_eq!(with("API_A_DOWNSTREAM__URL", "http://b:1").unwrap().downstream.url.as_str(), "http://b:1/");
        assert_eq!(with("API_A_DEMO_APP", "false").unwrap().demo_app, None);
    }

    #[test]
    fn the_demo_s_secret_is_refused_where_others_could_reach_it() {
        let error = with("DEPUTY_ISSUER", "https://auth.example").unwrap_err().to_string();
        assert!(error.contains("client.secret") && error.contains("api-a.toml"), "{error}");
        assert!(!DEMO_SECRETS.iter().any(|secret| error.contains(secret)), "{error}");
    }

    #[rstest]
    #[case::issuer("DEPUTY_ISSUER", "https://auth.example")]
    #[case::page("API_A_PUBLIC_URL", "http://reports.example")]
    fn demo_mode_is_refused_where_others_could_come_near(#[case] variable: &str, #[case] value: &str) {
        let error = with(variable, value).unwrap_err().to_string();
        assert!(error.contains("demo_trace shows access tokens"), "{error}");
    }

    #[test]
    fn demo_mode_is_off_unless_set() {
        assert!(Config::load(Some(demo()), []).unwrap().demo.is_some());
        assert!(with("API_A_DEMO_TRACE", "false").unwrap().demo.is_none());
    }

    #[rstest]
    #[case::identifier("API_A_IDENTIFIER", "reports", "identifier")]
    #[case::issuer("API_A_ISSUER", "http://auth.example", "https")]
    #[case::listen("API_A_LISTEN", "nowhere", "listen")]
    #[case::downstream("API_A_DOWNSTREAM__URL", "ftp://b", "downstream.url")]
    #[case::itself("API_A_DOWNSTREAM__AUDIENCE", "https://api-a.example", "downstream.audience")]
    #[case::archive("API_A_ARCHIVE__URL", "ftp://c", "archive.url")]
    #[case::archive_itself("API_A_ARCHIVE__AUDIENCE", "https://api-a.example", "archive.audience")]
    #[case::chain("API_A_DEMO_CHAIN__URL", "ftp://a2", "demo_chain.url")]
    #[case::no_secret("API_A_CLIENT__SECRET", "", "client.secret")]
    #[case::database("API_A_DATABASE__URL", "sqlite::memory:", "database.url")]
    #[case::unknown_key("API_A_DOWNSTREAM__AUDIENCES", "x", "audiences")]
    #[case::no_switch("API_A_DEMO_APP", "perhaps", "demo_app")]
    fn a_mistake_is_named(#[case] variable: &str, #[case] value: &str, #[case] named: &str) {
        let error = with(variable, value).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}
