//! `/consent`: asks the person whether an app may have what it asks for (OpenID Connect Core section 3.1.2.4).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use time::OffsetDateTime;

use super::authorize::{Agreement, Journey, Step, Visit};
use super::page::{self, NoPage};
use super::{forgery, form};
use crate::audit::Event;
use crate::grants::entitlement::is_openid_connect;
use crate::pages::{ConsentGroup, ConsentPage, ScopeLine};
use crate::protocol::{ErrorCode, OAuthError};
use crate::server::AuthServer;
use crate::store::{Consent, PairingConsent, SecretHash};
use crate::users::SignedIn;

pub async fn get(request: HttpRequest, server: web::Data<AuthServer>) -> HttpResponse {
    page::or_error(&server, show(&request, &server).await)
}

pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    page::or_error(&server, decide(&request, payload, &server).await)
}

async fn show(request: &HttpRequest, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let visit = Visit::open(request, server).await?;
    match (visit.step, &visit.person) {
        (Step::Consent, Some(person)) => Ok(consent_page(server, &visit, person)),
        (Step::Finish, Some(person)) => {
            visit.journey.finish_kept(&visit.id, person, server, visit.now, Vec::new()).await
        }
        _ => Ok(visit.go_on(Step::SignIn, server)),
    }
}

async fn decide(request: &HttpRequest, payload: web::Payload, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let form = form::read(request, payload).await?;
    let visit = Visit::submit(request, &form, server).await?;
    let Some(person) = visit.person.as_ref().filter(|_| visit.step != Step::SignIn) else {
        return Ok(visit.go_on(Step::SignIn, server));
    };
    let (journey, now) = (&visit.journey, visit.now);
    let client = &journey.understood.client;
    // Whoever takes the request out answers it: a second press of the button finds it gone.
    let taken = server.store.take_authorization_request(SecretHash::of(&visit.id), now).await?;
    taken.ok_or(NoPage::Expired)?;
    if form.one("decision")? != Some("allow") {
        server
            .ledger
            .record(&Event::ConsentDenied { user: person.user.id.as_str(), client: client.id.as_str() })
            .await?;
        return Ok(journey.refuse(server, &denied(), Vec::new()));
    }
    agree(&journey.agreement(&person.user, server), journey, person, server, now).await?;
    journey.finish(person, server, now, Vec::new()).await
}

/// Remembers what the person has agreed to.
async fn agree(
    agreement: &Agreement,
    journey: &Journey,
    person: &SignedIn,
    server: &AuthServer,
    now: OffsetDateTime,
) -> Result<(), NoPage> {
    let (user, client) = (&person.user.id, journey.understood.client.id.as_str());
    let (of_user, of_api): (Vec<_>, Vec<_>) = agreement.scope.iter().cloned().partition(is_openid_connect);
    let api = journey.understood.api.as_ref().map(|api| api.identifier.clone());
    let consents = vec![
        Consent { api: None, scope: of_user.into_iter().collect() },
        Consent { api, scope: of_api.into_iter().collect() },
    ];
    server.store.add_consents(user, client, consents, now).await?;
    server.store.add_pairing_consents(user, client, agreement.pairings.clone(), now).await?;
    let scope = agreement.scope.to_string();
    server.ledger.record(&Event::Consented { user: user.as_str(), client, pairing: None, scope: &scope }).await?;
    for PairingConsent { source, target, scope } in &agreement.pairings {
        let pairing = Some((source.as_str(), target.as_str()));
        server
            .ledger
            .record(&Event::Consented { user: user.as_str(), client, pairing, scope: &scope.to_string() })
            .await?;
    }
    Ok(())
}

fn consent_page(server: &AuthServer, visit: &Visit, person: &SignedIn) -> HttpResponse {
    let (site, registry) = (page::site(server), server.registry());
    let understood = &visit.journey.understood;
    let Agreement { scope, pairings } = visit.journey.agreement(&person.user, server);
    let about_the_person = scope.iter().filter_map(|name| ScopeLine::standard(name.as_str())).collect();
    let of_api = scope.filter(|name| !is_openid_connect(name));
    let at_the_api = understood.api.as_deref().map(|api| ConsentGroup::at(api, &of_api));
    let about_the_person = ConsentGroup { api: None, through: None, scopes: about_the_person };
    let groups = std::iter::once(about_the_person).chain(at_the_api);
    let groups = groups.chain(pairings.iter().filter_map(|pairing| ConsentGroup::behind(pairing, &registry)));
    let redirect_uri = &understood.reply_to.redirect_uri;
    let consent = ConsentPage {
        site: &site,
        csrf: &forgery::token(server, &visit.browser),
        request: &visit.id,
        client_name: &understood.client.name,
        username: &person.user.username,
        return_to: &redirect_uri.form_action_source(),
        groups: groups.filter(|group| !group.scopes.is_empty()).collect(),
    };
    page::send(StatusCode::OK, &consent, Some(redirect_uri))
}

fn denied() -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, "consent_denied", "the person did not agree")
}
