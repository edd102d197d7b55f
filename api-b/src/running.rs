//! From a configuration and a listener to something that answers.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use shared_claims::service::running::{HEADERS_TIMEOUT, KEEP_ALIVE, MAX_CONNECTIONS, SHUTDOWN_SECONDS};
use shared_claims::service::{Running, observe};
use shared_claims::{Clock, ResourceServer};

use crate::config::Config;
use crate::endpoints::{self, Settings};
use crate::store::Receipts;

/// Starts serving on a listener that is already bound; returns once connections are accepted. Must be called inside a
/// tokio runtime.
pub async fn start(config: Config, listener: TcpListener, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    let address = listener.local_addr()?;
    let guard = ResourceServer::builder(config.issuer.as_str(), &config.identifier)
        .backchannel_url(config.backchannel_url)
        .public_url(config.public_url)
        .scopes(config.read_scope.union(&config.write_scope))
        .also_reached_at(config.also_reached_at)
        .require_bound_tokens(config.require_bound_tokens)
        .stale_policy(config.status)
        .clock(Arc::clone(&clock))
        .build()?;
    let guard = web::Data::new(guard);
    let url = config.database_url;
    let receipts = tokio::task::spawn_blocking(move || Receipts::open(url.expose_secret())).await?;
    let receipts = web::Data::new(receipts.context("the receipts cannot be kept")?);
    let settings = web::Data::new(Settings {
        clock,
        read_scope: config.read_scope,
        write_scope: config.write_scope,
        demo_receipts: config.demo_receipts,
    });

    let http = HttpServer::new(move || {
        App::new()
            .app_data(guard.clone())
            .app_data(receipts.clone())
            .app_data(settings.clone())
            .wrap(from_fn(observe::request))
            .configure(endpoints::routes(&receipts, &config.cors_origins))
    })
    .disable_signals()
    .client_request_timeout(HEADERS_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .max_connections(MAX_CONNECTIONS)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .listen(listener)?
    .run();
    Ok(Running::spawn(http, address))
}
