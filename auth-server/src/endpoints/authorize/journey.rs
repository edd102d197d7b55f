//! An authorization request on its way through the pages: kept in the store while its person signs in and agrees, and
//! open to the browser only that began it (nobody can have another person finish it, nor finish another person's).

use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use shared_claims::Scope;
use time::OffsetDateTime;

use super::agreement::{Agreement, pairings_behind};
use super::next_step::{Person, Progress, Step, next_step};
use super::request::{Understood, understand};
use crate::endpoints::page::{self, NoPage};
use crate::grants::authorization_code::CodeDocument;
use crate::grants::entitlement;
use crate::protocol::{ErrorCode, OAuthError, Parameters};
use crate::server::AuthServer;
use crate::store::{AuthorizationRequest, NewAuthorizationCode, OpaqueSecret, SecretHash, StoreError, User};
use crate::tokens::IdTokenHint;
use crate::users::{SignedIn, scope_of_claim};

/// A request on its way.
pub struct Journey {
    pub understood: Understood,
    began_at: OffsetDateTime,
    consented: bool,
    expected_sub: Option<String>,
}

impl Journey {
    /// A request that has just come in.
    pub fn begin(understood: Understood, server: &AuthServer, now: OffsetDateTime) -> Result<Self, OAuthError> {
        Ok(Self { expected_sub: expected_sub(&understood, server)?, understood, began_at: now, consented: false })
    }

    /// Keeps the request as it came; each page reads and checks it anew, so that a change of the registry counts.
    pub async fn keep(
        &self,
        parameters: &Parameters,
        browser: &str,
        server: &AuthServer,
    ) -> Result<OpaqueSecret, StoreError> {
        let id = OpaqueSecret::generate();
        let request = AuthorizationRequest {
            hash: id.hash(),
            browser_hash: SecretHash::of(browser),
            client_id: self.understood.client.id.to_string(),
            document: parameters.encode().as_str().to_owned(),
            consented: false,
            created_at: self.began_at,
            expires_at: self.began_at + server.lifetimes.authorization_request,
        };
        server.store.insert_authorization_request(request).await?;
        Ok(id)
    }

    /// Finds a request that this browser began.
    pub async fn resume(id: &str, browser: &str, server: &AuthServer, now: OffsetDateTime) -> Result<Self, NoPage> {
        let kept = server.store.find_authorization_request(SecretHash::of(id), now).await?.ok_or(NoPage::Expired)?;
        if kept.browser_hash != SecretHash::of(browser) {
            return Err(NoPage::Expired);
        }
        let parameters = Parameters::parse(kept.document.as_bytes())?;
        // Right when it was kept: only a change of the registry can have made it wrong.
        let understood = understand(&parameters, &server.registry()).map_err(|_| NoPage::Expired)?;
        let mut journey = Self::begin(understood, server, now)?;
        journey.began_at = kept.created_at;
        journey.consented = kept.consented;
        Ok(journey)
    }

    /// What the person has to do next.
    pub async fn step(
        &self,
        person: Option<&SignedIn>,
        server: &AuthServer,
        now: OffsetDateTime,
    ) -> Result<Step, StoreError> {
        let consent_is_missing = match person {
            Some(person) => !self.missing_agreement(&person.user, server).await?.is_empty(),
            None => false,
        };
        let progress = Progress {
            began_at: self.began_at,
            consented: self.consented,
            consent_is_missing,
            expected_sub: self.expected_sub.as_deref(),
        };
        let person = person.map(|person| Person { sub: person.user.id.as_str(), auth_time: person.session.auth_time });
        Ok(next_step(&self.understood.request, &progress, person.as_ref(), now))
    }

    /// What the person would give: no scope of an API that enforces permissions which they do not have themselves.
    #[must_use]
    pub fn scope_of(&self, user: &User) -> Scope {
        entitlement::of_user(&self.understood.scope, self.understood.api.as_deref(), user)
    }

    /// What the consent page asks for.
    #[must_use]
    pub fn agreement(&self, user: &User, server: &AuthServer) -> Agreement {
        let pairings = match &self.understood.api {
            Some(api) => {
                let max_actors = server.exchange_limits.max_actors;
                pairings_behind(&server.registry(), api, &self.scope_of(user), user, max_actors)
            }
            None => Vec::new(),
        };
        Agreement { scope: self.scope_to_agree_to(user), pairings }
    }

    /// The scope, and those that claims asked for by name belong to.
    fn scope_to_agree_to(&self, user: &User) -> Scope {
        let claims = &self.understood.request.claims;
        let names = claims.userinfo.keys().chain(claims.id_token.keys());
        let behind_claims = names.filter_map(|name| scope_of_claim(name)).filter_map(|name| name.parse().ok());
        self.scope_of(user).union(&behind_claims.collect())
    }

