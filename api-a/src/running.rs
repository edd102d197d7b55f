//! From a configuration and a listener to something that answers.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use shared_claims::service::running::{HEADERS_TIMEOUT, KEEP_ALIVE, MAX_CONNECTIONS, SHUTDOWN_SECONDS};
use shared_claims::service::{Running, observe};
use shared_claims::{Clock, ExchangeClient, ResourceServer};

use crate::config::Config;
use crate::demo::Demo;
use crate::endpoints::{self, DemoApp, Settings};
use crate::receipts::{Archive, Chain, Receipts};
use crate::store::Filings;

/// How long one exchange may take in all, and one call of another API.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts serving on a listener that is already bound; returns once connections are accepted. Must be called inside a
/// tokio runtime.
pub async fn start(config: Config, listener: TcpListener, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    let address = listener.local_addr()?;
    let demo = Demo::of(&config)?.map(web::Data::new);
    let demo_app = DemoApp::of(&config).map(web::Data::new);
    let open = demo_app.as_ref().map(|_| config.public_url.to_string());
    let guard = ResourceServer::builder(config.issuer.as_str(), &config.identifier)
        .backchannel_url(config.backchannel_url.clone())
        .public_url(config.public_url)
        .scopes(endpoints::scopes())
        .also_reached_at(config.also_reached_at)
        .require_bound_tokens(config.require_bound_tokens)
        .stale_policy(config.status)
        .clock(Arc::clone(&clock))
        .build()?;
    let guard = web::Data::new(guard);
    let exchange = ExchangeClient::builder(config.issuer.as_str())
        .client(&config.client.id, config.client.secret)
        .backchannel_url(config.backchannel_url)
        .timeout(PATIENCE)
        .bind_tokens(config.bind_tokens)
        .observer(demo.as_ref().map(|demo| demo.observer()))
        .traceparent(|| Some(observe::traceparent()))
        .clock(Arc::clone(&clock))
        .build()?;
    let api = ResourceServer::clone(&guard);
    let archive = config.archive.map(|archive| web::Data::new(Archive::at(archive, api.clone(), exchange.clone())));
    let chain = config.demo.and_then(|demo| demo.chain);
    let chain = chain.map(|chain| web::Data::new(Chain::at(chain, api.clone(), exchange.clone())));
    let receipts = web::Data::new(Receipts::at(config.downstream, api, exchange));
    let url = config.database_url;
    let filings = tokio::task::spawn_blocking(move || Filings::open(url.expose_secret())).await?;
    let filings = web::Data::new(filings.context("filings cannot be kept")?);
    let settings = web::Data::new(Settings { clock });

    let http = HttpServer::new(move || {
        App::new()
            .app_data(guard.clone())
            .app_data(receipts.clone())
            .app_data(filings.clone())
            .app_data(settings.clone())
            .wrap(from_fn(observe::request))
            .configure(endpoints::routes(&filings, archive.clone(), demo_app.clone(), demo.clone(), chain.clone()))
    })
    .disable_signals()
    .client_request_timeout(HEADERS_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .max_connections(MAX_CONNECTIONS)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .listen(listener)?
    .run();
    let running = Running::spawn(http, address);
    if let Some(address) = open {
        log::info!("the demo app is ready: open {address} in a browser");
    }
    Ok(running)
}
