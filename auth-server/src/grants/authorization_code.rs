//! `grant_type=authorization_code` (RFC 6749 section 4.1.3, RFC 7636 section 4.6, OpenID Connect Core section 3.1.3).
//!
//! Order matters. Only a request that has proved that the code is its own (client, redirect URI, PKCE) may learn that the
//! code was used before, and end what it gave: otherwise a leaked code would be a switch to end other people's grants.

use serde::{Deserialize, Serialize};
use shared_claims::Scope;
use time::OffsetDateTime;

use super::issue::{Issue, context_of_new};
use super::proof_of_possession::is_held;
use super::refresh_document::RefreshDocument;
use super::{AuthenticatedClient, GrantError, ProvenKey, TokenResponse, entitlement};
use crate::audit::Event;
use crate::protocol::{CodeChallenge, CodeVerifier, GrantType, OAuthError, Parameters, Target, pkce};
use crate::server::AuthServer;
use crate::store::{
    AuthorizationCode, Change, GrantId, NewGrant, NewRefreshToken, OpaqueSecret, Redemption, SecretHash, SessionId,
    User, UserId,
};
use crate::users::{claims_named, claims_of};

/// What a code stands for: everything that its redemption needs, fixed when the person agreed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeDocument {
    pub user_id: UserId,
    pub sid: SessionId,
    #[serde(with = "time::serde::timestamp")]
    pub auth_time: OffsetDateTime,
    pub acr: Option<String>,
    pub amr: Vec<String>,
    pub scope: Scope,
    /// The API's identifier.
    pub api: Option<String>,
    pub nonce: Option<String>,
    pub code_challenge: Option<String>,
    /// The key that alone may redeem it (RFC 9449 section 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// Whether the authorization request named its redirect URI: the token request must then repeat it.
    pub redirect_uri_was_sent: bool,
    /// Claims asked for one by one (OpenID Connect Core section 5.5).
    pub userinfo_claims: Vec<String>,
    pub id_token_claims: Vec<String>,
}

const ONCE: [&str; 6] = ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"];

pub(super) async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, GrantError> {
    parameters.refuse_repeated(&ONCE)?;
    let hash = SecretHash::of(parameters.required("code")?);
    let code = server.store.find_authorization_code(hash).await?.ok_or_else(unknown_code)?;
    let document: CodeDocument = serde_json::from_str(&code.document).map_err(|_| unreadable())?;

    belongs_to(client, &code)?;
    names_the_same_redirect_uri(parameters, &code, &document)?;
    answers_the_challenge(parameters, &document)?;
    names_the_same_target(parameters, &document)?;
    is_held(document.dpop_jkt.as_deref(), key)?;
    if let Some(grant_id) = &code.grant_id {
        return Err(replayed(server, grant_id).await);
    }
    let user =
        server.store.find_user(&document.user_id).await?.filter(|user| !user.blocked).ok_or_else(unknown_code)?;
    redeem(server, client, key, hash, &document, &user).await
}

async fn redeem(
    server: &AuthServer,
    client: &AuthenticatedClient,
    key: Option<&ProvenKey>,
    code: SecretHash,
    document: &CodeDocument,
    user: &User,
) -> Result<TokenResponse, GrantError> {
    let (now, registry) = (server.now(), server.registry());
    let api = match &document.api {
        Some(identifier) => Some(registry.api(identifier).ok_or_else(unknown_code)?.as_ref()),
        None => None,
    };
    let allowed = entitlement::still_allowed(&document.scope, api, client);
    let scope = entitlement::of_user(&allowed, api, user);
    let status = server.status_indices.next(&server.store, now).await?;
    let grant = NewGrant { status_index: Some(status.0), ..new_grant(server, client, document, &scope, now) };
    let context = context_of_new(&grant);

    let issue = Issue {
        server,
        keys: server.keys(),
        client,
        api,
        context: &context,
        scope: &scope,
        key,
        until: grant.expires_at,
        now,
    };
    let access_token = issue.access_token().await?;
    let profile = id_token_profile(client, document, &scope, user);
    let id_token = issue.id_token(&access_token, document.nonce.as_deref(), profile)?;

    let refresh_token = scope.contains("offline_access").then(OpaqueSecret::generate);
    let document_of_refresh_token = RefreshDocument::of_an_app(client, key).written()?;
    let new_refresh_token = refresh_token.as_ref().map(|token| NewRefreshToken {
        hash: token.hash(),
        client_id: client.id.to_string(),
        api: document.api.clone(),
        scope: scope.clone(),
        document: document_of_refresh_token,
        access_jti: Some(access_token.jti().to_owned()),
        created_at: now,
        expires_at: now + server.lifetimes.refresh_token,
    });
    let issued = Event::Issued {
        grant_type: GrantType::AuthorizationCode.as_str(),
        grant: &context.txn,
        jti: access_token.jti(),
        parent_jti: None,
        user: Some(user.id.as_str()),
        client: client.id.as_str(),
        source: None,
        target: document.api.as_deref(),
        actors: None,
        asked: None,
        scope: &scope.to_string(),
    };
    let issued = issued.told();
    let told_of = |redemption: &Redemption| Vec::from_iter((*redemption == Redemption::Granted).then_some(issued));
    match server.ledger.record_change(Change::redemption(code, grant, new_refresh_token, now), told_of).await? {
        Redemption::Granted => {}
        Redemption::AlreadyRedeemed { grant_id } => return Err(replayed(server, &grant_id).await),
        Redemption::Unknown => return Err(unknown_code().into()),
    }
    Ok(TokenResponse::new(access_token, &scope).with_refresh_token(refresh_token.as_ref()).with_id_token(id_token))
}

