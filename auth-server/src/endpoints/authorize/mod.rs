//! `/authorize` (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2): steps 1 and 2 of the flow begin here.
//!
//! A request is understood (`request`), its next step is decided (`next_step`), and it is either answered at once or kept
//! (`journey`) while the person goes through `/login` and `/consent`, which ask the same question again.

pub mod journey;
mod next_step;
mod request;

use actix_web::{HttpRequest, HttpResponse, web};
use time::OffsetDateTime;

pub use journey::Journey;
pub use next_step::Step;
use next_step::refused_without_page;
use request::{Misunderstood, understand};

use super::cookies::{self, Name};
use super::page::{self, NoPage};
use super::form;
use crate::protocol::{OAuthError, Parameters};
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
pub fn browser_of(
    request: &HttpRequest,
    server: &AuthServer,
) -> (String, Vec<actix_web::cookie::Cookie<'static>>) {
    if let Some(known) = cookies::read(request, Name::Browser, &server.issuer) {
        return (known, Vec::new());
    }
    let new = OpaqueSecret::generate().expose().to_owned();
    let cookie = cookies::set(Name::Browser, new.clone(), &server.issuer, None);
    (new, vec![cookie])
}

/// The id of a kept request, in the query of a page or the form that it posts.
pub fn id_in(parameters: &Parameters) -> Result<String, OAuthError> {
    parameters.required("request").map(str::to_owned)
}
