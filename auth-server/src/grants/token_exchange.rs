//! `grant_type=urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): step 4 of the flow. An API shows the token
//! that it was called with and gets one for the API that it wants to call on behalf of the same user.
//!
//! This file gathers the facts and makes good the decision; the rules are in [`crate::exchange`].

use secrecy::ExposeSecret as _;
use shared_claims::validator::{AccessTokenVerifier, InvalidToken};
use shared_claims::{AccessTokenClaims, Audience, Scope};
use time::{Duration, OffsetDateTime};

use super::issue::context_of;
use super::refresh_document::{ExchangeOrigin, RefreshDocument};
use super::{AuthenticatedClient, GrantError, TokenResponse};
use crate::audit::Event;
use crate::exchange::{self, Asked, Facts, GrantStanding, Granted, Refusal};
use crate::protocol::{ExchangeRequest, GrantType, OAuthError, Parameters};
use crate::server::AuthServer;
use crate::store::{Grant, GrantId, NewRefreshToken, OpaqueSecret, RefreshToken, User};
use crate::tokens::{
    AccessTokenRequest, GrantContext, IdTokenRequest, IssuedAccessToken, sign_access_token, sign_id_token,
};

pub(super) async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
) -> Result<TokenResponse, GrantError> {
    let now = server.now();
    let request = ExchangeRequest::read(parameters)?;
    let subject = verify_subject_token(server, request.subject_token.expose_secret(), now)?;
    let standing = Standing::of(server, &subject, now).await?;
    let granted = decide(server, client, &Asked::from(&request), &subject, &standing, now)?;

    // From here on the request is granted. Whoever shows a token here has used it: the refresh token that it came with
    // was not lost on its way.
    server.store.access_token_used(&subject.jti, now).await?;
    let grant = standing.grant.as_ref().ok_or(Refusal::SubjectTokenRevoked)?;
    let context = context_of(grant);
    let access_token = sign(server, client, &context, &granted, now)?;
    let id_token = id_token(server, client, &context, &granted, &access_token, now)?;
    let refresh_token = refresh_token(server, client, &subject, grant, &granted, &access_token, now).await?;
    Event::Issued {
        grant_type: GrantType::TokenExchange.as_str(),
        grant: &context.txn,
        jti: &access_token.jti,
        parent_jti: Some(&subject.jti),
        user: standing.user.as_ref().map(|user| user.id.as_str()),
        client: client.id.as_str(),
        target: Some(&granted.target.identifier),
        scope: &granted.scope.to_string(),
    }
    .record();
    Ok(TokenResponse::new(access_token, &granted.response_scope())
        .with_issued_token_type(request.requested_token_type.as_str())
        .with_refresh_token(refresh_token.as_ref())
        .with_id_token(id_token))
}

/// The subject token is one of this server's own access tokens, and has not expired: without any leeway, since both ends
/// of the comparison are this server's clock.
fn verify_subject_token(
    server: &AuthServer,
    token: &str,
    now: OffsetDateTime,
) -> Result<AccessTokenClaims, GrantError> {
    let verifier = AccessTokenVerifier::new(server.issuer.as_str()).map_err(|error| {
        log::error!("the issuer cannot be expected in tokens: {error}");
        OAuthError::server_error()
    })?;
    let strict = verifier.with_leeway(std::time::Duration::ZERO);
    strict.verify(token, server.keys().verification(), now).map_err(|error| refused_subject_token(error).into())
}

fn refused_subject_token(error: InvalidToken) -> OAuthError {
    let (reason, description) = match error {
        InvalidToken::Expired => {
            ("subject_token_expired", "the subject token has expired: the caller needs a fresh one")
        }
        InvalidToken::WrongType => {
            ("subject_token_not_an_access_token", "the subject token is of another kind: send an access token (at+jwt)")
        }
        InvalidToken::Malformed | InvalidToken::TooLong | InvalidToken::UnsupportedHeader => {
            ("subject_token_malformed", "the subject token is not a JWT of this server: send it bare and whole")
        }
        _ => ("subject_token_invalid", "the subject token is not a valid access token of this server"),
    };
    OAuthError::invalid_request(reason, description)
}

/// How the grant behind a subject token stands, and its user.
struct Standing {
    grant: Option<Grant>,
    user: Option<User>,
}

impl Standing {
    async fn of(server: &AuthServer, subject: &AccessTokenClaims, now: OffsetDateTime) -> Result<Self, GrantError> {
        let Some(txn) = &subject.txn else { return Ok(Self { grant: None, user: None }) };
        let grant = server.store.find_grant(&GrantId::from(txn.as_str())).await?.filter(|grant| grant.is_live(now));
        let user = match grant.as_ref().and_then(|grant| grant.user_id.as_ref()) {
            Some(user_id) => server.store.find_user(user_id).await?,
            None => None,
        };
        Ok(Self { grant, user })
    }

    fn of_grant(&self) -> GrantStanding {
        match &self.grant {
            // A grant of a user who is no longer on record is nobody's.
            Some(grant) if grant.user_id.is_some() && self.user.is_none() => GrantStanding::Ended,
            Some(grant) => GrantStanding::Live { until: grant.expires_at },
            None => GrantStanding::Ended,
        }
    }
}

