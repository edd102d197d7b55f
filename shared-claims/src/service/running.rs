//! A running server: a handle to something that answers, to wait for it or to stop it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use tokio::task::JoinHandle;

/// How long requests in flight may take after a stop: for `HttpServer::shutdown_timeout`.
pub const SHUTDOWN_SECONDS: u64 = 20;
/// More connections than this wait in the kernel: for `HttpServer::max_connections`.
pub const MAX_CONNECTIONS: usize = 10_000;
/// How long a request's head may take: for `HttpServer::client_request_timeout`.
pub const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection stays open: for `HttpServer::keep_alive`.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// A server that accepts connections.
pub struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
    /// Listeners beside the main one.
    others: Vec<ServerHandle>,
    /// Work that ends with the server.
    tasks: Vec<JoinHandle<()>>,
    /// What is done when no request is served any more.
    last_work: Mutex<Option<LastWork>>,
}

type LastWork = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Running {
    /// Lets `server`, which listens at `address`, run. Must be called inside a tokio runtime.
    #[must_use]
    pub fn spawn(server: Server, address: SocketAddr) -> Self {
        let handle = server.handle();
        Self {
            address,
            handle,
            serving: tokio::spawn(server),
            others: Vec::new(),
            tasks: Vec::new(),
            last_work: Mutex::default(),
        }
    }

    /// Lets another server run beside this one, for as long.
    #[must_use]
    pub fn beside(mut self, server: Server) -> Self {
        self.others.push(server.handle());
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = server.await {
                log::error!("a server beside the main one ended with an error: {error}");
            }
        }));
        self
    }

    /// Runs work in the background until the server stops.
    #[must_use]
    pub fn with_task(mut self, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.tasks.push(tokio::spawn(work));
        self
    }

    /// Work that is done at the very end of a stop, when the last request has its answer.
    #[must_use]
    pub fn with_last_work(mut self, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.last_work = Mutex::new(Some(Box::pin(work)));
        self
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, finishes what is in flight, and returns when all is done.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        for other in &self.others {
            other.stop(true).await;
        }
        let last_work = self.last_work.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(last_work) = last_work {
            last_work.await;
        }
        for task in &self.tasks {
            task.abort();
        }
        if let Ok(Err(error)) = self.serving.await {
            log::error!("the server ended with an error: {error}");
        }
    }

    /// Waits until the server has ended by itself.
    pub async fn wait(&mut self) -> std::io::Result<()> {
        (&mut self.serving).await.map_err(std::io::Error::other)?
    }
}
