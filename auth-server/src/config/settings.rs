//! The settings as they are written: every key, its default, and nothing unknown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use shared_claims::ScopeToken;
use shared_claims::service::Issuer;

use crate::audit::Sink;
use crate::registry::{Api, Client, Pairing, SigningAlgorithm};
use crate::store::{DatabaseSettings, Durability, Profile};
use crate::tls::TlsFiles;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub issuer: Issuer,
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    #[serde(default)]
    pub metrics_listen: Option<SocketAddr>,
    #[serde(default, deserialize_with = "listed_or_separated")]
    pub trusted_proxies: Vec<IpNet>,
    #[serde(default)]
    pub tls: Option<TlsFiles>,
    pub database: DatabaseSection,
    pub keys: KeySettings,
    #[serde(default)]
    pub lifetimes: LifetimeSettings,
    #[serde(default)]
    pub sign_in: SignInSettings,
    #[serde(default)]
    pub exchange: ExchangeSettings,
    #[serde(default)]
    pub dpop: DpopSettings,
    #[serde(default)]
    pub ledger: LedgerSettings,
    #[serde(default)]
    pub sign_in_notice: Option<String>,
    #[serde(default)]
    pub apis: Vec<Api>,
    #[serde(default)]
    pub clients: Vec<Client>,
    #[serde(default)]
    pub pairings: Vec<Pairing>,
    #[serde(default)]
    pub users: Vec<UserSettings>,
}

/// A list, or (as a variable has to write it) one text with commas.
fn listed_or_separated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a list of networks such as 10.0.0.0/8")]
    enum Networks {
        Listed(Vec<IpNet>),
        Separated(String),
    }
    match Networks::deserialize(deserializer)? {
        Networks::Listed(networks) => Ok(networks),
        Networks::Separated(text) => text
            .split(',')
            .map(str::trim)
            .filter(|network| !network.is_empty())
            .map(|network| network.parse().map_err(|error| D::Error::custom(format!("{network:?}: {error}"))))
            .collect(),
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9000))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseSection {
    url: SecretString,
    #[serde(default)]
    pool_size: Option<u32>,
    #[serde(default, with = "humantime_serde")]
    acquire_timeout: Option<Duration>,
    #[serde(default, with = "humantime_serde")]
    statement_timeout: Option<Duration>,
    #[serde(default)]
    durability: DurabilityName,
}

/// What a committed transaction survives.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DurabilityName {
    #[default]
    PowerLoss,
    ProcessCrash,
}

impl DatabaseSection {
    pub(super) fn settings(&self) -> DatabaseSettings {
        let default = DatabaseSettings::at(self.url.clone());
        DatabaseSettings {
            pool_size: self.pool_size.unwrap_or(default.pool_size),
            acquire_timeout: self.acquire_timeout.unwrap_or(default.acquire_timeout),
            statement_timeout: self.statement_timeout.unwrap_or(default.statement_timeout),
            durability: match self.durability {
                DurabilityName::PowerLoss => Durability::PowerLoss,
                DurabilityName::ProcessCrash => Durability::ProcessCrash,
            },
            ..default
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySettings {
    pub master_key: SecretString,
    #[serde(default)]
    pub signing_alg: SigningAlgorithm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LifetimeSettings {
    #[serde(with = "humantime_serde")]
    pub authorization_code: Duration,
    #[serde(with = "humantime_serde")]
    pub authorization_request: Duration,
    #[serde(with = "humantime_serde")]
    pub session_idle: Duration,
    #[serde(with = "humantime_serde")]
    pub session: Duration,
    #[serde(with = "humantime_serde")]
    pub refresh_token: Duration,
    #[serde(with = "humantime_serde")]
    pub grant: Duration,
}

impl Default for LifetimeSettings {
    fn default() -> Self {
        const HOUR: u64 = 60 * 60;
        Self {
            authorization_code: Duration::from_mins(1),
            authorization_request: Duration::from_secs(HOUR / 2),
            session_idle: Duration::from_secs(8 * HOUR),
            session: Duration::from_secs(24 * HOUR),
            refresh_token: Duration::from_secs(30 * 24 * HOUR),
            grant: Duration::from_secs(90 * 24 * HOUR),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SignInSettings {
    pub free_attempts_per_account: u32,
    pub free_attempts_per_address: u32,
    pub password_hashes_at_once: usize,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self { free_attempts_per_account: 5, free_attempts_per_address: 50, password_hashes_at_once: 4 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExchangeSettings {
    pub max_actors: usize,
    pub error_docs: bool,
    pub explain_endpoint: bool,
}

impl Default for ExchangeSettings {
    fn default() -> Self {
        Self { max_actors: crate::exchange::Limits::default().max_actors, error_docs: false, explain_endpoint: false }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DpopSettings {
    pub require_nonce: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerSettings {
    #[serde(default)]
    sink: Option<SinkSettings>,
}

/// Where the rows of the ledger go, too: one of two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SinkSettings {
    #[serde(default)]
    webhook: Option<String>,
    /// With the webhook.
    #[serde(default)]
    secret: Option<SecretString>,
    #[serde(default)]
    syslog: Option<String>,
}

impl LedgerSettings {
    /// `issuer`: its host is where syslog messages come from.
    pub(super) fn sink(&self, issuer: &Issuer) -> Result<Option<Sink>, String> {
        let Some(SinkSettings { webhook, secret, syslog }) = &self.sink else { return Ok(None) };
        match (webhook, secret, syslog) {
            (Some(webhook), Some(secret), None) => {
                Sink::webhook(webhook, secret).map_err(|error| format!("ledger.sink.{error}"))
            }
            (None, None, Some(syslog)) => {
                let host = url::Url::parse(issuer.as_str()).ok().and_then(|url| url.host_str().map(str::to_owned));
                Sink::syslog(syslog, host.as_deref().unwrap_or("-")).map_err(|error| format!("ledger.sink.{error}"))
            }
            _ => Err("ledger.sink: give webhook and secret, or syslog".to_owned()),
        }
        .map(Some)
    }
}

/// A user that the configuration brings: made at start where there is none of that name, and kept in step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSettings {
    pub username: String,
    #[serde(default)]
    pub password: Option<SecretString>,
    /// A PHC string of argon2id, instead of the password.
    #[serde(default)]
    pub password_hash: Option<SecretString>,
    /// Unset: as an administrator has set it.
    #[serde(default)]
    pub blocked: Option<bool>,
    #[serde(default)]
    pub profile: Profile,
    /// What the user may do, by API identifier.
    #[serde(default)]
    pub permissions: BTreeMap<String, Vec<ScopeToken>>,
}

impl UserSettings {
    pub(super) fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("users: {:?} {what}", self.username));
        if self.username.is_empty() || self.username.len() > 255 || self.username.trim() != self.username {
            return wrong("must be a name of 1 to 255 characters without white space at its ends");
        }
        match (&self.password, &self.password_hash) {
            (Some(_), Some(_)) => wrong("has a password and a password_hash: give one"),
            (None, Some(hash)) if !hash.expose_secret().starts_with("$argon2id$") => {
                wrong("has a password_hash that is no PHC string of argon2id")
            }
            _ => Ok(()),
        }
    }
}
