//! Configuration: a TOML file and environment variables, which win, become one validated [`Config`].
//!
//! Everything that can be wrong is found here, before anything starts, and named: file, key, and what would be right.

mod demo_secrets;
mod settings;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

pub use settings::UserSettings;
use settings::{LifetimeSettings, Settings, SignInSettings};
pub use shared_claims::service::ConfigError;
use shared_claims::service::{Issuer, Sourced, Sources};

use crate::audit::Sink;
use crate::exchange::Limits;
use crate::registry::{Api, Client, Pairing, Registry, SigningAlgorithm};
use crate::store::DatabaseSettings;
use crate::tls::TlsFiles;

/// What the server runs with. Only loading makes one, so it is right.
#[derive(Debug)]
pub struct Config {
    pub issuer: Issuer,
    pub listen: SocketAddr,
    /// Where `/metrics` is served. `None`: with everything else.
    pub metrics_listen: Option<SocketAddr>,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// None: plain http, for loopback or behind a proxy.
    pub tls: Option<TlsFiles>,
    pub database: DatabaseSettings,
    pub master_key: SecretString,
    pub signing_alg: SigningAlgorithm,
    pub lifetimes: Lifetimes,
    pub sign_in: SignInLimits,
    pub exchange: Limits,
    /// Whether refusals name the page that explains them, and this server shows it.
    pub error_docs: bool,
    /// Whether exchanges are explained at `/oauth/explain`.
    pub explain_endpoint: bool,
    /// Whether a proof of possession must carry a nonce of this server (RFC 9449 section 8).
    pub require_dpop_nonce: bool,
    /// Where the rows of the ledger go, too.
    pub ledger_sink: Option<Sink>,
    /// Shown on the login page.
    pub sign_in_notice: Option<String>,
    pub apis: Vec<Api>,
    pub clients: Vec<Client>,
    pub pairings: Vec<Pairing>,
    pub users: Vec<UserSettings>,
}

/// How long things live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    pub authorization_code: Duration,
    /// How long a person may take to sign in and consent.
    pub authorization_request: Duration,
    pub session_idle: Duration,
    pub session: Duration,
    /// How long a refresh token may lie unused.
    pub refresh_token: Duration,
    pub grant: Duration,
}

/// How failed sign-ins are slowed down, and how many passwords are hashed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInLimits {
    pub free_attempts_per_account: u32,
    pub free_attempts_per_address: u32,
    pub password_hashes_at_once: usize,
}

/// Variables that begin like this are settings: `AUTH_SERVER_DATABASE__URL` sets `database.url`.
const SOURCES: Sources = Sources::with_prefix("AUTH_SERVER");

impl Config {
    /// Reads `file` (if any) and the variables of `environment` that begin with `AUTH_SERVER_`.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        checked(SOURCES.read(file, environment)?, Server::Starts)
    }

    /// The same for a server that runs already: it keeps its certificate when the files have become unusable since.
    pub fn of_running(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        checked(SOURCES.read(file, environment)?, Server::Runs)
    }

    /// Reads a configuration from text alone.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        checked(SOURCES.read_text(text)?, Server::Starts)
    }
}

/// Whether the files that the settings name are still to be read.
enum Server {
    Starts,
    Runs,
}

/// Finds everything that is wrong with the settings.
fn checked(Sourced { origin, settings }: Sourced<Settings>, server: Server) -> Result<Config, ConfigError> {
    let mut mistakes = Vec::new();
    let mut check = |result: Result<(), String>| mistakes.extend(result.err());

    check(transport_is_safe(&settings));
    if let (Server::Starts, Some(files)) = (server, &settings.tls) {
        check(files.check().map_err(|error| error.to_string()));
    }
    check(demo_secrets::are_confined(&settings));
    check(settings.database.settings().check().map_err(|error| error.to_string()));
    check(users_are_distinct(&settings.users));
    for user in &settings.users {
        check(user.check());
    }
    let userinfo = settings.issuer.endpoint("/userinfo");
    if settings.apis.iter().any(|api| api.identifier == userinfo) {
        check(Err(format!("apis: {userinfo} is the userinfo endpoint's own audience: choose another identifier")));
    }
    if let Err(crate::registry::InvalidRegistry(unfit)) =
        Registry::new(settings.apis.clone(), settings.clients.clone(), settings.pairings.clone())
    {
        mistakes.extend(unfit);
    }
    mistakes.extend(unknown_permissions(&settings));
    if let Err(error) = crate::tokens::MasterKey::from_base64(&settings.keys.master_key) {
        mistakes.push(format!("keys.master_key: {error}"));
    }
    let sink = settings.ledger.sink(&settings.issuer).unwrap_or_else(|mistake| {
        mistakes.push(mistake);
        None
    });
    if mistakes.is_empty() { Ok(Config::from_checked(settings, sink)) } else { Err(ConfigError { origin, mistakes }) }
}

