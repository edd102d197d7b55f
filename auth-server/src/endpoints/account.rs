//! `/account`: a person sees which apps have something of theirs, which APIs act for them behind it, and where they are signed in,
//! and takes it back.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use shared_claims::Scope;
use time::OffsetDateTime;

use super::authorize::{browser_of, signed_in};
use super::page::{self, NoPage};
use super::{forgery, form};
use crate::audit::{Event, ISSUED};
use crate::grants::revocation;
use crate::pages::{AccountPage, AppAccess, ConsentGroup, Moment, PairingAccess, ScopeLine, SessionLine};
use crate::protocol::Parameters;
use crate::registry::{Client, Registry};
use crate::server::AuthServer;
use crate::store::{Consent, Grant, GrantFilter, GrantId, PairingConsent, Session, Use, User};
use crate::users::device;

pub async fn get(request: HttpRequest, server: web::Data<AuthServer>) -> HttpResponse {
    page::or_error(&server, show(&request, &server).await)
}

pub async fn post(request: HttpRequest, payload: web::Payload, server: web::Data<AuthServer>) -> HttpResponse {
    page::or_error(&server, decide(&request, payload, &server).await)
}

/// The address of the page; a person who is not signed in is sent on to sign in.
#[must_use]
pub fn address(server: &AuthServer) -> String {
    format!("{}/account", server.issuer.path())
}

async fn show(request: &HttpRequest, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let now = server.now();
    let Some(person) = signed_in(request, server, now).await? else {
        return Ok(page::see_other(&format!("{}/login", server.issuer.path()), Vec::new()));
    };
    let registry = server.registry();
    let held = held_by_apps(&person.user, &registry, server).await?;
    let sessions = server.store.list_sessions(&person.user.id, now).await?;
    let (browser, cookies) = browser_of(request, server);
    let account = AccountPage {
        site: &page::site(server),
        csrf: &forgery::token(server, &browser),
        username: &person.user.username,
        apps: held.iter().map(|held| held.described(&registry)).collect(),
        sessions: sessions.iter().map(|session| line_of(session, &person.session)).collect(),
    };
    Ok(page::with_cookies(page::send(StatusCode::OK, &account, None), &cookies))
}

fn line_of<'a>(session: &'a Session, this: &Session) -> SessionLine<'a> {
    SessionLine {
        sid: session.sid.as_str(),
        device: device(session.user_agent.as_deref()),
        address: session.address.as_deref(),
        since: Moment(session.auth_time),
        is_this: session.sid == this.sid,
    }
}

/// What the person decides. Whatever it is, they see the page again, or sign in first.
async fn decide(request: &HttpRequest, payload: web::Payload, server: &AuthServer) -> Result<HttpResponse, NoPage> {
    let form = form::read(request, payload).await?;
    forgery::check(request, &form, server).map_err(|_| NoPage::Expired)?;
    let now = server.now();
    if let Some(person) = signed_in(request, server, now).await? {
        let user = &person.user;
        match form.one("decision")? {
            Some("withdraw-pairing") => withdraw_pairing(user, &form, server).await?,
            Some("withdraw-app") => withdraw_app(user, form.required("client")?, server).await?,
            Some("withdraw-all") => {
                for client in server.store.list_clients_with_access(&user.id, now).await? {
                    withdraw_app(user, &client, server).await?;
                }
            }
            Some("sign-out") => sign_out_of(user, Some(form.required("session")?), server).await?,
            Some("sign-out-everywhere") => sign_out_of(user, None, server).await?,
            _ => {}
        }
    }
    Ok(page::see_other(&address(server), Vec::new()))
}

/// Ends one session of the person, or all.
async fn sign_out_of(user: &User, sid: Option<&str>, server: &AuthServer) -> Result<(), NoPage> {
    let sessions = server.store.list_sessions(&user.id, server.now()).await?;
    for session in sessions.iter().filter(|session| sid.is_none_or(|sid| session.sid.as_str() == sid)) {
        revocation::sign_out(server, session).await?;
    }
    Ok(())
}

/// Why grants end that the person takes back.
const WITHDRAWN: &str = "withdrawn_by_user";

async fn withdraw_app(user: &User, client: &str, server: &AuthServer) -> Result<(), NoPage> {
    let ended = server.store.withdraw_access(&user.id, client, WITHDRAWN, server.now()).await?;
    server.ledger.record(&Event::ConsentWithdrawn { user: user.id.as_str(), client, pairing: None }).await?;
    Ok(server.ledger.record_revoked(&ended, WITHDRAWN).await?)
}

