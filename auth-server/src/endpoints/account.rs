//! `/account`: a person sees which apps have something of theirs, and which APIs act for them behind it, and takes it back.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use shared_claims::Scope;

use super::authorize::{browser_of, signed_in};
use super::page::{self, NoPage};
use super::{forgery, form};
use crate::audit::Event;
use crate::pages::{AccountPage, AppAccess, ConsentGroup, PairingAccess, ScopeLine};
use crate::protocol::Parameters;
use crate::registry::{Client, Registry};
use crate::server::AuthServer;
use crate::store::{Consent, PairingConsent, User};

pub async fn get(request: HttpRequest, server: web::Data<AuthServer>) -> HttpResponse {
    page::or_error(&server, show(&request, &server).await)
}

pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    page::or_error(&server, withdraw(&request, payload, &server).await)
}

/// The address of the page; a person who is not signed in is sent on to sign in.
#[must_use]
pub fn address(server: &AuthServer) -> String {
    format!("{}/account", server.issuer.path())
}

async fn show(request: &HttpRequest, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let Some(person) = signed_in(request, server, server.now()).await? else {
        return Ok(page::see_other(&format!("{}/login", server.issuer.path()), Vec::new()));
    };
    let registry = server.registry();
    let held = held_by_apps(&person.user, &registry, server).await?;
    let (browser, cookies) = browser_of(request, server);
    let account = AccountPage {
        site: &page::site(server),
        csrf: &forgery::token(server, &browser),
        username: &person.user.username,
        apps: held.iter().map(|held| held.described(&registry)).collect(),
    };
    Ok(page::with_cookies(page::send(StatusCode::OK, &account, None), &cookies))
}

async fn withdraw(request: &HttpRequest, payload: web::Payload, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let form = form::read(request, payload).await?;
    forgery::check(request, &form, server).map_err(|_| NoPage::Expired)?;
    let now = server.now();
    if let Some(person) = signed_in(request, server, now).await? {
        let (user, client) = (&person.user.id, form.required("client")?);
        match form.one("decision")? {
            Some("withdraw-pairing") => withdraw_pairing(&person.user, client, &form, server).await?,
            Some("withdraw-app") => {
                server.store.withdraw_access(user, client, "withdrawn_by_user", now).await?;
                server.ledger.record(&Event::ConsentWithdrawn { user: user.as_str(), client, pairing: None }).await?;
            }
            _ => {}
        }
    }
    Ok(page::see_other(&address(server), Vec::new()))
}

async fn withdraw_pairing(user: &User, client: &str, form: &Parameters, server: &AuthServer) -> Result<(), NoPage> {
    let (source, target) = (form.required("source")?, form.required("target")?);
    server.store.delete_pairing_consents(&user.id, client, source, target).await?;
    let pairing = Some((source, target));
    server.ledger.record(&Event::ConsentWithdrawn { user: user.id.as_str(), client, pairing }).await?;
    Ok(())
}

/// What one app has of a person.
struct Held {
    client: std::sync::Arc<Client>,
    consents: Vec<Consent>,
    pairings: Vec<PairingConsent>,
}

async fn held_by_apps(user: &User, registry: &Registry, server: &AuthServer) -> Result<Vec<Held>, NoPage> {
    let mut held = Vec::new();
    for client_id in server.store.list_clients_with_access(&user.id, server.now()).await? {
        // What was removed from the registry has no access any more.
        let Some(client) = registry.client(&client_id) else { continue };
        held.push(Held {
            client: std::sync::Arc::clone(client),
            consents: server.store.list_consents(&user.id, &client_id).await?,
            pairings: server.store.list_pairing_consents(&user.id, &client_id).await?,
        });
    }
    Ok(held)
}

impl Held {
    fn described<'a>(&'a self, registry: &'a Registry) -> AppAccess<'a> {
        let pairings = self.pairings.iter().filter_map(|pairing| {
            let group = ConsentGroup::behind(pairing, registry)?;
            Some(PairingAccess { source: &pairing.source, target: &pairing.target, group })
        });
        AppAccess {
            client_id: self.client.id.as_str(),
            name: &self.client.name,
            groups: self.consents.iter().filter_map(|consent| group_of(consent, registry)).collect(),
            pairings: pairings.collect(),
        }
    }
}

fn group_of<'a>(consent: &'a Consent, registry: &'a Registry) -> Option<ConsentGroup<'a>> {
    let group = match &consent.api {
        Some(api) => ConsentGroup::at(registry.api(api)?, &consent.scope),
        None => ConsentGroup { api: None, through: None, scopes: about_the_person(&consent.scope) },
    };
    Some(group).filter(|group| !group.scopes.is_empty())
}

fn about_the_person(scope: &Scope) -> Vec<ScopeLine<'_>> {
    scope.iter().filter_map(|name| ScopeLine::standard(name.as_str())).collect()
}
