//! Access tokens (RFC 9068), as this server issues them.

use std::sync::Arc;

use shared_claims::claims::{Confirmation, MayAct};
use shared_claims::{AccessTokenClaims, Actor, Audience, Scope};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::signing_key::ACCESS_TOKEN;
use super::{KeyError, KeyRing, StatusIndex};
use crate::registry::SigningAlgorithm;

/// What stays the same in every token of a grant, on every hop of its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantContext {
    /// The user's id, or the client's where no user is involved.
    pub sub: String,
    /// The chain's id: the grant's own (docs/decisions/0001).
    pub txn: String,
    /// `None` where no user signed in.
    pub sign_in: Option<SignIn>,
    /// The grant's place in the status lists. `None`: a grant from before there were any.
    pub status: Option<StatusIndex>,
}

/// How and when the user signed in (OpenID Connect Core section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    pub sid: String,
    pub auth_time: OffsetDateTime,
    pub acr: Option<String>,
    pub amr: Vec<String>,
}

/// What one token of a grant adds to the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTokenRequest {
    pub audience: Audience,
    pub client_id: String,
    pub scope: Scope,
    pub act: Option<Actor>,
    /// The issued-to client's own (RFC 8693 section 4.4), never one of another token.
    pub may_act: Option<MayAct>,
    /// The key that the token is bound to.
    pub cnf: Option<Confirmation>,
    pub algorithm: SigningAlgorithm,
    pub expires_at: OffsetDateTime,
}

/// A signed access token and what the response says of it.
pub struct IssuedAccessToken {
    pub text: String,
    /// What it says.
    pub claims: Arc<AccessTokenClaims>,
    /// The key that signed it.
    pub kid: Arc<str>,
    pub expires_in: Duration,
    /// Whether it takes a proof to use it.
    pub bound: bool,
}

impl IssuedAccessToken {
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.claims.jti
    }
}

/// No key signs with the algorithm that is asked for, or signing went wrong.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("no key signs with {0} at this moment")]
    NoKey(SigningAlgorithm),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Signs an access token. Its `jti` names it in refresh-token families and the ledger.
pub fn sign_access_token(
    issuer: &str,
    context: &GrantContext,
    request: AccessTokenRequest,
    ring: &KeyRing,
    now: OffsetDateTime,
) -> Result<IssuedAccessToken, SigningError> {
    let algorithm = request.algorithm;
    let key = ring.signer(algorithm, now).ok_or(SigningError::NoKey(algorithm))?;
    let claims = Arc::new(claims(issuer, context, request, now));
    let text = key.sign(ACCESS_TOKEN, &*claims)?;
    // `exp` is in whole seconds, so what is left is told from it and not from the time asked for.
    let whole_seconds = claims.exp.unix_timestamp() - now.unix_timestamp();
    let (expires_in, bound) = (Duration::seconds(whole_seconds), claims.cnf.is_some());
    Ok(IssuedAccessToken { text, kid: Arc::clone(&key.kid), claims, expires_in, bound })
}

fn claims(issuer: &str, context: &GrantContext, request: AccessTokenRequest, now: OffsetDateTime) -> AccessTokenClaims {
    let sign_in = context.sign_in.as_ref();
    // A token's times are in whole seconds (RFC 7519 section 2): what is kept of it says what it says.
    let whole = |time: OffsetDateTime| time.replace_nanosecond(0).unwrap_or(time);
    AccessTokenClaims {
        iss: issuer.to_owned(),
        sub: context.sub.clone(),
        aud: request.audience,
        exp: whole(request.expires_at),
        iat: whole(now),
        nbf: None,
        // In the order in which tokens are made, as the ids of grants: an index of them grows at its end.
        jti: Uuid::now_v7().simple().to_string(),
        azp: Some(request.client_id.clone()),
        client_id: request.client_id,
        scope: request.scope,
        auth_time: sign_in.map(|sign_in| whole(sign_in.auth_time)),
        acr: sign_in.and_then(|sign_in| sign_in.acr.clone()),
        amr: sign_in.map(|sign_in| sign_in.amr.clone()).unwrap_or_default(),
        sid: sign_in.map(|sign_in| sign_in.sid.clone()),
        txn: Some(context.txn.clone()),
        act: request.act,
        may_act: request.may_act,
        cnf: request.cnf,
        status: context.status.map(|status| status.claim(issuer)),
    }
}