async fn withdraw_pairing(user: &User, form: &Parameters, server: &AuthServer) -> Result<(), NoPage> {
    let client = form.required("client")?;
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
    /// The oldest grant of it that has not ended.
    since: Option<OffsetDateTime>,
    given: Vec<Given>,
    /// What APIs did that nobody was asked for, since their operator allows it.
    unasked: Vec<PairingConsent>,
}

/// A token that was given from one of the app's grants, by the ledger.
struct Given {
    at: OffsetDateTime,
    /// Source, target and scope, where an API got it by an exchange.
    exchanged: Option<PairingConsent>,
}

impl From<Use> for Given {
    fn from(last: Use) -> Self {
        let body: Value = serde_json::from_str(&last.body).unwrap_or_default();
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let exchanged = text("source").zip(text("target")).map(|(source, target)| {
            let scope = text("scope").and_then(|scope| scope.parse().ok()).unwrap_or_default();
            PairingConsent { source, target, scope }
        });
        Self { at: last.at, exchanged }
    }
}

/// What was exchanged and is not among the consents: once for each pairing, with all its scopes.
fn unasked(given: &[Given], consents: &[PairingConsent]) -> Vec<PairingConsent> {
    let mut all = Vec::<PairingConsent>::new();
    let same = |one: &PairingConsent, other: &PairingConsent| one.source == other.source && one.target == other.target;
    for given in given.iter().filter_map(|given| given.exchanged.as_ref()) {
        if consents.iter().any(|consent| same(consent, given)) {
            continue;
        }
        match all.iter_mut().find(|known| same(known, given)) {
            Some(known) => known.scope = known.scope.union(&given.scope),
            None => all.push(given.clone()),
        }
    }
    all
}

async fn held_by_apps(user: &User, registry: &Registry, server: &AuthServer) -> Result<Vec<Held>, NoPage> {
    let mut held = Vec::new();
    let now = server.now();
    let of_user = GrantFilter { user: Some(user.id.clone()), client_id: None };
    let grants = server.store.list_live_grants(&of_user, now).await?;
    for client_id in server.store.list_clients_with_access(&user.id, now).await? {
        // What was removed from the registry has no access any more.
        let Some(client) = registry.client(&client_id) else { continue };
        let own: Vec<&Grant> = grants.iter().filter(|grant| grant.client_id == client_id).collect();
        let ids: Vec<GrantId> = own.iter().map(|grant| grant.id.clone()).collect();
        let given: Vec<Given> = server.store.last_uses(&ids, ISSUED).await?.into_iter().map(Given::from).collect();
        let pairings = server.store.list_pairing_consents(&user.id, &client_id).await?;
        held.push(Held {
            since: own.iter().map(|grant| grant.created_at).min(),
            unasked: unasked(&given, &pairings),
            given,
            client: std::sync::Arc::clone(client),
            consents: server.store.list_consents(&user.id, &client_id).await?,
            pairings,
        });
    }
    Ok(held)
}

impl Held {
    fn described<'a>(&'a self, registry: &'a Registry) -> AppAccess<'a> {
        let asked = self.pairings.iter().map(|pairing| (pairing, true));
        let all = asked.chain(self.unasked.iter().map(|pairing| (pairing, false)));
        let pairings = all.filter_map(|(pairing, may_be_stopped)| {
            let group = ConsentGroup::behind(pairing, registry)?;
            let (source, target) = (pairing.source.as_str(), pairing.target.as_str());
            let last_used = self.last_exchanged(source, target);
            Some(PairingAccess { source, target, may_be_stopped, last_used, group })
        });
        AppAccess {
            client_id: self.client.id.as_str(),
            name: &self.client.name,
            since: self.since.map(Moment),
            last_used: self.given.first().map(|given| Moment(given.at)),
            groups: self.consents.iter().filter_map(|consent| group_of(consent, registry)).collect(),
            pairings: pairings.collect(),
        }
    }

    /// When `source` last got a token for `target` because of this app.
    fn last_exchanged(&self, source: &str, target: &str) -> Option<Moment> {
        let is_this = |given: &&Given| {
            given.exchanged.as_ref().is_some_and(|given| given.source == source && given.target == target)
        };
        self.given.iter().find(is_this).map(|given| Moment(given.at))
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
