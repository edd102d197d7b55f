//! Renewing a token that an exchange gave: the same decision again, about the same subject, without the end of a subject
//! token that may have expired long since. What the rules do not give any more is not renewed.

use shared_claims::claims::Confirmation;
use shared_claims::{AccessTokenClaims, Audience, Scope};
use time::OffsetDateTime;

use super::gathering::{Gathered, Where};
use super::tokens;
use crate::exchange::{self, Asked, GrantStanding, Refusal};
use crate::grants::issue::context_of;
use crate::grants::refresh_document::ExchangeOrigin;
use crate::grants::{AuthenticatedClient, GrantError, ProvenKey};
use crate::protocol::{Dialect, OAuthError};
use crate::registry::Registry;
use crate::server::AuthServer;
use crate::store::{Grant, RefreshToken, User};
use crate::tokens::{GrantContext, IssuedAccessToken};

/// What of an exchange its refresh token keeps.
pub(super) fn origin(client: &AuthenticatedClient, gathered: &Gathered, dialect: Dialect) -> ExchangeOrigin {
    let subject = &gathered.subject;
    ExchangeOrigin {
        dialect,
        source: client.api.clone().unwrap_or_default(),
        subject_client_id: subject.client_id.clone(),
        subject_scope: subject.scope.clone(),
        subject_act: subject.act.clone(),
        subject_bound: subject.cnf.is_some(),
        agent: gathered.actor.as_ref().map(|(actor, _)| actor.client_id.clone()),
    }
}

/// Whose renewal it is.
pub struct Renewal<'a> {
    pub grant: &'a Grant,
    pub user: &'a User,
    pub origin: &'a ExchangeOrigin,
    pub token: &'a RefreshToken,
    pub asked: &'a Scope,
    pub key: Option<&'a ProvenKey>,
}

pub async fn renew(
    server: &AuthServer,
    client: &AuthenticatedClient,
    renewal: &Renewal<'_>,
    now: OffsetDateTime,
) -> Result<(IssuedAccessToken, Scope), GrantError> {
    let Renewal { grant, user, origin, token, asked, key } = *renewal;
    let (registry, keys) = (server.registry(), server.keys());
    let place = Where::of(server, &keys, &registry, now);
    let context = context_of(grant);
    let subject = original_subject(&place, &context, grant, origin);
    let actor = origin.agent.as_ref().map(|agent| original_actor(&subject, agent, grant));
    let gathered = Gathered::of(&place, client, subject, grant.clone(), user, actor).await?;

    let scope = still_paired(&registry, origin, token, asked)?;
    let asked = Asked { dialect: origin.dialect, target: token.api.clone(), scope: Some(scope) };
    let asker_key = key.map(ProvenKey::jkt);
    let granted = exchange::decide(&gathered.facts(&place, client, &asked, asker_key, server.exchange_limits))
        .map_err(|refusal| no_longer_given(refusal, origin.dialect))?;
    let access_token = tokens::access_token(server, client, &context, &granted, now).await?;
    Ok((access_token, granted.scope))
}

/// The part of the scope that the pairing still gives: what it has lost is left out, as at any refresh.
fn still_paired(
    registry: &Registry,
    origin: &ExchangeOrigin,
    token: &RefreshToken,
    asked: &Scope,
) -> Result<Scope, OAuthError> {
    let target = token.api.clone().unwrap_or_default();
    let pairing = registry.pairing(&origin.source, &target);
    let scope = pairing.map(|pairing| asked.intersection(&pairing.scope())).unwrap_or_default();
    if scope.is_empty() {
        Err(no_longer_given(Refusal::TargetNotPaired { asked: target, paired: Vec::new() }, origin.dialect))
    } else {
        Ok(scope)
    }
}

/// What can be put right without a new sign-in keeps its code, so that the API can tell its caller; anything else ends
/// the use of this refresh token (RFC 6749 section 5.2).
fn no_longer_given(refusal: Refusal, dialect: Dialect) -> OAuthError {
    match refusal {
        Refusal::ConsentMissing { .. } | Refusal::SignInTooWeak { .. } => refusal.into_error(dialect),
        _ => OAuthError::invalid_grant(refusal.reason(), refusal.description()),
    }
}

fn original_subject(
    place: &Where<'_>,
    context: &GrantContext,
    grant: &Grant,
    origin: &ExchangeOrigin,
) -> AccessTokenClaims {
    let issued_to = place.registry.client(&origin.subject_client_id);
    AccessTokenClaims {
        iss: place.issuer.to_owned(),
        sub: context.sub.clone(),
        aud: Audience::from_iter([origin.source.as_str()]),
        exp: grant.expires_at,
        iat: place.now,
        nbf: None,
        jti: String::new(),
        client_id: origin.subject_client_id.clone(),
        azp: None,
        scope: origin.subject_scope.clone(),
        auth_time: grant.auth_time,
        acr: grant.acr.clone(),
        amr: grant.amr.clone(),
        sid: grant.sid.as_ref().map(ToString::to_string),
        txn: Some(context.txn.clone()),
        act: origin.subject_act.clone(),
        may_act: issued_to.and_then(|client| client.may_act.clone()),
        // To which key does not matter: nobody shows this token.
        cnf: origin.subject_bound.then_some(Confirmation { jkt: None, x5t_s256: None }),
        status: None,
    }
}

/// The agent whose token was shown when the exchange was made. That token has ended; whether the agent still belongs to
/// the asker is judged anew.
fn original_actor(subject: &AccessTokenClaims, agent: &str, grant: &Grant) -> (AccessTokenClaims, GrantStanding) {
    let claims = AccessTokenClaims {
        sub: agent.to_owned(),
        client_id: agent.to_owned(),
        jti: format!("agent {agent}"),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        sid: None,
        txn: None,
        act: None,
        cnf: None,
        ..subject.clone()
    };
    (claims, GrantStanding::Live { until: grant.expires_at })
}