    /// A first-party client's users are not asked, unless the app says so (`prompt=consent`).
    async fn missing_agreement(&self, user: &User, server: &AuthServer) -> Result<Agreement, StoreError> {
        let client = &self.understood.client;
        if client.skip_consent {
            return Ok(Agreement::default());
        }
        let asked = self.agreement(user, server);
        let api = self.understood.api.as_ref().map(|api| api.identifier.as_str());
        let consents = server.store.list_consents(&user.id, client.id.as_str()).await?;
        let scope = consents
            .into_iter()
            .filter(|consent| consent.api.is_none() || consent.api.as_deref() == api)
            .fold(Scope::empty(), |all, consent| all.union(&consent.scope));
        let pairings = if asked.pairings.is_empty() {
            Vec::new()
        } else {
            server.store.list_pairing_consents(&user.id, client.id.as_str()).await?
        };
        Ok(asked.without(&Agreement { scope, pairings }))
    }

    /// Ends the journey: the app gets a code for what the person gave.
    pub async fn finish(
        &self,
        person: &SignedIn,
        server: &AuthServer,
        now: OffsetDateTime,
        cookies: Vec<Cookie<'static>>,
    ) -> Result<HttpResponse, NoPage> {
        let scope = self.scope_of(&person.user);
        if scope.is_empty() {
            return Ok(self.refuse(server, &nothing_left(), cookies));
        }
        let code = OpaqueSecret::generate();
        let document = serde_json::to_string(&self.code_document(person, scope)).map_err(|error| {
            log::error!("a code's document cannot be written: {error}");
            OAuthError::server_error()
        })?;
        let new_code = NewAuthorizationCode {
            hash: code.hash(),
            client_id: self.understood.client.id.to_string(),
            redirect_uri: self.understood.reply_to.redirect_uri.as_str().to_owned(),
            document,
            created_at: now,
            expires_at: now + server.lifetimes.authorization_code,
        };
        server.store.insert_authorization_code(new_code).await?;
        let response = self.understood.reply_to.success(server.issuer.as_str(), code.expose());
        Ok(page::authorization_response(server, response, cookies))
    }

    /// Ends a journey that was kept: whoever takes the request out answers it, so that a page that is opened again, or a
    /// button that is pressed twice, gives no second code.
    pub async fn finish_kept(
        &self,
        id: &str,
        person: &SignedIn,
        server: &AuthServer,
        now: OffsetDateTime,
        cookies: Vec<Cookie<'static>>,
    ) -> Result<HttpResponse, NoPage> {
        server.store.take_authorization_request(SecretHash::of(id), now).await?.ok_or(NoPage::Expired)?;
        self.finish(person, server, now, cookies).await
    }

    /// Ends the journey with an error for the app.
    #[must_use]
    pub fn refuse(&self, server: &AuthServer, error: &OAuthError, cookies: Vec<Cookie<'static>>) -> HttpResponse {
        let response = self.understood.reply_to.error(server.issuer.as_str(), error);
        page::authorization_response(server, response, cookies)
    }

    fn code_document(&self, person: &SignedIn, scope: Scope) -> CodeDocument {
        let request = &self.understood.request;
        CodeDocument {
            user_id: person.user.id.clone(),
            sid: person.session.sid.clone(),
            auth_time: person.session.auth_time,
            acr: person.session.acr.clone(),
            amr: person.session.amr.clone(),
            scope,
            api: self.understood.api.as_ref().map(|api| api.identifier.clone()),
            nonce: request.nonce.clone(),
            code_challenge: request.code_challenge.as_ref().map(|challenge| challenge.as_str().to_owned()),
            dpop_jkt: request.dpop_jkt.clone(),
            redirect_uri_was_sent: request.redirect_uri.is_some(),
            userinfo_claims: request.claims.userinfo.keys().cloned().collect(),
            id_token_claims: request.claims.id_token.keys().cloned().collect(),
        }
    }
}

/// The user that the app means, by `id_token_hint` (Core section 3.1.2.1) or by the `sub` of `claims` (section 5.5.1).
fn expected_sub(understood: &Understood, server: &AuthServer) -> Result<Option<String>, OAuthError> {
    use secrecy::ExposeSecret as _;
    let request = &understood.request;
    if let Some(hint) = &request.id_token_hint {
        let hint =
            IdTokenHint::read(hint.expose_secret(), server.issuer.as_str(), &server.keys()).ok_or_else(|| {
                OAuthError::invalid_request("id_token_hint_invalid", "the id_token_hint is no ID token of this server")
            })?;
        return Ok(Some(hint.sub));
    }
    Ok(request.claims.subject().map(str::to_owned))
}

fn nothing_left() -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, "nothing_left", "the person has no permission for any of the asked scopes")
}