fn new_grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    document: &CodeDocument,
    scope: &Scope,
    now: OffsetDateTime,
) -> NewGrant {
    NewGrant {
        id: GrantId::generate(),
        user_id: Some(document.user_id.clone()),
        client_id: client.id.to_string(),
        sid: Some(document.sid.clone()),
        scope: scope.clone(),
        audience: document.api.clone(),
        auth_time: Some(document.auth_time),
        acr: document.acr.clone(),
        amr: document.amr.clone(),
        userinfo_claims: document.userinfo_claims.clone(),
        created_at: now,
        expires_at: now + server.lifetimes.grant,
        status_index: None,
    }
}

/// In the code flow the claims of `profile` and its like come from userinfo (Core section 5.4); the ID token has what was
/// asked for by name, and everything where the client is registered so.
fn id_token_profile(
    client: &AuthenticatedClient,
    document: &CodeDocument,
    scope: &Scope,
    user: &User,
) -> serde_json::Map<String, serde_json::Value> {
    let mut claims = if client.scope_claims_in_id_token { claims_of(user, scope) } else { serde_json::Map::new() };
    claims.extend(claims_named(user, &document.id_token_claims));
    claims
}

fn belongs_to(client: &AuthenticatedClient, code: &AuthorizationCode) -> Result<(), OAuthError> {
    if code.client_id == client.id.as_str() { Ok(()) } else { Err(unknown_code()) }
}

/// RFC 6749 section 4.1.3: the same text, if the authorization request had one.
fn names_the_same_redirect_uri(
    parameters: &Parameters,
    code: &AuthorizationCode,
    document: &CodeDocument,
) -> Result<(), OAuthError> {
    match parameters.one("redirect_uri")? {
        Some(named) if named == code.redirect_uri => Ok(()),
        None if !document.redirect_uri_was_sent => Ok(()),
        _ => Err(OAuthError::invalid_grant(
            "redirect_uri_differs",
            "the redirect_uri is not the one of the authorization request",
        )),
    }
}

fn answers_the_challenge(parameters: &Parameters, document: &CodeDocument) -> Result<(), OAuthError> {
    let challenge = document.code_challenge.as_deref().map(CodeChallenge::parse).transpose()?;
    pkce::verify(challenge.as_ref(), CodeVerifier::read(parameters)?.as_ref())
}

/// RFC 8707 section 2.2: the token request may repeat the target, and may not change it.
fn names_the_same_target(parameters: &Parameters, document: &CodeDocument) -> Result<(), OAuthError> {
    match Target::read(parameters)? {
        Some(target) if document.api.as_deref() != Some(target.as_str()) => {
            Err(OAuthError::invalid_target("target_differs", "the code was asked for with another target"))
        }
        _ => Ok(()),
    }
}

/// RFC 6749 section 4.1.2: what the code gave ends.
async fn replayed(server: &AuthServer, grant: &GrantId) -> GrantError {
    match server.ledger.revoke(grant, "code_replayed").await {
        Ok(_) => {
            OAuthError::invalid_grant("code_replayed", "the code was used before: what it gave has been revoked").into()
        }
        Err(error) => error.into(),
    }
}

/// One answer for a code that never was, has expired, or is another client's.
fn unknown_code() -> OAuthError {
    OAuthError::invalid_grant("code_invalid", "the code is unknown, has expired, or was given to another client")
}

fn unreadable() -> OAuthError {
    log::error!("an authorization code's document cannot be read");
    OAuthError::server_error()
}
