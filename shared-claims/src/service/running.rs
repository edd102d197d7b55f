//! A running server: a handle to something that answers, to wait for it or to stop it.

use std::net::SocketAddr;
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
    served: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Lets `server`, which listens at `address`, run. Must be called inside a tokio runtime.
    #[must_use]
    pub fn spawn(server: Server, address: SocketAddr) -> Self {
        let handle = server.handle();
        Self { address, handle, served: tokio::spawn(server) }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, finishes what is in flight, and returns when all is done.
    pub async fn stop(self) {
        self.handle.stop(true).await;
        if let Ok(Err(error)) = self.served.await {
            log::error!("the server ended with an error: {error}");
        }
    }

    /// Waits until the server has ended by itself.
    pub async fn wait(&mut self) -> std::io::Result<()> {
        (&mut self.served).await.map_err(std::io::Error::other)?
    }
}