fn decide(
    server: &AuthServer,
    client: &AuthenticatedClient,
    asked: &Asked,
    subject: &AccessTokenClaims,
    standing: &Standing,
    now: OffsetDateTime,
) -> Result<Granted, Refusal> {
    let user = standing.user.as_ref().map(facts_of);
    exchange::decide(&Facts {
        now,
        registry: &server.registry(),
        asker: client,
        asked,
        subject,
        grant: standing.of_grant(),
        user: user.as_ref(),
        limits: server.exchange_limits,
    })
}

fn facts_of(user: &User) -> exchange::User {
    exchange::User { blocked: user.blocked, permissions: user.permissions.clone() }
}

fn sign(
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
        algorithm: server.algorithm_for_api(Some(&granted.target)),
        expires_at: granted.expires_at,
    };
    Ok(sign_access_token(server.issuer.as_str(), context, request, &server.keys(), now)?)
}

fn id_token(
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

async fn refresh_token(
    server: &AuthServer,
    client: &AuthenticatedClient,
    subject: &AccessTokenClaims,
    grant: &Grant,
    granted: &Granted,
    access_token: &IssuedAccessToken,
    now: OffsetDateTime,
) -> Result<Option<OpaqueSecret>, GrantError> {
    let Some(source) = client.api.clone().filter(|_| granted.refresh_token) else { return Ok(None) };
    let origin = ExchangeOrigin {
        source,
        subject_client_id: subject.client_id.clone(),
        subject_scope: subject.scope.clone(),
        subject_act: subject.act.clone(),
    };
    let document = serde_json::to_string(&RefreshDocument { exchange: Some(origin) }).map_err(|error| {
        log::error!("a refresh token's document cannot be written: {error}");
        OAuthError::server_error()
    })?;
    let secret = OpaqueSecret::generate();
    let lifetime = Duration::try_from(server.lifetimes.refresh_token).unwrap_or(Duration::DAY);
    let token = NewRefreshToken {
        hash: secret.hash(),
        client_id: client.id.to_string(),
        api: Some(granted.target.identifier.clone()),
        scope: granted.scope.clone(),
        document,
        access_jti: Some(access_token.jti.clone()),
        created_at: now,
        expires_at: (now + lifetime).min(grant.expires_at),
    };
    // The grant may have been revoked since it was looked up.
    if server.store.insert_refresh_token(&grant.id, token, now).await? {
        Ok(Some(secret))
    } else {
        Err(Refusal::SubjectTokenRevoked.into())
    }
}

/// Renews a token that an exchange gave: the same decision again, about the same subject, without the end of a subject
/// token that may have expired long since. What the rules do not give any more is not renewed.
#[expect(clippy::too_many_arguments, reason = "the parts of one refresh request, each of its own kind")]
pub(super) fn renew(
    server: &AuthServer,
    client: &AuthenticatedClient,
    grant: &Grant,
    user: &User,
    origin: &ExchangeOrigin,
    token: &RefreshToken,
    asked: &Scope,
    now: OffsetDateTime,
) -> Result<(IssuedAccessToken, Scope), GrantError> {
    let context = context_of(grant);
    let subject = original_subject(server, &context, grant, origin, now);
    let standing = Standing { grant: Some(grant.clone()), user: Some(user.clone()) };
    let asked = Asked { target: token.api.clone(), scope: Some(still_paired(server, origin, token, asked)?) };
    let granted =
        decide(server, client, &asked, &subject, &standing, now).map_err(|refusal| no_longer_given(&refusal))?;
    let access_token = sign(server, client, &context, &granted, now)?;
    Ok((access_token, granted.scope))
}

/// The part of the scope that the pairing still gives: what it has lost is left out, as at any refresh.
fn still_paired(
    server: &AuthServer,
    origin: &ExchangeOrigin,
    token: &RefreshToken,
    asked: &Scope,
) -> Result<Scope, OAuthError> {
    let registry = server.registry();
    let pairing = token.api.as_deref().and_then(|target| registry.pairing(&origin.source, target));
    let scope = pairing.map(|pairing| asked.intersection(&pairing.scope())).unwrap_or_default();
    if scope.is_empty() { Err(no_longer_given(&Refusal::TargetNotPaired)) } else { Ok(scope) }
}

fn no_longer_given(refusal: &Refusal) -> OAuthError {
    OAuthError::invalid_grant(refusal.reason(), refusal.description())
}

fn original_subject(
    server: &AuthServer,
    context: &GrantContext,
    grant: &Grant,
    origin: &ExchangeOrigin,
    now: OffsetDateTime,
) -> AccessTokenClaims {
    AccessTokenClaims {
        iss: server.issuer.to_string(),
        sub: context.sub.clone(),
        aud: Audience::from_iter([origin.source.as_str()]),
        exp: grant.expires_at,
        iat: now,
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
        may_act: None,
        cnf: None,
        status: None,
    }
}
