//! Introspection (RFC 7662): whether a token is good now, and what it says, for a client that may know.
//!
//! Whatever is not good, and whatever the client may not know, is `{"active": false}` and nothing else, so that nothing can
//! be probed.

use std::sync::Arc;

use serde::Serialize;
use shared_claims::claims::{Confirmation, MayAct};
use shared_claims::{AccessTokenClaims, Actor, Audience, Scope};
use time::OffsetDateTime;

use super::refresh_document::RefreshDocument;
use super::{AuthenticatedClient, GrantError};
use crate::exchange::came_by_what_is_still_allowed;
use crate::protocol::{ErrorCode, OAuthError, Parameters};
use crate::registry::Client;
use crate::server::AuthServer;
use crate::store::{BehindToken, Found, Grant, GrantId, Holder, RefreshToken, SecretHash, Standing};

const ONCE: [&str; 4] = ["token", "token_type_hint", "client_id", "client_secret"];

/// The answer (RFC 7662 section 2.2).
#[derive(Serialize)]
#[serde(untagged)]
pub enum Introspection {
    Inactive { active: bool },
    Active(Box<Active>),
}

#[derive(Serialize)]
pub struct Active {
    #[serde(rename = "active")]
    is_good: bool,
    token_type: &'static str,
    scope: Scope,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    sub: String,
    iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
    #[serde(with = "time::serde::timestamp")]
    exp: OffsetDateTime,
    #[serde(with = "time::serde::timestamp")]
    iat: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(with = "time::serde::timestamp::option", skip_serializing_if = "Option::is_none")]
    auth_time: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    txn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    may_act: Option<MayAct>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
}

impl Introspection {
    const INACTIVE: Self = Self::Inactive { active: false };
}

/// `token_type_hint` is only a hint (section 2.1): one look at the token tells its kind.
pub async fn introspect(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
) -> Result<Introspection, GrantError> {
    parameters.refuse_repeated(&ONCE)?;
    if client.is_public() {
        let description = "a public client cannot introspect: it proves nothing";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "introspection_not_allowed", description).into());
    }
    let token = parameters.required("token")?;
    let active = if token.contains('.') {
        access_token(server, client, token).await?
    } else {
        refresh_token(server, client, token).await?
    };
    Ok(active.map_or(Introspection::INACTIVE, |active| Introspection::Active(Box::new(active))))
}

async fn access_token(server: &AuthServer, client: &Client, token: &str) -> Result<Option<Active>, GrantError> {
    let now = server.now();
    let Ok(token) = server.own_tokens.verify(token, &server.keys(), now) else { return Ok(None) };
    let token = Arc::unwrap_or_clone(token);
    if !may_know(client, &token) {
        return Ok(None);
    }
    let Some(txn) = token.txn.clone() else { return Ok(None) };
    let Some((_, holder, is_first_use)) = behind(server, &GrantId::from(txn.as_str()), &token.jti, now).await? else {
        return Ok(None);
    };
    let registry = server.registry();
    let called = token.aud.iter().find(|audience| registry.api(audience).is_some());
    if !came_by_what_is_still_allowed(&registry, &token, called) {
        return Ok(None);
    }
    // Whoever shows a token here has used it: the refresh token that it came with was not lost on its way.
    if is_first_use {
        server.store.access_token_used(&token.jti, now).await?;
    }
    Ok(Some(Active {
        is_good: true,
        token_type: if token.cnf.is_some() { "DPoP" } else { "Bearer" },
        scope: token.scope,
        client_id: token.client_id,
        username: holder.map(|holder| holder.username),
        sub: token.sub,
        iss: token.iss,
        aud: Some(token.aud),
        exp: token.exp,
        iat: token.iat,
        jti: Some(token.jti),
        auth_time: token.auth_time,
        acr: token.acr,
        amr: token.amr,
        sid: token.sid,
        txn,
        act: token.act,
        may_act: token.may_act,
        cnf: token.cnf,
    }))
}

/// The client identity of an API that the token is for, or a client that may introspect that API's tokens.
fn may_know(client: &Client, token: &AccessTokenClaims) -> bool {
    let own = client.api.as_ref().is_some_and(|api| token.aud.contains(api));
    own || token.aud.iter().any(|api| client.introspects.contains(api))
}

/// A refresh token concerns nobody but its client.
async fn refresh_token(server: &AuthServer, client: &Client, token: &str) -> Result<Option<Active>, GrantError> {
    let now = server.now();
    let Some(token) = server.store.find_refresh_token(SecretHash::of(token)).await? else { return Ok(None) };
    let spent = token.used_at.is_some() || token.superseded_at.is_some() || token.expires_at <= now;
    if spent || token.client_id != client.id.as_str() {
        return Ok(None);
    }
    let Some((grant, holder, _)) = behind(server, &token.grant_id, "", now).await? else { return Ok(None) };
    Ok(Some(of_refresh_token(server, token, grant, holder)))
}

fn of_refresh_token(server: &AuthServer, token: RefreshToken, grant: Grant, holder: Option<Holder>) -> Active {
    let sub = holder.as_ref().map_or_else(|| grant.client_id.clone(), |holder| holder.id.to_string());
    Active {
        is_good: true,
        token_type: "refresh_token",
        scope: token.scope,
        client_id: token.client_id,
        username: holder.map(|holder| holder.username),
        sub,
        iss: server.issuer.to_string(),
        aud: token.api.map(|api| Audience::from_iter([api])),
        exp: token.expires_at.min(grant.expires_at),
        iat: token.created_at,
        jti: None,
        auth_time: grant.auth_time,
        acr: grant.acr,
        amr: grant.amr,
        sid: grant.sid.map(|sid| sid.to_string()),
        txn: grant.id.to_string(),
        act: None,
        may_act: None,
        cnf: held_by(&token.document),
    }
}

/// The key that alone may use a refresh token.
fn held_by(document: &str) -> Option<Confirmation> {
    let document: RefreshDocument = serde_json::from_str(document).unwrap_or_default();
    document.jkt.map(|jkt| Confirmation { jkt: Some(jkt), x5t_s256: None })
}

/// The live grant behind a token and its user, who is there and not blocked; and whether this access token of it was never
/// seen here before.
async fn behind(
    server: &AuthServer,
    grant: &GrantId,
    jti: &str,
    now: OffsetDateTime,
) -> Result<Option<(Grant, Option<Holder>, bool)>, GrantError> {
    let jti = Some(jti.to_owned());
    let asked = BehindToken { grant: grant.clone(), jti, consents: false, may_be_remembered: false };
    let Found { standing, is_first_use, .. } = server.store.behind_token(asked).await?;
    let Standing { grant, holder, .. } = &*standing;
    let Some(grant) = grant.as_ref().filter(|grant| grant.is_live(now)) else { return Ok(None) };
    if grant.user_id.is_some() && holder.as_ref().is_none_or(|holder| holder.blocked) {
        return Ok(None);
    }
    Ok(Some((grant.clone(), holder.clone(), is_first_use)))
}
