//! `/authorize` (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2): steps 1 and 2 of the flow begin here.
//!
//! A request is understood (`request`), its next step is decided (`next_step`), and it is either answered at once or kept
//! (`journey`) while the person goes through `/login` and `/consent`, which ask the same question again.

mod agreement;
pub mod journey;
mod next_step;
mod request;

use actix_web::{HttpRequest, HttpResponse, web};
use time::OffsetDateTime;

pub use agreement::Agreement;
pub use journey::Journey;
pub use next_step::Step;
use next_step::refused_without_page;
use request::{Misunderstood, understand};

use super::cookies::{self, Name};
use super::page::{self, NoPage};
use super::{forgery, form};
use crate::protocol::Parameters;
use crate::server::AuthServer;
use crate::store::{OpaqueSecret, StoreError};
use crate::users::SignedIn;

pub async fn get(request: HttpRequest, server: web::Data<AuthServer>) -> HttpResponse {
    let result = match Parameters::parse(request.query_string().as_bytes()) {
        Ok(parameters) => authorize(&request, &parameters, &server).await,
        Err(error) => Err(error.into()),
    };
    page::or_error(&server, result)
}

/// OpenID Connect Core section 3.1.2.1: the same request, in a form body.
pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    let result = match form::read(&request, payload).await {
        Ok(parameters) => authorize(&request, &parameters, &server).await,
        Err(no_form) => Err(no_form.into()),
    };
    page::or_error(&server, result)
}

async fn authorize(
    request: &HttpRequest,
    parameters: &Parameters,
    server: &AuthServer,
) -> Result<HttpResponse, NoPage> {
    let understood = match understand(parameters, &server.registry()) {
        Ok(understood) => understood,
        Err(Misunderstood::ByPerson(error)) => return Err(NoPage::Refused(error)),
        Err(Misunderstood::ByApp(reply_to, error)) => {
            let response = reply_to.error(server.issuer.as_str(), &error);
            return Ok(page::authorization_response(server, response, Vec::new()));
        }
    };
    let now = server.now();
    let reply_to = understood.reply_to.clone();
    let journey = match Journey::begin(understood, server, now) {
        Ok(journey) => journey,
        Err(error) => {
            let response = reply_to.error(server.issuer.as_str(), &error);
            return Ok(page::authorization_response(server, response, Vec::new()));
        }
    };
    let signed_in = signed_in(request, server, now).await?;
    let step = journey.step(signed_in.as_ref(), server, now).await?;

    if journey.understood.request.prompt.none()
        && let Some(error) = refused_without_page(step)
    {
        return Ok(journey.refuse(server, &error, Vec::new()));
    }
    if let (Step::Finish, Some(person)) = (step, &signed_in) {
        return journey.finish(person, server, now, Vec::new()).await;
    }
    let (browser, cookies) = browser_of(request, server);
    let id = journey.keep(parameters, &browser, server).await?;
    Ok(page::see_other(&page_of(step, id.expose(), server), cookies))
}

/// A page that a person has open: the request that it is about, who they are, and what comes next.
pub struct Visit {
    pub id: String,
    pub browser: String,
    pub journey: Journey,
    pub person: Option<SignedIn>,
    pub step: Step,
    pub now: OffsetDateTime,
}

impl Visit {
    /// Opens the request that a page's query names, in the browser that began it.
    pub async fn open(request: &HttpRequest, server: &AuthServer) -> Result<Self, NoPage> {
        let query = Parameters::parse(request.query_string().as_bytes())?;
        let browser = cookies::read(request, Name::Browser, &server.issuer).ok_or(NoPage::Expired)?;
        Self::of(request, &query, browser, server).await
    }

    /// Opens the request that a posted form names, if the form is one of this server's, in the browser that began it.
    pub async fn submit(request: &HttpRequest, form: &Parameters, server: &AuthServer) -> Result<Self, NoPage> {
        let browser = forgery::check(request, form, server).map_err(|_| NoPage::Expired)?;
        Self::of(request, form, browser, server).await
    }

    async fn of(
        request: &HttpRequest,
        parameters: &Parameters,
        browser: String,
        server: &AuthServer,
    ) -> Result<Self, NoPage> {
        let now = server.now();
        let id = parameters.required("request")?.to_owned();
        let journey = Journey::resume(&id, &browser, server, now).await?;
        let person = signed_in(request, server, now).await?;
        let step = journey.step(person.as_ref(), server, now).await?;
        Ok(Self { id, browser, journey, person, step, now })
    }

    /// Sends the person to the page for the next step.
    #[must_use]
    pub fn go_on(&self, step: Step, server: &AuthServer) -> HttpResponse {
        page::see_other(&page_of(step, &self.id, server), Vec::new())
    }
}

/// The page for a step.
#[must_use]
pub fn page_of(step: Step, id: &str, server: &AuthServer) -> String {
    let path = if step == Step::Consent { "/consent" } else { "/login" };
    format!("{}{path}?request={id}", server.issuer.path())
}

/// The person whose session cookie this browser shows, if the session has not ended.
pub async fn signed_in(
    request: &HttpRequest,
    server: &AuthServer,
    now: OffsetDateTime,
) -> Result<Option<SignedIn>, StoreError> {
    match cookies::read(request, Name::Session, &server.issuer) {
        Some(cookie) => server.sessions.find(&cookie, now).await,
        None => Ok(None),
    }
}

/// The browser's cookie, or a new one to be set.
pub fn browser_of(request: &HttpRequest, server: &AuthServer) -> (String, Vec<actix_web::cookie::Cookie<'static>>) {
    if let Some(known) = cookies::read(request, Name::Browser, &server.issuer) {
        return (known, Vec::new());
    }
    let new = OpaqueSecret::generate().expose().to_owned();
    let cookie = cookies::set(Name::Browser, new.clone(), &server.issuer, None);
    (new, vec![cookie])
}
