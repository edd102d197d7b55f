//! Starting: from a configuration and a listener to something that answers.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{NormalizePath, TrailingSlash, from_fn};
use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use aws_lc_rs::hmac;
use futures_util::{TryStreamExt as _, stream};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use secrecy::{ExposeSecret as _, SecretString};
use shared_claims::Clock;
use shared_claims::service::running::{HEADERS_TIMEOUT, KEEP_ALIVE, MAX_CONNECTIONS, SHUTDOWN_SECONDS};
use shared_claims::service::{Running, observe};
use time::OffsetDateTime;

use crate::audit::{Delivery, Event, Ledger, NotRecorded, Sink};
use crate::config::{Config, UserSettings};
use crate::endpoints;
use crate::registry::{self, LiveRegistry, SigningAlgorithm};
use crate::server::AuthServer;
use crate::store::{ChainId, Durability, GrantId, GrantsOf, PasswordHash, Store};
use crate::tls::LiveCertificate;
use crate::tokens::{LiveKeys, MasterKey, OwnTokens, StatusIndices, StatusLists, ensure_keys};
use crate::users::{
    ConfiguredPassword, ConfiguredUser, PasswordSettings, Passwords, SessionLifetimes, Sessions, SignIn, SignInPolicy,
    provision,
};

/// How often a replica looks for changes that others made: they count within a second.
const REFRESH: Duration = Duration::from_millis(500);
/// How often what has expired is removed.
const CLEAN_UP: Duration = Duration::from_secs(30);
/// Starts serving on a listener that is already bound; returns once connections are accepted. Must be called inside a
/// tokio runtime.
pub async fn start(config: Config, listener: std::net::TcpListener, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    let (metrics_listen, address) = (config.metrics_listen, listener.local_addr()?);
    let certificate = config.tls.clone().map(LiveCertificate::load).transpose()?;
    let (server, delivery) = prepare(config, clock).await?;
    let server = web::Data::new(server);
    let metrics_here = metrics_listen.is_none();

    let app_server = server.clone();
    let http = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(endpoints::measure_request))
            .wrap(from_fn(observe::request))
            // Some clients double the slash between the issuer and `.well-known`. Comes first of all: what is wrapped
            // last sees a request first.
            .wrap(NormalizePath::new(TrailingSlash::MergeOnly))
            .configure(endpoints::routes(&app_server, metrics_here))
    })
    .disable_signals()
    .client_request_timeout(HEADERS_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .max_connections(MAX_CONNECTIONS)
    .shutdown_timeout(SHUTDOWN_SECONDS);
    let http = match &certificate {
        Some(certificate) => http.listen_rustls_0_23(listener, certificate.server_config()?)?,
        None => http.listen(listener)?,
    };
    let ledger = server.ledger.clone();
    let mut running = Running::spawn(http.run(), address)
        .with_last_work(async move { ledger.flush().await })
        .with_task(follow_changes(server.clone()))
        .with_task(clean_up(server.clone()));
    if let Some(delivery) = delivery {
        running = running.with_task(delivery.run());
    }
    if let Some(certificate) = certificate {
        running = running.with_task(follow_certificate(certificate));
    }
    if let Some(address) = metrics_listen {
        running = running.beside(metrics_server(address, server)?);
    }
    Ok(running)
}

fn metrics_server(address: SocketAddr, server: web::Data<AuthServer>) -> anyhow::Result<Server> {
    let http = HttpServer::new(move || App::new().configure(endpoints::metrics_routes(server.clone())))
        .disable_signals()
        .workers(1)
        .bind(address)
        .with_context(|| format!("metrics_listen: {address} cannot be used: choose another port"))?;
    Ok(http.run())
}

/// What a configuration has changed, to be put on record.
pub struct Changed {
    configured: Event<'static>,
    ended: Vec<GrantId>,
}

impl Changed {
    pub async fn record(&self, ledger: &Ledger) -> Result<(), NotRecorded> {
        ledger.record(&self.configured).await?;
        ledger.record_revoked(&self.ended, UNREGISTERED).await
    }
}

/// Why grants end whose client or API is not registered any more.
const UNREGISTERED: &str = "unregistered";

/// Brings the database up to the configuration. What has changed, if anything, is to be put on record.
pub async fn bring_up(config: &Config, store: &Store, now: OffsetDateTime) -> anyhow::Result<Option<Changed>> {
    store.migrate().await.context("the database's tables cannot be brought up to date")?;
    let changed = registry::apply(store, &config.apis, &config.clients, &config.pairings).await?;
    let ended = if changed { end_what_is_nobodys(config, store, now).await? } else { Vec::new() };
    let master_key = MasterKey::from_base64(&config.master_key)?;
    provision_users(config, store, &passwords(config)?, master_key.configured_passwords(), now).await?;
    ensure_keys(store, &master_key, algorithms(config), now).await?;
    let configured = Event::Configured {
        apis: config.apis.len(),
        clients: config.clients.len(),
        pairings: config.pairings.len(),
        ended: ended.len(),
    };
    Ok(changed.then_some(Changed { configured, ended }))
}

/// Grants of clients, and for APIs, that are not registered any more.
async fn end_what_is_nobodys(config: &Config, store: &Store, now: OffsetDateTime) -> anyhow::Result<Vec<GrantId>> {
    let known = |holder: &GrantsOf| match holder {
        GrantsOf::Client(id) => config.clients.iter().any(|client| client.id.as_str() == id),
        GrantsOf::Api(identifier) => config.apis.iter().any(|api| api.identifier == *identifier),
        GrantsOf::Session(_) | GrantsOf::User(_) | GrantsOf::UserAtClient(..) | GrantsOf::Everybody => true,
    };
    let ended = store.revoke_grants_of_strangers(known, UNREGISTERED, now).await?;
    if !ended.is_empty() {
        log::info!("{} grants have ended with the client or API that they were for", ended.len());
    }
    Ok(ended)
}

