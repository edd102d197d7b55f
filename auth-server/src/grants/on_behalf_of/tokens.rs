//! Making good what was decided: the access token, and where they were granted an ID token and a refresh token.

use shared_claims::Audience;
use time::{Duration, OffsetDateTime};

use crate::exchange::{Granted, Refusal};
use crate::grants::abreast::abreast;
use crate::grants::refresh_document::{ExchangeOrigin, RefreshDocument};
use crate::grants::{AuthenticatedClient, GrantError};
use crate::server::AuthServer;
use crate::store::{Grant, NewRefreshToken, OpaqueSecret};
use crate::tokens::{
    AccessTokenRequest, GrantContext, IdTokenRequest, IssuedAccessToken, sign_access_token, sign_id_token,
};

pub(super) async fn access_token(
    server: &AuthServer,
    client: &AuthenticatedClient,
    context: &GrantContext,
    granted: &Granted,
    now: OffsetDateTime,
) -> Result<IssuedAccessToken, GrantError> {
    let request = AccessTokenRequest {
        audience: Audience::from_iter([granted.target.identifier.as_str()]),
        client_id: client.id.to_string(),
        scope: granted.scope.clone(),
        act: Some(granted.actor.clone()),
        may_act: client.may_act.clone(),
        cnf: granted.bound_to.clone(),
        algorithm: server.algorithm_for_api(Some(&granted.target)),
        expires_at: granted.expires_at,
    };
    abreast().await;
    let issued = sign_access_token(server.issuer.as_str(), context, request, &server.keys(), now)?;
    server.own_tokens.recognise(&issued);
    Ok(issued)
}

pub(super) fn id_token(
    server: &AuthServer,
    client: &AuthenticatedClient,
    context: &GrantContext,
    granted: &Granted,
    access_token: &IssuedAccessToken,
    now: OffsetDateTime,
) -> Result<Option<String>, GrantError> {
    if !granted.id_token {
        return Ok(None);
    }
    let request = IdTokenRequest {
        client_id: client.id.as_str(),
        nonce: None,
        access_token: &access_token.text,
        profile: serde_json::Map::new(),
        algorithm: server.algorithm_for_client(client),
    };
    Ok(Some(sign_id_token(server.issuer.as_str(), context, request, &server.keys(), now)?))
}

/// `origin`: what each renewal is decided by.
pub(super) async fn refresh_token(
    server: &AuthServer,
    client: &AuthenticatedClient,
    grant: &Grant,
    origin: ExchangeOrigin,
    granted: &Granted,
    access_token: &IssuedAccessToken,
    now: OffsetDateTime,
) -> Result<OpaqueSecret, GrantError> {
    let dialect = origin.dialect;
    let document = RefreshDocument::of_an_exchange(origin).written()?;
    let secret = OpaqueSecret::generate();
    let lifetime = Duration::try_from(server.lifetimes.refresh_token).unwrap_or(Duration::DAY);
    let token = NewRefreshToken {
        hash: secret.hash(),
        client_id: client.id.to_string(),
        api: Some(granted.target.identifier.clone()),
        scope: granted.scope.clone(),
        document,
        access_jti: Some(access_token.jti().to_owned()),
        created_at: now,
        expires_at: (now + lifetime).min(grant.expires_at),
    };
    // The grant may have been revoked since it was looked up.
    if server.store.insert_refresh_token(&grant.id, token, now).await? {
        Ok(secret)
    } else {
        Err(Refusal::SubjectTokenRevoked.into_error(dialect).into())
    }
}
