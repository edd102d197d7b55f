//! `serve` and `healthcheck`.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;

#[derive(Args, Clone, Default)]
pub(super) struct Options {
    /// Listen on this port instead of the configured one; 0 takes any that is free.
    #[arg(long)]
    port: Option<u16>,
    /// Write a JSON file when requests are accepted.
    #[arg(long, value_name = "PATH", env = "AUTH_SERVER_READY_FILE")]
    ready_file: Option<PathBuf>,
}

/// Serves until SIGTERM or Ctrl-C, then finishes what is in flight.
pub(super) async fn serve(config: Config, options: Options) -> anyhow::Result<()> {
    let mut wanted = config.listen;
    if let Some(port) = options.port {
        wanted.set_port(port);
    }
    let listener = TcpListener::bind(wanted)
        .with_context(|| format!("listen: {wanted} cannot be used: choose another with `listen` or --port"))?;
    let issuer = config.issuer.to_string();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut running = crate::start(config, listener, super::clock()).await?;
    announce(&issuer, running.address(), options.ready_file.as_deref())?;
    tokio::select! {
        ended = running.wait() => {
            ended?;
            bail!("the server ended by itself");
        }
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    log::info!("stopping: what is in flight is finished");
    running.stop().await;
    Ok(())
}

/// One stable line for whoever started the process, and a file for whoever cannot read its output.
fn announce(issuer: &str, address: SocketAddr, ready_file: Option<&Path>) -> anyhow::Result<()> {
    let pid = std::process::id();
    println!("ready issuer={issuer} listen={address} pid={pid}");
    std::io::stdout().flush()?;
    if let Some(path) = ready_file {
        let unfinished = path.with_extension("unfinished");
        let text = json!({ "issuer": issuer, "listen": address.to_string(), "pid": pid }).to_string();
        std::fs::write(&unfinished, text).with_context(|| format!("--ready-file {}", path.display()))?;
        std::fs::rename(&unfinished, path)?;
    }
    Ok(())
}

/// Asks the server of this configuration whether it is alive.
pub(super) async fn healthcheck(config: &Config) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut address = config.listen;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let path = config.issuer.path();
    let ask = async {
        let mut connection = tokio::net::TcpStream::connect(address).await?;
        let request = format!("GET {path}/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(2), ask).await.context("no answer within 2 seconds")??;
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { bail!("{address} answers, but not with 200") }
}
