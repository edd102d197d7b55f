//! The server that is measured: started here, as it ships, on the demo world, with one signature algorithm for all tokens.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use url::Url;

use super::connection::Answer;
use super::load::{self, Length, Pressure};
use super::options::{Engine, Options};
use super::request::{self, Request};
use super::sign_in::SignIn;
use super::work::{self, What, Work};
use super::{clients, cpu, people};
use crate::stack::{Binaries, Builder, Configuration, Ports, Reserved, Service, Stack, set};
use crate::steps::{App, AuthorizationRequest};
use crate::world::{API_A, API_B, DEMO_APP};

/// Connections of what is prepared and not measured.
const PREPARING: Pressure = Pressure::AsFastAsItGoes { connections: 16 };

/// So many people sign in, where more than one is wanted: tokens are of all of them in turn.
pub const PEOPLE: usize = 200;

/// What kind of server.
#[derive(Clone, Debug)]
pub struct Kind {
    pub algorithm: String,
    pub engine: Engine,
    /// A crash of the process may be survived, and no power cut.
    pub relaxed: bool,
    /// The auth server's port, where it is not to be any that is free.
    pub port: Option<u16>,
    /// How many sign in, each with a line in the configuration.
    pub people: usize,
}

impl Kind {
    /// As it ships, but for what a machine with all these people on it needs (`builder`).
    pub fn of(options: &Options, algorithm: &str, engine: Engine) -> Self {
        Self { algorithm: algorithm.to_owned(), engine, relaxed: false, port: options.port, people: PEOPLE }
    }
}

pub struct Server {
    pub stack: Stack,
    app: App,
    /// What the app asks for.
    request: AuthorizationRequest,
    /// The cookies of browsers in which somebody has signed in.
    sessions: Vec<String>,
}

/// A code, and the app that it was given to.
pub struct Code {
    code: String,
    client: String,
}

impl Server {
    pub async fn start(kind: &Kind) -> Result<Self> {
        Self::start_with(kind, |_| ()).await
    }

    /// The same with a change to its configuration.
    pub async fn start_with(kind: &Kind, change: impl FnOnce(&mut Configuration) + Send + 'static) -> Result<Self> {
        let stack = Box::pin(builder(kind).await?.configured(change).start()).await?;
        let app = stack.app()?;
        let mut server = Self { request: app.authorization_request(), app, stack, sessions: Vec::new() };
        server.sign_in(people::names(kind.people)).await.context("signing in")?;
        Ok(server)
    }

    /// Has these people sign in: whatever is prepared from now on is theirs.
    pub async fn sign_in(&mut self, people: Vec<String>) -> Result<()> {
        let count = people.len();
        self.sessions = self.gather(count, self.sign_ins(people), work::cookies).await?;
        Ok(())
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
        Box::pin(self.stack.start_service(Service::AuthServer)).await
    }

    /// Step 1 by the form, of these people in turn.
    pub fn sign_ins(&self, people: Vec<String>) -> Work {
        let authorize = self.request.url(&self.stack.auth_server);
        let request = request::get(&authorize, &[]);
        Work::at(self.address(), What::SignIn(SignIn { authorize, request, people: people.into() }))
    }

    /// Step 1 without the form: the browser shows that somebody has signed in here. Of everybody who has, one after the other, for
    /// these apps in turn.
    pub fn authorizations(&self, apps: &[String]) -> Vec<Request> {
        let url = |client: &String| {
            // What comes back with the code tells whose it is.
            let request = self.request.clone().with("client_id", client).with("state", client);
            request.url(&self.stack.auth_server)
        };
        let urls: Vec<Url> = apps.iter().map(url).collect();
        let visits = self.sessions.iter().cycle().zip(urls.iter().cycle());
        let count = self.sessions.len().max(apps.len());
        visits.take(count).map(|(session, url)| request::get(url, &[("cookie", session)])).collect()
    }

    /// Step 2: redeems a code.
    pub fn redemption(&self, Code { code, client }: &Code) -> Request {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.app.redirect_uri),
            ("code_verifier", &self.request.verifier),
        ];
        request::post(&self.stack.auth_server.metadata.token_endpoint, clients::credentials(client), &form)
    }

    /// So many codes that nobody has redeemed.
    pub async fn codes(&self, count: usize) -> Result<Vec<Code>> {
        self.codes_for(count, &[DEMO_APP.to_owned()]).await
    }

    async fn codes_for(&self, count: usize, apps: &[String]) -> Result<Vec<Code>> {
        let work = Work::repeated(self.address(), self.authorizations(apps));
        let redirects = self.gather(count, work, work::location).await.context("asking for codes")?;
        redirects.iter().map(|to| Code::of(to)).collect()
    }

    /// So many access tokens for API A, each of a grant of its own.
    pub async fn access_tokens(&self, count: usize) -> Result<Vec<String>> {
        self.access_tokens_for(count, &[DEMO_APP.to_owned()]).await
    }

    /// The same for several apps.
    pub async fn access_tokens_for(&self, count: usize, apps: &[String]) -> Result<Vec<String>> {
        self.redeemed(self.codes_for(count, apps).await?, work::access_token).await
    }

    /// So many refresh tokens, likewise.
    pub async fn refresh_tokens(&self, count: usize) -> Result<Vec<String>> {
        self.redeemed(self.codes(count).await?, work::refresh_token).await
    }

    async fn redeemed(&self, codes: Vec<Code>, read: fn(&Answer<'_>) -> Result<String>) -> Result<Vec<String>> {
        let requests = codes.iter().map(|code| self.redemption(code)).collect();
        self.answers(requests, read).await.context("redeeming codes")
    }

    /// Sends each request once and keeps what `read` reads of the answers.
    pub async fn answers(
        &self,
        requests: Vec<Request>,
        read: fn(&Answer<'_>) -> Result<String>,
    ) -> Result<Vec<String>> {
        self.gather(requests.len(), Work::repeated(self.address(), requests), read).await
    }

    /// So many answers, and what `read` reads of them, in whatever order.
    async fn gather(&self, count: usize, work: Work, read: fn(&Answer<'_>) -> Result<String>) -> Result<Vec<String>> {
        let (work, answers) = work.keeping(read);
        load::make(&work, PREPARING, Length::counting(count as u64)).await?;
        let answers = work::all(&answers);
        ensure!(answers.len() == count, "{} of {count} were answered", answers.len());
        Ok(answers)
    }

    pub async fn stop(self) -> Result<()> {
        self.stack.stop().await
    }
}

impl Code {
    /// What came back to an app's address (RFC 6749 section 4.1.2).
    fn of(callback: &str) -> Result<Self> {
        let callback: Url = callback.parse().context("not to the app")?;
        let parameter =
            |wanted| callback.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
        let code = parameter("code").with_context(|| format!("no code: {}", callback.path()))?;
        Ok(Self { code, client: parameter("state").context("no state")? })
    }
}

async fn builder(kind: &Kind) -> Result<Builder> {
    let Kind { algorithm, engine, relaxed, port, people } = kind.clone();
    let configure = move |world: &mut Configuration| {
        set(&mut world.auth_server, "keys.signing_alg", algorithm.as_str());
        people::add(world, &people::names(people));
        // As many may sign in at once as the largest load has connections: their hashes take no memory.
        set(&mut world.auth_server, "sign_in.password_hashes_at_once", 256);
        // Everybody comes from an address of their own, as this proxy says.
        set(&mut world.auth_server, "trusted_proxies", vec!["127.0.0.1/32"]);
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
