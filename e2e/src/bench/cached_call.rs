//! API A's way with a token for API B that it has: its caller's token is checked, the token for API B is found, and API B is
//! called. Beside it a handler of the same server that makes the same call, asks nobody for a token and sends none.
//!
//! Server and handlers run in this process, on one thread that does nothing else, whose CPU time is told apart by it. API B is a
//! stand-in on the other threads.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::error::ErrorBadGateway;
use actix_web::web::{self, Data, Json};
use actix_web::{App, Error, HttpServer};
use anyhow::{Context, Result};
use serde_json::Value;
use shared_claims::service::Running;
use shared_claims::{Caller, ExchangeClient, ResourceServer, Scope, http};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use url::Url;

use super::connection::Connection;
use super::cpu::Thread;
use super::load::{self, Length, Pressure};
use super::options::{Depth, Options};
use super::raw::median;
use super::report::{CachedCall, each};
use super::request::{self, Request};
use super::server::{Kind, Server};
use super::tell;
use super::work::{self, Shared, Work};
use crate::world::{API_A, API_A_CLIENT, API_A_SECRET, API_B};

shared_claims::required_scope!(ReadReports = "read:reports");

/// How many people call.
const CALLERS: usize = 20;

/// So often each is measured, in turns.
const ROUNDS: usize = 3;

/// More than the stand-in says.
const LARGEST_ANSWER: usize = 4096;

/// How long one call of the next API may take, as in API A.
const PATIENCE: Duration = Duration::from_secs(5);

const PRESSURE: Pressure = Pressure::AsFastAsItGoes { connections: 8 };

pub async fn measure(options: &Options) -> Result<Vec<CachedCall>> {
    let mut measured = Vec::new();
    for algorithm in options.algorithms() {
        measured.push(by(algorithm.to_owned(), options).await.with_context(|| algorithm.to_owned())?);
        if options.depth == Depth::Quick {
            break;
        }
    }
    Ok(measured)
}

async fn by(algorithm: String, options: &Options) -> Result<CachedCall> {
    tell(&format!("API A with a token that it has, {algorithm}"));
    let server = Server::start(&Kind::of(options, &algorithm, options.engine())).await?;
    let target = Target::start().await?;
    let api = ApiUnderTest::start(server.stack.issuer(), target.address).await?;
    let callers = server.access_tokens(CALLERS).await?;
    let unprotected = Work::repeated(api.address, [request::get(&api.url("unprotected")?, &[])]);
    let protected: Vec<Request> = callers
        .iter()
        .map(|token| Ok(request::get_with_token(&api.url("protected")?, token)))
        .collect::<Result<_>>()?;
    let protected = Work::repeated(api.address, protected);
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for work in [&unprotected, &protected] {
        // Afterwards the token of every caller is there.
        load::make(work, PRESSURE, Length::lasting(options.time() / 4)).await?;
    }
    for _ in 0..ROUNDS {
        without.push(api.cost_of(&unprotected, options.time() / 2).await?);
        with.push(api.cost_of(&protected, options.time() / 2).await?);
    }
    api.running.stop().await;
    server.stop().await?;
    Ok(CachedCall { algorithm, unprotected: median(&without), protected: median(&with) })
}

/// API A without anything but these two handlers.
struct ApiUnderTest {
    address: SocketAddr,
    running: Running,
    /// The one that serves.
    thread: Thread,
}

impl ApiUnderTest {
    async fn start(issuer: &str, target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let api = Data::new(ResourceServer::builder(issuer, API_A).build()?);
        let exchange = ExchangeClient::builder(issuer).client(API_A_CLIENT, API_A_SECRET.into());
        let exchange = Data::new(exchange.timeout(PATIENCE).build()?);
        let plain = Data::new(http::client(PATIENCE)?);
        let target = Data::new(Next { url: format!("http://{target}/").parse()?, scope: "read:receipts".parse()? });
        let threads = Shared::default();
        let own = Arc::clone(&threads);
        let server = HttpServer::new(move || {
            // Runs on the thread that then serves.
            if let Ok(thread) = Thread::this() {
                work::give(&own, thread);
            }
            App::new()
                .app_data(api.clone())
                .app_data(exchange.clone())
                .app_data(plain.clone())
                .app_data(target.clone())
                .route("/protected", web::get().to(protected))
                .route("/unprotected", web::get().to(unprotected))
        });
        let running = Running::spawn(server.workers(1).disable_signals().listen(listener)?.run(), address);
        // It serves as soon as it answers.
        Connection::to(address).await?.ask(&request::get(&url(address, "ready")?, &[])).await?;
        let thread = work::take(&threads).context("no thread serves")?;
        Ok(Self { address, running, thread })
    }

    fn url(&self, path: &str) -> Result<Url> {
        url(self.address, path)
    }

    /// CPU time of the serving thread for one request, in microseconds.
    async fn cost_of(&self, work: &Work, time: Duration) -> Result<f64> {
        let before = self.thread.used()?;
        let told = load::make(work, PRESSURE, Length::lasting(time)).await?;
        Ok(each(self.thread.used()?.saturating_sub(before), told.requests))
    }
}

fn url(address: SocketAddr, path: &str) -> Result<Url> {
    Ok(format!("http://{address}/{path}").parse()?)
}

/// The API that is called, and with which scope.
struct Next {
    url: Url,
    scope: Scope,
}

/// `GET /protected`: as API A's own handlers are.
async fn protected(
    caller: Caller<ReadReports>,
    exchange: Data<ExchangeClient>,
    api: Data<ResourceServer>,
    next: Data<Next>,
) -> Result<Json<Value>, Error> {
    let call = exchange.on_behalf_of(&caller).audience(API_B).scope(&next.scope).get(next.url.as_str());
    Ok(Json(call.receive().await.map_err(|failure| api.answer_to(failure))?))
}

/// `GET /unprotected`: the same call, for everybody.
async fn unprotected(plain: Data<reqwest::Client>, next: Data<Next>) -> Result<Json<Value>, Error> {
    let called = async { http::json(plain.get(next.url.as_str()).send().await?, LARGEST_ANSWER).await };
    Ok(Json(called.await.map_err(ErrorBadGateway)?))
}

/// In place of API B: the same answer to whatever is asked.
struct Target {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Target {
    async fn start() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream));
            }
        });
        Ok(Self { address, serving })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A request has no body and comes in one piece: its head ends where the next answer is due.
async fn answer_all(mut stream: TcpStream) {
    const ANSWER: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"receipts\":[]}";
    let mut asked = Vec::with_capacity(4096);
    while stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0) {
        if !asked.ends_with(b"\r\n\r\n") {
            continue;
        }
        asked.clear();
        if stream.write_all(ANSWER.as_bytes()).await.is_err() {
            return;
        }
    }
}
