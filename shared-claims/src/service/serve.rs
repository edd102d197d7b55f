//! `serve` and `healthcheck` of a command line.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::Running;

/// Options of `serve`.
#[derive(Args, Clone, Default)]
pub struct Options {
    /// Listen on this port instead of the configured one; 0 takes any that is free.
    #[arg(long)]
    pub port: Option<u16>,
    /// Write a JSON file when requests are accepted.
    #[arg(long, value_name = "PATH")]
    pub ready_file: Option<PathBuf>,
}

/// What the ready line says of the server: `issuer` or `identifier`, and which.
pub struct Identity {
    pub key: &'static str,
    pub value: String,
}

/// Serves with what `start` makes of the listener until SIGTERM or Ctrl-C, then finishes what is in flight.
pub async fn serve<F: Future<Output = anyhow::Result<Running>>>(
    identity: Identity,
    listen: SocketAddr,
    options: Options,
    start: impl FnOnce(TcpListener) -> F,
) -> anyhow::Result<()> {
    let mut wanted = listen;
    if let Some(port) = options.port {
        wanted.set_port(port);
    }
    let listener = TcpListener::bind(wanted)
        .with_context(|| format!("listen: {wanted} cannot be used: choose another with `listen` or --port"))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut running = start(listener).await?;
    announce(&identity, running.address(), options.ready_file.as_deref())?;
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

/// One stable line for whoever started the process, and before it a file for whoever cannot read its output.
fn announce(identity: &Identity, address: SocketAddr, ready_file: Option<&Path>) -> anyhow::Result<()> {
    let (pid, Identity { key, value }) = (std::process::id(), identity);
    if let Some(path) = ready_file {
        let unfinished = path.with_extension("unfinished");
        let text = json!({ *key: value, "listen": address.to_string(), "pid": pid }).to_string();
        std::fs::write(&unfinished, text).with_context(|| format!("--ready-file {}", path.display()))?;
        std::fs::rename(&unfinished, path)?;
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready {key}={value} listen={address} pid={pid}")
        .and_then(|()| out.flush())
        .context("standard output")
}

/// Asks the server that listens there whether it is alive. `scheme`: http or https; `base`: the path below which it
/// serves, mostly empty.
pub async fn healthcheck(scheme: &str, listen: SocketAddr, base: &str) -> anyhow::Result<()> {
    let mut address = listen;
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    // The certificate bears the public name, which this address is not. Nothing secret is sent, and a server that is
    // reached this way is this machine's own.
    let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy();
    let http = http.timeout(Duration::from_secs(2)).build()?;
    let answer = http.get(format!("{scheme}://{address}{base}/healthz")).send().await;
    let status = answer.with_context(|| format!("nothing answers at {scheme}://{address}"))?.status();
    if status == 200 { Ok(()) } else { bail!("{address} answers, but with {status} and not with 200") }
}