fn passwords(config: &Config) -> anyhow::Result<Passwords> {
    let settings = PasswordSettings { at_once: config.sign_in.password_hashes_at_once, ..Default::default() };
    Ok(Passwords::new(settings)?)
}

/// Brings the database up to the configuration and puts the parts together.
async fn prepare(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<(AuthServer, Option<Delivery>)> {
    let now = clock.now();
    let master_key = MasterKey::from_base64(&config.master_key)?;
    if config.database.durability == Durability::ProcessCrash {
        log::warn!("database.durability is process_crash: a power cut can take the rows of tokens that have left");
    }
    let store = Store::open(&config.database).context("database")?;
    let changed = bring_up(&config, &store, now).await?;
    let passwords = passwords(&config)?;
    let (ledger, delivery) = open_ledger(config.ledger_sink, &store, &clock).await?;
    if let Some(changed) = changed {
        changed.record(&ledger).await?;
    }

    let sessions = SessionLifetimes {
        absolute: config.lifetimes.session.try_into()?,
        idle: config.lifetimes.session_idle.try_into()?,
    };
    let server = AuthServer {
        own_tokens: OwnTokens::of(config.issuer.as_str())?,
        issuer: config.issuer,
        lifetimes: config.lifetimes,
        exchange_limits: config.exchange,
        require_dpop_nonce: config.require_dpop_nonce,
        error_docs: config.error_docs,
        explain_endpoint: config.explain_endpoint,
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
        ledger,
        status_indices: StatusIndices::default(),
        status_lists: StatusLists::default(),
        metrics: recorder(),
    };
    Ok((server, delivery))
}

/// The ledger, and what delivers it where there is a sink.
async fn open_ledger(
    sink: Option<Sink>,
    store: &Store,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<(Ledger, Option<Delivery>)> {
    let chain = ChainId::generate();
    let delivery = match sink {
        Some(sink) => Some(Delivery::begin(store.clone(), Arc::clone(clock), sink, chain.clone()).await?),
        None => None,
    };
    Ok((Ledger::open_as(&chain, store.clone(), Arc::clone(clock)).await?, delivery))
}

async fn provision_users(
    config: &Config,
    store: &Store,
    passwords: &Passwords,
    salts: &hmac::Key,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    // Those whose password is written in the configuration cost a hash each, where it is new: several at once.
    let at_once = config.sign_in.password_hashes_at_once;
    let users = stream::iter(config.users.iter().map(anyhow::Ok));
    let provisioned = users.try_for_each_concurrent(at_once, async |user| {
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
        provision(store, passwords, salts, configured, now).await.with_context(|| format!("user {name}"))?;
        Ok(())
    });
    provisioned.await
}

fn configured_password(user: &UserSettings) -> Option<ConfiguredPassword> {
    let hashed =
        |hash: &SecretString| ConfiguredPassword::Hashed(PasswordHash::of_phc(hash.expose_secret().to_owned()));
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
fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            log::warn!("figures go to another recorder of this process");
        }
        handle
    };
    RECORDER.get_or_init(install).clone()
}

/// Takes over, again and again, what other replicas and administrators change.
async fn follow_changes(server: web::Data<AuthServer>) {
    let mut tick = tokio::time::interval(REFRESH);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut registry, mut keys) = (Followed::new("the registry"), Followed::new("the signing keys"));
    loop {
        tick.tick().await;
        let looked = server.registry.refresh(&server.store).await;
        if matches!(looked, Ok(true)) {
            server.own_tokens.forget_all();
        }
        registry.look(&looked);
        keys.look(&server.keys.refresh(&server.store, &server.master_key, server.now()).await);
        server.metrics.run_upkeep();
    }
}

/// Shows a renewed certificate from the next handshake on.
async fn follow_certificate(certificate: LiveCertificate) {
    let mut tick = tokio::time::interval(REFRESH);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut followed = Followed::new("the TLS certificate");
    loop {
        tick.tick().await;
        let certificate = certificate.clone();
        // Files may lie on a slow disk.
        if let Ok(looked) = tokio::task::spawn_blocking(move || certificate.refresh()).await {
            followed.look(&looked);
        }
    }
}

/// Something that is followed, and whether the last look failed: a database that is away is worth one line, not two a
/// second.
struct Followed {
    name: &'static str,
    failing: bool,
}

impl Followed {
    fn new(name: &'static str) -> Self {
        Self { name, failing: false }
    }

    fn look<E: std::fmt::Display>(&mut self, looked: &Result<bool, E>) {
        let name = self.name;
        match looked {
            Ok(true) => log::info!("{name}: changes taken over"),
            Ok(false) if self.failing => log::info!("{name}: followed again"),
            Ok(false) => {}
            Err(error) if self.failing => log::debug!("{name}: {error}"),
            Err(error) => log::error!("{name}: stays as it was until this works again: {error}"),
        }
        self.failing = looked.is_err();
    }
}

/// Removes what has expired, a little at a time.
async fn clean_up(server: web::Data<AuthServer>) {
    let mut tick = tokio::time::interval(CLEAN_UP);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = server.store.clean_up(server.now()).await {
            log::warn!("what has expired stays for now: {error}");
        }
        if let Err(error) = server.store.free_status_blocks(server.now()).await {
            log::warn!("places in the status lists stay taken for now: {error}");
        }
    }
}
