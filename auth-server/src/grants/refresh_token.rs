//! `grant_type=refresh_token` (RFC 6749 section 6): a new access token, and a new refresh token in place of the old.
//!
//! Tokens rotate on every use (RFC 9700 section 4.14.2). One that comes back after its successor was used is theft, and
//! ends the grant; one that comes back before is a lost answer. Every right is computed anew.

use std::sync::Arc;

use shared_claims::Scope;
use time::{Duration, OffsetDateTime};

use super::issue::{Issue, context_of};
use super::on_behalf_of::Renewal;
use super::proof_of_possession::is_held;
use super::refresh_document::RefreshDocument;
use super::{AuthenticatedClient, GrantError, ProvenKey, TokenResponse, entitlement, on_behalf_of};
use crate::audit::{Event, Told};
use crate::protocol::{GrantType, OAuthError, Parameters, Target};
use crate::server::AuthServer;
use crate::store::{
    BehindRefreshToken, Change, Grant, GrantId, NewRefreshToken, OpaqueSecret, RefreshToken, Rotation, SecretHash, User,
};
use crate::tokens::IssuedAccessToken;

const ONCE: [&str; 5] = ["grant_type", "refresh_token", "scope", "client_id", "client_secret"];

/// A refresh token with everything that stands behind it, all of it still good.
struct Presented {
    hash: SecretHash,
    token: RefreshToken,
    document: RefreshDocument,
    grant: Grant,
    user: User,
}

/// What is answered, before the rotation makes it good.
struct Renewed {
    access_token: IssuedAccessToken,
    id_token: Option<String>,
    scope: Scope,
}

pub(super) async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, GrantError> {
    parameters.refuse_repeated(&ONCE)?;
    let now = server.now();
    let presented = present(server, client, parameters, now).await?;
    names_the_same_target(parameters, &presented.token)?;
    let asked = narrower_scope(parameters, &presented.token)?;
    is_held(presented.document.jkt.as_deref(), key)?;

    let renewed = match &presented.document.exchange {
        None => renew(server, client, key, &presented, &asked, now).await?,
        Some(origin) => {
            let Presented { grant, user, token, .. } = &presented;
            let renewal = Renewal { grant, user, origin, token, asked: &asked, key };
            let (access_token, scope) = on_behalf_of::renew(server, client, &renewal, now).await?;
            Renewed { access_token, id_token: None, scope }
        }
    };
    let issued = Event::Issued {
        grant_type: GrantType::RefreshToken.as_str(),
        grant: presented.grant.id.as_str(),
        jti: renewed.access_token.jti(),
        parent_jti: presented.token.access_jti.as_deref(),
        user: Some(presented.user.id.as_str()),
        client: client.id.as_str(),
        source: None,
        target: presented.token.api.as_deref(),
        actors: None,
        asked: None,
        scope: &renewed.scope.to_string(),
    };
    let successor = rotate(server, client, &presented, &renewed.access_token, issued.told(), now).await?;
    Ok(TokenResponse::new(renewed.access_token, &renewed.scope)
        .with_refresh_token(Some(&successor))
        .with_id_token(renewed.id_token))
}

/// Looks up the token and what it came from. A token that was used before goes on to the rotation, which decides whether
/// that is theft; all other faults end here, without effect.
async fn present(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    now: OffsetDateTime,
) -> Result<Presented, GrantError> {
    let hash = SecretHash::of(parameters.required("refresh_token")?);
    let BehindRefreshToken { token, grant, user } =
        server.store.behind_refresh_token(hash).await?.ok_or_else(invalid)?;
    if token.client_id != client.id.as_str() || token.expires_at <= now {
        return Err(invalid().into());
    }
    let grant = grant.filter(|grant| grant.is_live(now)).ok_or_else(invalid)?;
    let user = user.filter(|user| !user.blocked).ok_or_else(invalid)?;
    let document = serde_json::from_str(&token.document).map_err(|error| {
        log::error!("a refresh token's document cannot be read: {error}");
        OAuthError::server_error()
    })?;
    Ok(Presented { hash, token, document, grant, user })
}

