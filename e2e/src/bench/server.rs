//! The server that is measured: started here, as it ships, on the demo world, with one signature algorithm for all tokens.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cpu;
use super::load::{self, Length, Pressure};
use super::options::Engine;
use super::request::{self, Request};
use super::work::{self, Work};
use crate::stack::{Binaries, Builder, Configuration, Ports, Reserved, Service, Stack, set};
use crate::steps::{AuthorizationRequest, Person};
use crate::world::{ALICE, API_A, API_B, DEMO_APP};

/// Connections of what is prepared and not measured.
const PREPARING: Pressure = Pressure::AsFastAsItGoes { connections: 16 };

/// What kind of server.
#[derive(Clone, Debug)]
pub struct Kind {
    pub algorithm: String,
    pub engine: Engine,
    /// A crash of the process may be survived, and no power cut.
    pub relaxed: bool,
    /// The auth server's port, where it is not to be any that is free.
    pub port: Option<u16>,
}

pub struct Server {
    pub stack: Stack,
    /// Who has signed in, and with what.
    session: Session,
}

/// A browser in which somebody has signed in, with a request of the demo app.
struct Session {
    cookies: String,
    request: AuthorizationRequest,
    redirect_uri: String,
}

impl Server {
    pub async fn start(kind: &Kind) -> Result<Self> {
        Self::start_with(kind, |_| ()).await
    }

    /// The same with a change to its configuration.
    pub async fn start_with(kind: &Kind, change: impl FnOnce(&mut Configuration) + Send + 'static) -> Result<Self> {
        let stack = builder(kind).await?.configured(change).start().await?;
        let app = stack.app()?;
        let (alice, request) = (Person::named(ALICE)?, app.authorization_request());
        app.authorize(&request, &alice).await?.callback()?;
        let cookies = alice.cookies_for(&stack.auth_server.metadata.authorization_endpoint)?;
        let session = Session { cookies, request, redirect_uri: app.redirect_uri };
        Ok(Self { stack, session })
    }

    pub fn address(&self) -> SocketAddr {
        self.stack.ports.address(Service::AuthServer)
    }

    /// What it has used so far, with its replicas.
    pub fn cpu(&self) -> Result<Duration> {
        self.stack.process_ids(Service::AuthServer).into_iter().map(cpu::of_process).sum()
    }

    pub fn memory(&self) -> Result<u64> {
        cpu::resident(self.stack.process_id(Service::AuthServer).context("the auth server is no process")?)
    }

    /// One more on the same database, and where it is.
    pub async fn add_replica(&mut self) -> Result<SocketAddr> {
        let port = self.stack.replica().await?.metadata.token_endpoint.port().context("a replica without a port")?;
        Ok((Ipv4Addr::LOCALHOST, port).into())
    }

    pub fn directory(&self) -> &Path {
        self.stack.directory()
    }

    /// Stops the process and starts another of the same configuration on the same data, after `meanwhile`.
    pub async fn replace(&mut self, meanwhile: impl AsyncFnOnce(&Stack) -> Result<()>) -> Result<()> {
        self.stack.stop_service(Service::AuthServer).await?;
        meanwhile(&self.stack).await?;
        self.stack.start_service(Service::AuthServer).await
    }

    /// Steps 1 and 2 up to the code, without a password: the browser shows that somebody has signed in here.
    pub fn sign_in(&self) -> Request {
        let url = self.session.request.url(&self.stack.auth_server);
        request::get(&url, &[("cookie", &self.session.cookies)])
    }

    /// Step 2: redeems a code.
    pub fn redemption(&self, code: &str) -> Request {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.session.redirect_uri),
            ("code_verifier", &self.session.request.verifier),
        ];
        request::post(&self.stack.auth_server.metadata.token_endpoint, (DEMO_APP, None), &form)
    }

    /// So many codes that nobody has redeemed.
    pub async fn codes(&self, count: usize) -> Result<Vec<String>> {
        let (work, codes) = Work::repeated(self.address(), [self.sign_in()]).keeping(work::code);
        load::make(&work, PREPARING, Length::counting(count as u64)).await.context("signing in")?;
        Ok(work::all(&codes))
    }

    /// So many access tokens for API A, each of a grant of its own.
    pub async fn access_tokens(&self, count: usize) -> Result<Vec<String>> {
        self.redeemed(count, work::access_token).await
    }

    /// So many refresh tokens, likewise.
    pub async fn refresh_tokens(&self, count: usize) -> Result<Vec<String>> {
        self.redeemed(count, work::refresh_token).await
    }

    async fn redeemed(
        &self,
        count: usize,
        read: fn(&super::connection::Answer<'_>) -> Result<String>,
    ) -> Result<Vec<String>> {
        let codes = self.codes(count).await?;
        let requests: Vec<Request> = codes.iter().map(|code| self.redemption(code)).collect();
        self.gather(requests, read).await.context("redeeming codes")
    }

    /// Sends each request once and keeps what `read` reads of the answers.
    pub async fn gather(
        &self,
        requests: Vec<Request>,
        read: fn(&super::connection::Answer<'_>) -> Result<String>,
    ) -> Result<Vec<String>> {
        let count = requests.len();
        let (work, answers) = Work::repeated(self.address(), requests).keeping(read);
        load::make(&work, PREPARING, Length::counting(count as u64)).await?;
        let answers = work::all(&answers);
        ensure!(answers.len() == count, "{} of {count} were answered", answers.len());
        Ok(answers)
    }

    pub async fn stop(self) -> Result<()> {
        self.stack.stop().await
    }
}

async fn builder(kind: &Kind) -> Result<Builder> {
    let Kind { algorithm, engine, relaxed, port } = kind.clone();
    let configure = move |world: &mut Configuration| {
        set(&mut world.auth_server, "keys.signing_alg", algorithm.as_str());
        if relaxed {
            set(&mut world.auth_server, "database.durability", "process_crash");
        }
        // What is prepared must still be good when it is measured. Nothing that is measured depends on it.
        set(&mut world.auth_server, "lifetimes.authorization_code", "10m");
        for api in [API_A, API_B] {
            world.set_in("apis", ("identifier", api), "token_lifetime", "6h");
        }
    };
    let binaries = tokio::task::spawn_blocking(Binaries::built).await??;
    let mut builder = Stack::builder().from(binaries).on(engine.into()).configured(configure);
    if let Some(disk) = engine.disk() {
        builder = builder.on_disk(disk);
    }
    if let Some(port) = port {
        builder = builder.at(Ports { auth_server: port, ..Reserved::free()?.ports });
    }
    Ok(builder)
}
