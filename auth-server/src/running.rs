//! A running server: from a configuration and a listener to something that answers, and back.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use secrecy::{ExposeSecret as _, SecretString};
use shared_claims::Clock;
use tokio::task::JoinHandle;

use crate::config::{Config, UserSettings};
use crate::registry::{self, LiveRegistry, SigningAlgorithm};
use crate::server::AuthServer;
use crate::store::{PasswordHash, Store};
use crate::tokens::{LiveKeys, MasterKey, ensure_keys};
use crate::users::{
    ConfiguredPassword, ConfiguredUser, PasswordSettings, Passwords, SessionLifetimes, Sessions, SignIn, SignInPolicy, provision,
};
use crate::endpoints;

/// How often a replica looks for changes that others made: they count within a second.
const REFRESH: Duration = Duration::from_millis(500);
/// How often what has expired is removed, and how much at once.
const CLEAN_UP: Duration = Duration::from_secs(30);
const CLEAN_UP_BATCH: u32 = 500;
/// How long requests in flight may take after a stop.
const SHUTDOWN_SECONDS: u64 = 20;
/// More idle connections than this wait in the kernel.
const MAX_CONNECTIONS: usize = 10_000;
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A server that accepts connections.
pub struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    metrics_handle: Option<ServerHandle>,
    served: JoinHandle<std::io::Result<()>>,
    background: Vec<JoinHandle<()>>,
}

impl Running {
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, finishes what is in flight, and returns when all is done.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        if let Some(metrics) = &self.metrics_handle {
            metrics.stop(true).await;
        }
        for task in &self.background {
            task.abort();
        }
        if let Ok(Err(error)) = self.served.await {
            log::error!("the server ended with an error: {error}");
        }
    }

    /// Waits until the server has ended by itself.
    pub async fn wait(&mut self) -> std::io::Result<()> {
        (&mut self.served).await.map_err(std::io::Error::other)?
    }
}

/// Starts serving on a listener that is already bound; returns once connections are accepted. Must be called inside a
/// tokio runtime.
pub async fn start(
    config: Config,
    listener: std::net::TcpListener,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Running> {
    let (metrics_listen, address) = (config.metrics_listen, listener.local_addr()?);
    let server = web::Data::new(prepare(config, clock).await?);
    let metrics_here = metrics_listen.is_none();

    let app_server = server.clone();
    let http = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(endpoints::observe_request))
            .configure(endpoints::routes(&app_server, metrics_here))
    })
    .disable_signals()
    .client_request_timeout(HEADERS_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .max_connections(MAX_CONNECTIONS)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .listen(listener)?
    .run();
    let metrics_handle = metrics_listen.map(|address| serve_metrics(address, &server)).transpose()?;
    let handle = http.handle();
    let served = tokio::spawn(http);
    let background = vec![tokio::spawn(follow_changes(server.clone())), tokio::spawn(clean_up(server))];
    Ok(Running { address, handle, metrics_handle, served, background })
}

fn serve_metrics(address: SocketAddr, server: &web::Data<AuthServer>) -> anyhow::Result<ServerHandle> {
    let server = server.clone();
    let http = HttpServer::new(move || App::new().configure(endpoints::metrics_routes(server.clone())))
        .disable_signals()
        .workers(1)
        .bind(address)
        .with_context(|| format!("metrics_listen: {address} cannot be used: choose another port"))?
        .run();
    let handle = http.handle();
    tokio::spawn(http);
    Ok(handle)
}

