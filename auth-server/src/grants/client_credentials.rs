//! `grant_type=client_credentials` (RFC 6749 section 4.4): a token for the client itself, without a user.

use shared_claims::Scope;

use super::issue::{Issue, context_of_new};
use super::{AuthenticatedClient, GrantError, ProvenKey, TokenResponse, entitlement};
use crate::audit::Event;
use crate::protocol::{ErrorCode, GrantType, OAuthError, Parameters, Target};
use crate::server::AuthServer;
use crate::store::{Change, GrantId, NewGrant};

const ONCE: [&str; 4] = ["grant_type", "scope", "client_id", "client_secret"];

pub(super) async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, GrantError> {
    parameters.refuse_repeated(&ONCE)?;
    proves_itself(client)?;
    let (now, registry) = (server.now(), server.registry());
    let target = Target::read(parameters)?;
    let asked = asked_scope(client, target.as_ref(), parameters)?;
    let entitlement = entitlement::of_client(client, target.as_ref().map(Target::as_str), &asked, &registry)?;
    let api = entitlement.api.as_deref().ok_or_else(no_api)?;

    let grant = NewGrant {
        id: GrantId::generate(),
        user_id: None,
        client_id: client.id.to_string(),
        sid: None,
        scope: entitlement.scope.clone(),
        audience: Some(api.identifier.clone()),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        userinfo_claims: Vec::new(),
        created_at: now,
        // A machine asks again; its grant need not outlive its token by much.
        expires_at: now + api.token_lifetime,
        status_index: Some(server.status_indices.next(&server.store, now).await?.0),
    };
    let context = context_of_new(&grant);
    let scope = &entitlement.scope;
    let issue = Issue {
        server,
        keys: server.keys(),
        client,
        api: Some(api),
        context: &context,
        scope,
        key,
        until: grant.expires_at,
        now,
    };
    let access_token = issue.access_token().await?;
    let issued = Event::Issued {
        grant_type: GrantType::ClientCredentials.as_str(),
        grant: &context.txn,
        jti: access_token.jti(),
        parent_jti: None,
        user: None,
        client: client.id.as_str(),
        source: None,
        target: Some(&api.identifier),
        actors: None,
        asked: None,
        scope: &scope.to_string(),
    };
    let issued = issued.told();
    server.ledger.record_change(Change::new_grant(grant), |()| vec![issued]).await?;
    Ok(TokenResponse::new(access_token, scope))
}

/// RFC 6749 section 4.4: confidential clients only. Registration says the same; this holds where it did not.
fn proves_itself(client: &AuthenticatedClient) -> Result<(), OAuthError> {
    if client.is_public() {
        Err(OAuthError::new(ErrorCode::UnauthorizedClient, "public_client", "a public client proves nothing"))
    } else {
        Ok(())
    }
}

/// A machine that names no scope gets what it is registered for at the API that it means: nobody else's rights are at
/// stake. OpenID Connect's scopes are about a user, and there is none.
fn asked_scope(
    client: &AuthenticatedClient,
    target: Option<&Target>,
    parameters: &Parameters,
) -> Result<Scope, OAuthError> {
    let asked: Scope =
        parameters.one("scope")?.unwrap_or_default().parse().map_err(|error: shared_claims::scope::InvalidScope| {
            OAuthError::invalid_scope("scope_malformed", error.to_string())
        })?;
    if let Some(name) = asked.iter().find(|name| entitlement::is_openid_connect(name)) {
        let description = format!("{name} is about a user, and this grant has none");
        return Err(OAuthError::invalid_scope("scope_not_allowed", description));
    }
    if !asked.is_empty() {
        return Ok(asked);
    }
    let meant = target.map(Target::as_str).or(client.default_audience.as_deref());
    let only = || (client.allowed_scopes.len() == 1).then(|| client.allowed_scopes.values().next()).flatten();
    Ok(meant.map_or_else(only, |api| client.allowed_scope(api)).cloned().unwrap_or_default())
}

fn no_api() -> OAuthError {
    OAuthError::invalid_request("target_missing", "name the API in audience or resource")
}
