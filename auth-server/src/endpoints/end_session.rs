//! `/oidc/logout`: RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0), and `/v2/logout`, its alias for clients
//! that know Auth0's.
//!
//! Without a valid `id_token_hint` of this very session the person is asked: anybody can link to this address. Nobody is
//! redirected but to a URI that the client of the hint has registered.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::authorize::{browser_of, signed_in};
use super::cookies::{self, Name};
use super::page::{self, NoPage};
use super::{forgery, form};
use crate::grants::revocation;
use crate::pages::{LogoutPage, SignedOutPage};
use crate::protocol::{OAuthError, Parameters, RedirectUri};
use crate::server::AuthServer;
use crate::tokens::IdTokenHint;
use crate::users::SignedIn;

/// What the app asks for, checked.
struct LogoutRequest {
    hint: Option<IdTokenHint>,
    client_name: Option<String>,
    /// Where the person goes afterwards; none: they stay on this server's page.
    return_to: Option<RedirectUri>,
    state: Option<String>,
}

pub async fn get(request: HttpRequest, server: web::Data<AuthServer>) -> HttpResponse {
    let result = match Parameters::parse(request.query_string().as_bytes()) {
        Ok(parameters) => begin(&request, &parameters, &server).await,
        Err(error) => Err(error.into()),
    };
    page::or_error(&server, result)
}

/// The app's own POST, or the person's answer to the question.
pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    let result = match form::read(&request, payload).await {
        Ok(form) if form.contains("decision") => decide(&request, &form, &server).await,
        Ok(form) => begin(&request, &form, &server).await,
        Err(no_form) => Err(no_form.into()),
    };
    page::or_error(&server, result)
}

async fn begin(request: &HttpRequest, parameters: &Parameters, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let now = server.now();
    let asked = LogoutRequest::read(parameters, server)?;
    let Some(person) = signed_in(request, server, now).await? else {
        return Ok(asked.signed_out(server, false, Vec::new()));
    };
    if asked.is_about(&person) {
        return end(server, &person, &asked).await;
    }
    let (browser, cookies) = browser_of(request, server);
    Ok(page::with_cookies(question(server, parameters, &asked, &person, &browser)?, &cookies))
}

async fn decide(request: &HttpRequest, form: &Parameters, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let now = server.now();
    forgery::check(request, form, server).map_err(|_| NoPage::Expired)?;
    let asked = LogoutRequest::read(form, server)?;
    match signed_in(request, server, now).await? {
        Some(person) if form.one("decision")? == Some("sign-out") => end(server, &person, &asked).await,
        Some(_) => Ok(asked.signed_out(server, true, Vec::new())),
        None => Ok(asked.signed_out(server, false, Vec::new())),
    }
}

impl LogoutRequest {
    fn read(parameters: &Parameters, server: &AuthServer) -> Result<Self, OAuthError> {
        parameters.refuse_repeated(&["id_token_hint", "client_id", "post_logout_redirect_uri", "returnTo", "state"])?;
        let hint = match parameters.one("id_token_hint")? {
            Some(text) => Some(IdTokenHint::read(text, server.issuer.as_str(), &server.keys()).ok_or_else(|| {
                OAuthError::invalid_request("id_token_hint_invalid", "the id_token_hint is no ID token of this server")
            })?),
            None => None,
        };
        let client_id = client_id(parameters, hint.as_ref())?;
        let client = client_id.and_then(|id| server.registry().client(id).cloned());
        let asked = parameters.one("post_logout_redirect_uri")?.or(parameters.one("returnTo")?);
        // Section 2: a hint or a client_id tells whose URI it is. Without a hint the person is asked first.
        let return_to = match (asked, &client) {
            (None, _) => None,
            (Some(asked), Some(client)) => Some(registered(asked, client)?),
            (Some(_), None) => return Err(nobody_to_return_to()),
        };
        Ok(Self {
            hint,
            client_name: client.map(|client| client.name.clone()),
            return_to,
            state: parameters.one("state")?.map(str::to_owned),
        })
    }

    /// Whether the hint is an ID token of the person's present session.
    fn is_about(&self, person: &SignedIn) -> bool {
        self.hint.as_ref().is_some_and(|hint| {
            hint.sub == person.user.id.as_str() && hint.sid.as_deref() == Some(person.session.sid.as_str())
        })
    }

    fn signed_out(
        &self,
        server: &AuthServer,
        stayed: bool,
        cookies: Vec<actix_web::cookie::Cookie<'static>>,
    ) -> HttpResponse {
        if let Some(return_to) = self.return_to.as_ref().filter(|_| !stayed) {
            let state: Vec<_> = self.state.iter().map(|state| ("state", state.as_str())).collect();
            let location =
                if state.is_empty() { return_to.as_str().to_owned() } else { return_to.with_parameters(&state) };
            return page::see_other(&location, cookies);
        }
        let site = page::site(server);
        let mut response = page::send(StatusCode::OK, &SignedOutPage { site: &site, stayed }, None);
        for cookie in cookies {
            let _ = response.add_cookie(&cookie);
        }
        response
    }
}

/// Section 2: where both are sent, they must agree.
fn client_id<'a>(parameters: &'a Parameters, hint: Option<&'a IdTokenHint>) -> Result<Option<&'a str>, OAuthError> {
    match (parameters.one("client_id")?, hint) {
        (Some(named), Some(hint)) if named != hint.aud => Err(OAuthError::invalid_request(
            "client_id_differs",
            "the id_token_hint was given to another client than client_id names",
        )),
        (named, hint) => Ok(hint.map(|hint| hint.aud.as_str()).or(named)),
    }
}

fn registered(asked: &str, client: &crate::registry::Client) -> Result<RedirectUri, OAuthError> {
    RedirectUri::match_registered(Some(asked), &client.post_logout_redirect_uris, false).map_err(|_| {
        OAuthError::invalid_request(
            "post_logout_redirect_uri_not_registered",
            "the post_logout_redirect_uri is not one that this client has registered",
        )
    })
}

fn nobody_to_return_to() -> OAuthError {
    OAuthError::invalid_request(
        "post_logout_client_missing",
        "a post_logout_redirect_uri needs an id_token_hint or a client_id, which tells whose URI it is",
    )
}

fn question(
    server: &AuthServer,
    parameters: &Parameters,
    asked: &LogoutRequest,
    person: &SignedIn,
    browser: &str,
) -> Result<HttpResponse, NoPage> {
    let names = ["id_token_hint", "client_id", "post_logout_redirect_uri", "returnTo", "state"];
    let mut fields = Vec::new();
    for name in names {
        fields.extend(parameters.one(name)?.map(|value| (name, value)));
    }
    let site = page::site(server);
    let logout = LogoutPage {
        site: &site,
        username: &person.user.username,
        client_name: asked.client_name.as_deref(),
        csrf: &forgery::token(server, browser),
        fields,
    };
    Ok(page::send(StatusCode::OK, &logout, asked.return_to.as_ref()))
}

async fn end(server: &AuthServer, person: &SignedIn, asked: &LogoutRequest) -> Result<HttpResponse, NoPage> {
    revocation::sign_out(server, &person.session).await?;
    Ok(asked.signed_out(server, false, vec![cookies::remove(Name::Session, &server.issuer)]))
}
