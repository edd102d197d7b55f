//! `e2e demo`: the demo world without Docker. Builds what it needs, starts the services as processes, tells where
//! to look, and stops them all on Ctrl-C or SIGTERM.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::stack::{Binaries, Ports, Service, Stack};
use crate::world::{ALICE, BOB, CAROL, password_of};

/// How the demo is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    pub ports: Ports,
    /// Where data stays; otherwise it is thrown away at the end.
    pub data: Option<PathBuf>,
    /// Whether to build the services first.
    pub build: bool,
    /// https, and an issuer with a slash at its end.
    pub tls: bool,
}

/// Runs the demo until it is told to stop.
pub async fn run(options: Options) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut stack = tokio::select! {
        started = start(options) => started?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    println!("{}", welcome(&stack));
    tokio::select! {
        ended = stack.first_to_end() => bail!("{}", ended?),
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    println!("stopping");
    tokio::select! {
        stopped = stack.stop() => stopped,
        // A second Ctrl-C: what still runs is killed with the stack.
        _ = interrupt.recv() => bail!("stopped at once"),
    }
}

async fn start(options: Options) -> Result<Stack> {
    // Before the build, which may take minutes.
    let taken = Service::ALL.into_iter().find(|service| is_taken(options.ports, *service));
    if let Some(service) = taken {
        bail!("{}", port_is_taken(options.ports, service));
    }
    let binaries = if options.build {
        println!("building the services");
        tokio::task::spawn_blocking(Binaries::built).await??
    } else {
        Binaries::beside()?
    };
    let mut builder = Stack::builder().from(binaries).at(options.ports);
    if let Some(data) = options.data {
        builder = builder.keeping_data_in(data);
    }
    if options.tls {
        builder = builder.with_tls();
    }
    builder.start().await
}

fn is_taken(ports: Ports, service: Service) -> bool {
    TcpListener::bind(ports.address(service)).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

fn port_is_taken(ports: Ports, service: Service) -> String {
    let (port, name) = (ports.of(service), service.name());
    format!("port {port} is taken: choose another for {name} with --{name}-port, or stop what listens there")
}

fn welcome(stack: &Stack) -> String {
    let users = [(ALICE, "has all permissions"), (BOB, "may not write receipts"), (CAROL, "is blocked")];
    let users = users.map(|(name, about)| format!("  {name:<6} {:<16} {about}", password_of(name)));
    let Ports { api_a, api_b, api_c, api_a2, .. } = stack.ports;
    let ca = stack.ca_certificate().ok();
    let check = if stack.ports == Ports::DEMO && ca.is_none() {
        "cargo run -p e2e -- run".to_owned()
    } else {
        let trusting = ca.as_ref().map_or_else(String::new, |ca| format!("SSL_CERT_FILE={} ", ca.display()));
        let issuer = stack.issuer();
        let (a, b, c) = (stack.api_a_url(), stack.api_b_url(), stack.api_c_url());
        format!("{trusting}cargo run -p e2e -- run --issuer {issuer} --api-a {a} --api-b {b} --api-c {c}")
    };
    let trust = ca.map(|ca| format!("  trust        {}\n", ca.display()));
    [
        "",
        &format!("Open the demo app:  http://localhost:{api_a}/"),
        "",
        &format!("  auth server  {}", stack.issuer()),
        &format!("  API A        http://localhost:{api_a}    Reports, and the demo app"),
        &format!("  API B        http://localhost:{api_b}    Receipts"),
        &format!("  API C        http://localhost:{api_c}    Archive"),
        &format!("  API A2       http://localhost:{api_a2}    Reports once more, for a longer chain"),
        &format!("  data, logs   {}", stack.directory().display()),
        &trust.unwrap_or_default(),
        "Sign in as:",
        &users.join("\n"),
        "",
        &format!("Check it:  {check}"),
        "Stop it:   Ctrl-C",
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Reserved;

    #[tokio::test]
    async fn a_taken_port_is_one_line_with_port_and_setting() {
        let taken = Reserved::free().unwrap();
        let ports = Ports { auth_server: 0, api_a: taken.ports.api_a, api_b: 0, api_c: 0, api_a2: 0 };
        let error = start(Options { ports, data: None, build: false, tls: false }).await.err().unwrap().to_string();
        let port = taken.ports.api_a;
        let expected =
            format!("port {port} is taken: choose another for api-a with --api-a-port, or stop what listens there");
        assert_eq!(error, expected);
    }
}