async fn renew(
    server: &AuthServer,
    client: &AuthenticatedClient,
    key: Option<&ProvenKey>,
    presented: &Presented,
    asked: &Scope,
    now: OffsetDateTime,
) -> Result<Renewed, GrantError> {
    let registry = server.registry();
    let api = match &presented.token.api {
        Some(identifier) => Some(Arc::clone(registry.api(identifier).ok_or_else(invalid)?)),
        None => None,
    };
    let allowed = entitlement::still_allowed(asked, api.as_deref(), client);
    let scope = entitlement::of_user(&allowed, api.as_deref(), &presented.user);
    // The right to offline access is what a refresh token is: without it there is nothing to renew.
    if !entitlement::allows_offline_access(client, api.as_deref()) {
        return Err(invalid().into());
    }
    let context = context_of(&presented.grant);
    let until = presented.grant.expires_at;
    let issue = Issue {
        server,
        keys: server.keys(),
        client,
        api: api.as_deref(),
        context: &context,
        scope: &scope,
        key,
        until,
        now,
    };
    let access_token = issue.access_token().await?;
    // No nonce: it answered the first request (OpenID Connect Core section 12.2).
    let id_token = issue.id_token(&access_token, None, serde_json::Map::new())?;
    Ok(Renewed { access_token, id_token, scope })
}

/// `issued`: what the ledger says of the new tokens.
async fn rotate(
    server: &AuthServer,
    client: &AuthenticatedClient,
    presented: &Presented,
    access_token: &IssuedAccessToken,
    issued: Told,
    now: OffsetDateTime,
) -> Result<OpaqueSecret, GrantError> {
    let secret = OpaqueSecret::generate();
    let lifetime = Duration::try_from(server.lifetimes.refresh_token).unwrap_or(Duration::DAY);
    let successor = NewRefreshToken {
        hash: secret.hash(),
        client_id: client.id.to_string(),
        api: presented.token.api.clone(),
        // What was granted, not what this request narrowed it to: RFC 6749 section 6.
        scope: presented.token.scope.clone(),
        document: presented.token.document.clone(),
        access_jti: Some(access_token.jti().to_owned()),
        created_at: now,
        expires_at: (now + lifetime).min(presented.grant.expires_at),
    };
    let rotation = Change::rotation(presented.hash, successor, now);
    let grant = presented.grant.id.clone();
    match server.ledger.record_change(rotation, move |rotation| told_of(rotation, &grant, issued)).await? {
        Rotation::Rotated | Rotation::Replaced => Ok(secret),
        Rotation::Reused { .. } => Err(OAuthError::invalid_grant(
            "refresh_token_reused",
            "the refresh token was used before: everything that came from this sign-in has been revoked",
        )
        .into()),
        Rotation::Unknown | Rotation::OfAnotherClient { .. } | Rotation::Expired | Rotation::GrantEnded { .. } => {
            Err(invalid().into())
        }
    }
}

/// What goes on record of a rotation.
fn told_of(rotation: &Rotation, grant: &GrantId, issued: Told) -> Vec<Told> {
    match rotation {
        Rotation::Rotated => vec![issued],
        Rotation::Replaced => {
            vec![Event::RefreshTokenReplaced { grant: grant.as_str(), why: "answer_lost" }.told(), issued]
        }
        Rotation::Reused { grant_id } => {
            vec![Event::Revoked { grant: grant_id.as_str(), why: "refresh_token_reused" }.told()]
        }
        Rotation::Unknown | Rotation::OfAnotherClient { .. } | Rotation::Expired | Rotation::GrantEnded { .. } => {
            Vec::new()
        }
    }
}

/// RFC 6749 section 6: the scope may be narrowed, never widened.
fn narrower_scope(parameters: &Parameters, token: &RefreshToken) -> Result<Scope, OAuthError> {
    let Some(text) = parameters.one("scope")? else { return Ok(token.scope.clone()) };
    let asked: Scope = text.parse().map_err(|error: shared_claims::scope::InvalidScope| {
        OAuthError::invalid_scope("scope_malformed", error.to_string())
    })?;
    let excess = asked.difference(&token.scope);
    if excess.is_empty() {
        Ok(asked)
    } else {
        Err(OAuthError::invalid_scope(
            "scope_not_granted",
            format!("{excess} was not granted: ask for {}", token.scope),
        ))
    }
}

fn names_the_same_target(parameters: &Parameters, token: &RefreshToken) -> Result<(), OAuthError> {
    match Target::read(parameters)? {
        Some(target) if token.api.as_deref() != Some(target.as_str()) => {
            Err(OAuthError::invalid_target("target_differs", "the refresh token is for another target"))
        }
        _ => Ok(()),
    }
}

/// One answer for every refresh token that is no good: unknown, expired, revoked, another client's, a blocked user's.
fn invalid() -> OAuthError {
    OAuthError::invalid_grant("refresh_token_invalid", "the refresh token is unknown, has expired or was revoked")
}