impl Config {
    fn from_checked(settings: Settings, ledger_sink: Option<Sink>) -> Self {
        Self {
            issuer: settings.issuer,
            listen: settings.listen,
            metrics_listen: settings.metrics_listen,
            trusted_proxies: settings.trusted_proxies,
            tls: settings.tls,
            database: settings.database.settings(),
            master_key: settings.keys.master_key,
            signing_alg: settings.keys.signing_alg,
            lifetimes: settings.lifetimes.into(),
            sign_in: settings.sign_in.into(),
            exchange: Limits { max_actors: settings.exchange.max_actors },
            error_docs: settings.exchange.error_docs,
            explain_endpoint: settings.exchange.explain_endpoint,
            require_dpop_nonce: settings.dpop.require_nonce,
            ledger_sink,
            sign_in_notice: settings.sign_in_notice,
            apis: settings.apis,
            clients: settings.clients,
            pairings: settings.pairings,
            users: settings.users,
        }
    }
}

impl From<LifetimeSettings> for Lifetimes {
    fn from(settings: LifetimeSettings) -> Self {
        Self {
            authorization_code: settings.authorization_code,
            authorization_request: settings.authorization_request,
            session_idle: settings.session_idle,
            session: settings.session,
            refresh_token: settings.refresh_token,
            grant: settings.grant,
        }
    }
}

impl From<SignInSettings> for SignInLimits {
    fn from(settings: SignInSettings) -> Self {
        Self {
            free_attempts_per_account: settings.free_attempts_per_account,
            free_attempts_per_address: settings.free_attempts_per_address,
            password_hashes_at_once: settings.password_hashes_at_once,
        }
    }
}

/// Tokens and passwords cross the network in the clear on plain http, so it is for one machine alone (RFC 6749 section
/// 3.1). https is this server's own, or that of a reverse proxy, which must then be named.
fn transport_is_safe(settings: &Settings) -> Result<(), String> {
    let issuer = &settings.issuer;
    if issuer.is_https() && settings.tls.is_none() && settings.trusted_proxies.is_empty() {
        return Err(format!(
            "issuer: {issuer} is https, and this server speaks plain http: set tls.certificate and tls.key, or put a \
             TLS reverse proxy before it and name its address in trusted_proxies"
        ));
    }
    if !issuer.is_https() && !issuer.is_loopback() {
        return Err(format!(
            "issuer: {issuer} is plain http on a host that is not loopback: use an https issuer, and set \
             tls.certificate and tls.key or name your TLS reverse proxy in trusted_proxies"
        ));
    }
    if !issuer.is_https() && settings.tls.is_some() {
        return Err(format!("issuer: {issuer} is plain http, and [tls] makes this server speak https: write https"));
    }
    Ok(())
}

fn users_are_distinct(users: &[UserSettings]) -> Result<(), String> {
    let mut names = std::collections::BTreeSet::new();
    match users.iter().find(|user| !names.insert(user.username.to_lowercase())) {
        Some(twice) => Err(format!("users: {} is there twice", twice.username)),
        None => Ok(()),
    }
}

fn unknown_permissions(settings: &Settings) -> Vec<String> {
    let mut mistakes = Vec::new();
    for user in &settings.users {
        for (identifier, permissions) in &user.permissions {
            let known = settings.apis.iter().find(|api| api.identifier == *identifier).map(Api::scope);
            match known {
                None => {
                    mistakes.push(format!("users: {} has permissions at the unknown API {identifier}", user.username));
                }
                Some(known) => {
                    let excess = permissions.iter().filter(|name| !known.contains(name.as_str()));
                    mistakes.extend(excess.map(|name| {
                        format!("users: {} has the permission {name}, but {identifier} has only {known}", user.username)
                    }));
                }
            }
        }
    }
    mistakes
}

#[cfg(test)]
mod tests;
