//! `/login`: the sign-in page, of a request that came by `/authorize` or of the account page.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::SecretString;

use super::authorize::{Step, Visit, page_of};
use super::cookies::{self, Name};
use super::errand::{AccountErrand, Errand};
use super::page::{self, NoPage};
use super::{account, forgery, form, peer};
use crate::audit::Event;
use crate::pages::{LoginPage, SignInProblem};
use crate::protocol::OAuthError;
use crate::registry::ACR_PASSWORD;
use crate::server::AuthServer;
use crate::store::User;
use crate::users::{NewSession, SignInError, SignedIn};

pub async fn get(request: HttpRequest, server: web::Data<AuthServer>) -> HttpResponse {
    page::or_error(&server, show(&request, &server).await)
}

pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    page::or_error(&server, sign_in(&request, payload, &server).await)
}

async fn show(request: &HttpRequest, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let errand = Errand::open(request, server).await?;
    match &errand {
        Errand::Account(AccountErrand { signed_in: true, .. }) => {
            return Ok(page::see_other(&account::address(server), Vec::new()));
        }
        Errand::App(visit) => match (visit.step, &visit.person) {
            // Signed in meanwhile, in another tab.
            (Step::Finish, Some(person)) => {
                return visit.journey.finish_kept(&visit.id, person, server, visit.now, Vec::new()).await;
            }
            (Step::Consent, _) => return Ok(visit.go_on(Step::Consent, server)),
            _ => {}
        },
        Errand::Account(_) => {}
    }
    Ok(login_page(server, &errand, None, None))
}

async fn sign_in(request: &HttpRequest, payload: web::Payload, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let form = form::read(request, payload).await?;
    let errand = Errand::submit(request, &form, server).await?;
    let username = form.one("username")?.unwrap_or_default();
    let password: SecretString = form.one("password")?.unwrap_or_default().into();
    let address = peer::client_address(request, &server.trusted_proxies);

    match server.sign_in.sign_in(username, &password, address, errand.now()).await {
        Ok(user) => begin_session(request, server, &errand, user, address).await,
        Err(SignInError::Refused(why)) => {
            server.ledger.record(&Event::SignInRefused { why: why.reason(), address }).await?;
            Ok(login_page(server, &errand, Some(username), Some(SignInProblem::Refused)))
        }
        Err(SignInError::TooManyAttempts { retry_after }) => {
            server.ledger.record(&Event::SignInRefused { why: "too_many_attempts", address }).await?;
            let seconds = retry_after.whole_seconds().unsigned_abs().max(1);
            let mut response = login_page(server, &errand, Some(username), Some(SignInProblem::Throttled { seconds }));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            Ok(response)
        }
        // Neither the person nor the app did anything wrong.
        Err(SignInError::Busy) => Err(NoPage::Failed(OAuthError::temporarily_unavailable().into())),
        Err(SignInError::Unavailable(error)) => Err(error.into()),
    }
}

async fn begin_session(
    request: &HttpRequest,
    server: &AuthServer,
    errand: &Errand,
    user: User,
    address: IpAddr,
) -> Result<HttpResponse, NoPage> {
    let now = errand.now();
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let new = NewSession {
        user_id: user.id.clone(),
        acr: Some(ACR_PASSWORD.to_owned()),
        amr: vec!["pwd".to_owned()],
        address: Some(address.to_string()),
        user_agent,
    };
    let old_cookie = cookies::read(request, Name::Session, &server.issuer);
    let (cookie, session) = server.sessions.begin(new, old_cookie.as_deref(), now).await?;
    server.ledger.record(&Event::SignedIn { user: user.id.as_str(), session: session.sid.as_str(), address }).await?;

    let cookies = vec![cookies::set(Name::Session, cookie.expose().to_owned(), &server.issuer, None)];
    let Some(Visit { id, journey, .. }) = errand.app() else {
        return Ok(page::see_other(&account::address(server), cookies));
    };
    let person = SignedIn { session, user };
    match journey.step(Some(&person), server, now).await? {
        Step::Finish => journey.finish_kept(id, &person, server, now, cookies).await,
        step => Ok(page::see_other(&page_of(step, id, server), cookies)),
    }
}

fn login_page(
    server: &AuthServer,
    errand: &Errand,
    typed: Option<&str>,
    problem: Option<SignInProblem>,
) -> HttpResponse {
    let site = page::site(server);
    let app = errand.app().map(|visit| &visit.journey.understood);
    let hint = app.and_then(|understood| understood.request.login_hint.as_deref());
    let login = LoginPage {
        site: &site,
        csrf: &forgery::token(server, errand.browser()),
        request: errand.app().map(|visit| visit.id.as_str()),
        client_name: app.map(|understood| understood.client.name.as_str()),
        username: typed.or(hint).unwrap_or_default(),
        problem,
        demo_hint: server.sign_in_notice.as_deref(),
    };
    let status = match problem {
        None => StatusCode::OK,
        Some(SignInProblem::Throttled { .. }) => StatusCode::TOO_MANY_REQUESTS,
        Some(SignInProblem::Refused | SignInProblem::FormOutdated) => StatusCode::UNAUTHORIZED,
    };
    page::with_cookies(page::send(status, &login, errand.redirect_uri()), errand.cookies())
}
