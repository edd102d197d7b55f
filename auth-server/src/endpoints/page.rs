//! Sending a page, and turning what went wrong into one.

use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};

use super::form::NoForm;
use crate::audit::{Event, NotRecorded};
use crate::grants::{GrantError, for_store};
use crate::pages::{ErrorPage, FormPostPage, Page, Site, headers};
use crate::protocol::{AuthorizationResponse, ErrorCode, OAuthError, RedirectUri};
use crate::server::AuthServer;
use crate::store::StoreError;
use shared_claims::service::RequestIds;

/// Why a person gets an error page.
#[derive(Debug)]
pub enum NoPage {
    /// The request is wrong.
    Refused(OAuthError),
    /// What the page was about is gone, or belongs to another browser.
    Expired,
    TooLarge(u16, OAuthError),
    Failed(GrantError),
}

impl From<OAuthError> for NoPage {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for NoPage {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NotRecorded> for NoPage {
    fn from(error: NotRecorded) -> Self {
        Self::Failed(error.into())
    }
}

impl From<GrantError> for NoPage {
    fn from(error: GrantError) -> Self {
        Self::Failed(error)
    }
}

impl From<NoForm> for NoPage {
    fn from(no_form: NoForm) -> Self {
        let (status, error) = no_form.describe();
        Self::TooLarge(status, error)
    }
}

/// What every page of this server shares.
#[must_use]
pub fn site(server: &AuthServer) -> Site {
    Site::new("Deputy", server.issuer.path())
}

/// Sends a page. `app`: where its form may lead in the end.
pub fn send(status: StatusCode, page: &impl Page, app: Option<&RedirectUri>) -> HttpResponse {
    match page.render() {
        Ok(html) => with_headers(status, headers::page_headers(app)).body(html),
        Err(error) => {
            log::error!("a page cannot be written: {error}");
            HttpResponse::InternalServerError().body("Something went wrong here.")
        }
    }
}

/// Adds cookies to a page.
#[must_use]
pub fn with_cookies(mut response: HttpResponse, cookies: &[Cookie<'static>]) -> HttpResponse {
    for cookie in cookies {
        // A cookie that this server builds is always well formed.
        let _ = response.add_cookie(cookie);
    }
    response
}

fn with_headers(status: StatusCode, headers: Vec<(&'static str, String)>) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    for header in headers {
        response.insert_header(header);
    }
    response
}

/// Answers with the page, or with the error page for what went wrong.
pub fn or_error(server: &AuthServer, result: Result<HttpResponse, NoPage>) -> HttpResponse {
    result.unwrap_or_else(|problem| error_page(server, problem))
}

fn error_page(server: &AuthServer, problem: NoPage) -> HttpResponse {
    let (site, request_id) =
        (site(server), RequestIds::current().map(|ids| ids.request_id.to_string()).unwrap_or_default());
    match problem {
        NoPage::Expired => send(StatusCode::BAD_REQUEST, &ErrorPage::expired(&site, &request_id), None),
        NoPage::Refused(error) => refused(&site, &request_id, error.status(), &error),
        NoPage::TooLarge(status, error) => refused(&site, &request_id, status, &error),
        NoPage::Failed(error) => {
            let error = match error {
                GrantError::Store(error) => for_store(&error),
                other => other.public(),
            };
            match error.code {
                ErrorCode::TemporarilyUnavailable => unavailable(&site, &request_id),
                ErrorCode::ServerError => {
                    send(StatusCode::INTERNAL_SERVER_ERROR, &ErrorPage::unexpected(&site, &request_id), None)
                }
                _ => refused(&site, &request_id, error.status(), &error),
            }
        }
    }
}

fn refused(site: &Site, request_id: &str, status: u16, error: &OAuthError) -> HttpResponse {
    Event::Refused { endpoint: "page", client: None, error: error.code.as_str(), reason: error.reason }.log();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    send(status, &ErrorPage::refused_request(site, error, request_id), None)
}

fn unavailable(site: &Site, request_id: &str) -> HttpResponse {
    let mut response = send(StatusCode::SERVICE_UNAVAILABLE, &ErrorPage::unavailable(site, request_id), None);
    response.headers_mut().insert(RETRY_AFTER, actix_web::http::header::HeaderValue::from_static("1"));
    response
}

/// There is no such page.
pub fn not_found(server: &AuthServer) -> HttpResponse {
    let request_id = RequestIds::current().map(|ids| ids.request_id.to_string()).unwrap_or_default();
    send(StatusCode::NOT_FOUND, &ErrorPage::not_found(&site(server), &request_id), None)
}

/// 303, so that a browser goes on with GET whatever it came with.
pub fn see_other(location: &str, cookies: Vec<Cookie<'static>>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, location)).insert_header((CACHE_CONTROL, "no-store"));
    for cookie in cookies {
        response.cookie(cookie);
    }
    response.finish()
}

/// The authorization response on its way to the app.
pub fn authorization_response(
    server: &AuthServer,
    response: AuthorizationResponse,
    cookies: Vec<Cookie<'static>>,
) -> HttpResponse {
    match response {
        AuthorizationResponse::Redirect { location } => see_other(&location, cookies),
        AuthorizationResponse::FormPost { action, fields } => {
            let site = site(server);
            let page = FormPostPage { site: &site, action: &action, fields: &fields };
            let Ok(html) = page.render() else { return HttpResponse::InternalServerError().finish() };
            let mut response = with_headers(StatusCode::OK, headers::form_post_headers(&action));
            for cookie in cookies {
                response.cookie(cookie);
            }
            response.body(html)
        }
    }
}