/// Brings the database up to the configuration and puts the parts together.
async fn prepare(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<AuthServer> {
    let now = clock.now();
    let master_key = MasterKey::from_base64(&config.master_key)?;
    let store = Store::open(&config.database).context("database")?;
    store.migrate().await.context("the database's tables cannot be brought up to date")?;
    registry::apply(&store, &config.apis, &config.clients, &config.pairings).await?;
    let passwords = Passwords::new(PasswordSettings { at_once: config.sign_in.password_hashes_at_once, ..Default::default() })?;
    provision_users(&config, &store, &passwords, now).await?;
    ensure_keys(&store, &master_key, algorithms(&config), now).await?;

    let sessions = SessionLifetimes {
        absolute: config.lifetimes.session.try_into()?,
        idle: config.lifetimes.session_idle.try_into()?,
    };
    Ok(AuthServer {
        issuer: config.issuer,
        lifetimes: config.lifetimes,
        exchange_limits: config.exchange,
        signing_alg: config.signing_alg,
        trusted_proxies: config.trusted_proxies,
        sign_in_notice: config.sign_in_notice,
        registry: LiveRegistry::load(&store).await?,
        keys: LiveKeys::load(&store, &master_key, now).await?,
        sign_in: SignIn::new(store.clone(), passwords, policy(config.sign_in)),
        sessions: Sessions::new(store.clone(), sessions),
        clock,
        master_key,
        store,
        metrics: recorder()?,
    })
}

async fn provision_users(
    config: &Config,
    store: &Store,
    passwords: &Passwords,
    now: time::OffsetDateTime,
) -> anyhow::Result<()> {
    for user in &config.users {
        let configured = ConfiguredUser {
            username: user.username.clone(),
            password: configured_password(user),
            blocked: user.blocked,
            profile: user.profile.clone(),
            permissions: user
                .permissions
                .iter()
                .map(|(api, names)| (api.clone(), names.iter().cloned().collect()))
                .collect(),
        };
        let name = &user.username;
        provision(store, passwords, configured, now).await.with_context(|| format!("user {name}"))?;
    }
    Ok(())
}

fn configured_password(user: &UserSettings) -> Option<ConfiguredPassword> {
    let hashed = |hash: &SecretString| ConfiguredPassword::Hashed(PasswordHash::of_phc(hash.expose_secret().to_owned()));
    let plain = user.password.clone().map(ConfiguredPassword::Plain);
    plain.or_else(|| user.password_hash.as_ref().map(hashed))
}

/// Every algorithm that something is registered to be signed with.
fn algorithms(config: &Config) -> Vec<SigningAlgorithm> {
    let of_apis = config.apis.iter().filter_map(|api| api.signing_alg);
    let of_clients = config.clients.iter().filter_map(|client| client.id_token_signed_response_alg);
    of_apis.chain(of_clients).chain([config.signing_alg]).collect()
}

fn policy(limits: crate::config::SignInLimits) -> SignInPolicy {
    let mut policy = SignInPolicy::default();
    policy.account.free_attempts = limits.free_attempts_per_account;
    policy.address.free_attempts = limits.free_attempts_per_address;
    policy
}

/// One recorder for the process: several servers in one (as the harness has them) share it.
fn recorder() -> anyhow::Result<PrometheusHandle> {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = RECORDER.get_or_init(|| recorder.handle()).clone();
    // Another server of this process may have come first; its recorder is as good.
    let _ = metrics::set_global_recorder(recorder);
    Ok(handle)
}

/// Takes over, again and again, what other replicas and administrators change.
async fn follow_changes(server: web::Data<AuthServer>) {
    let mut tick = tokio::time::interval(REFRESH);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match server.registry.refresh(&server.store).await {
            Ok(true) => log::info!("the registry has changed"),
            Ok(false) => {}
            Err(error) => log::error!("the registry stays as it was: {error}"),
        }
        match server.keys.refresh(&server.store, &server.master_key, server.now()).await {
            Ok(true) => log::info!("the signing keys have changed"),
            Ok(false) => {}
            Err(error) => log::error!("the signing keys stay as they were: {error}"),
        }
        server.metrics.run_upkeep();
    }
}

/// Removes what has expired, a little at a time.
async fn clean_up(server: web::Data<AuthServer>) {
    let mut tick = tokio::time::interval(CLEAN_UP);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = server.store.remove_expired(server.now(), CLEAN_UP_BATCH).await {
            log::warn!("what has expired stays for now: {error}");
        }
    }
}
