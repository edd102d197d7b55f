//! What `e2e run` asks of a deployment, from outside and over HTTP only: the six steps, and the refusals that make them
//! safe. One line a check.

mod consent;
mod deployment;
mod format;
mod junit;
mod lifetime;
mod on_behalf;
mod recorder;
mod refusals;
mod sign_in;

use anyhow::Result;
use url::Url;

pub use format::{Style, line, summary};
pub use junit::junit;
pub use recorder::{Line, Passed, Recorder, Report, Verdict, passed};

use crate::steps::{ApiA, ApiB, App, AuthServer, Credentials, Person};
use crate::world;

/// Which deployment, and as whom.
#[derive(Clone)]
pub struct Target {
    pub issuer: String,
    pub api_a: Url,
    pub api_b: Url,
    /// The archive of the demo world.
    pub api_c: Option<Url>,
    pub api_a_identifier: String,
    pub api_b_identifier: String,
    /// The app that the person signs in to, a public client.
    pub client_id: String,
    pub redirect_uri: String,
    pub username: String,
    pub password: String,
    /// API A's client identity. Without it, the exchange is seen through API A only.
    pub api_client: Option<Credentials>,
    /// Whether the people of the demo world live there: bob and carol have checks of their own.
    pub demo_users: bool,
}

impl Target {
    /// The demo world, at these addresses.
    pub fn demo(issuer: &str, api_a: &Url, api_b: &Url) -> Result<Self> {
        Ok(Self {
            issuer: issuer.to_owned(),
            api_a: api_a.clone(),
            api_b: api_b.clone(),
            api_c: None,
            api_a_identifier: world::API_A.to_owned(),
            api_b_identifier: world::API_B.to_owned(),
            client_id: world::DEMO_APP.to_owned(),
            redirect_uri: api_a.join("callback")?.to_string(),
            username: world::ALICE.to_owned(),
            password: world::password_of(world::ALICE),
            api_client: Some(world::api_a_credentials()),
            demo_users: true,
        })
    }

    /// The same, whose archive can be asked itself.
    #[must_use]
    pub fn with_archive(mut self, api_c: &Url) -> Self {
        self.api_c = Some(api_c.clone());
        self
    }
}

/// A deployment whose discovery document could be read: what the checks talk to.
struct Deployment {
    target: Target,
    auth_server: AuthServer,
    api_a: ApiA,
    api_b: ApiB,
    app: App,
}

impl Deployment {
    fn new(target: &Target, auth_server: AuthServer) -> Result<Self> {
        let mut app = App::demo(&auth_server, &target.api_a)?;
        app.credentials = Credentials::public(&target.client_id);
        app.redirect_uri.clone_from(&target.redirect_uri);
        app.audience.clone_from(&target.api_a_identifier);
        let (api_a, api_b) = (ApiA::at(&target.api_a)?, ApiB::at(&target.api_b)?);
        Ok(Self { target: target.clone(), auth_server, api_a, api_b, app })
    }

    /// The person who signs in, with a browser that has never been here.
    fn person(&self) -> Result<Person> {
        Person::with_password(&self.target.username, &self.target.password)
    }
}

/// Runs every check against `target`; `announce` hears of each as it ends.
pub async fn run(target: &Target, announce: impl FnMut(&Line)) -> Report {
    let mut recorder = Recorder::new(announce);
    if let Some(deployment) = deployment::check(&mut recorder, target).await {
        let tokens = sign_in::check(&mut recorder, &deployment).await;
        if let Some(tokens) = &tokens {
            on_behalf::check(&mut recorder, &deployment, tokens).await;
            consent::check(&mut recorder, &deployment, tokens).await;
            refusals::check(&mut recorder, &deployment, tokens).await;
        } else {
            recorder.skip("3-6", "everything on behalf of the user", "nobody could sign in");
        }
        sign_in::check_refusals(&mut recorder, &deployment).await;
        lifetime::check(&mut recorder, &deployment).await;
    }
    recorder.into_report()
}
