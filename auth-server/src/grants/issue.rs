//! Tokens for the client that a grant was made for: the first access token of a chain, and the ID token beside it.

use std::sync::Arc;

use serde_json::{Map, Value};
use shared_claims::{Audience, Scope};
use time::{Duration, OffsetDateTime};

use super::GrantError;
use super::abreast::abreast;
use super::proof_of_possession::{ProvenKey, binding};
use crate::registry::{Api, Client};
use crate::server::AuthServer;
use crate::store::{Grant, GrantId, NewGrant, SessionId, UserId};
use crate::tokens::{
    AccessTokenRequest, GrantContext, IdTokenRequest, IssuedAccessToken, KeyRing, SignIn, StatusIndex,
    sign_access_token, sign_id_token,
};

/// How long an access token lives that is for userinfo alone.
const USERINFO_TOKEN_LIFETIME: Duration = Duration::minutes(10);

/// What a token is made for.
pub(super) struct Issue<'a> {
    pub server: &'a AuthServer,
    pub keys: Arc<KeyRing>,
    pub client: &'a Client,
    pub api: Option<&'a Api>,
    pub context: &'a GrantContext,
    pub scope: &'a Scope,
    /// What the client has proved to hold.
    pub key: Option<&'a ProvenKey>,
    /// When the grant ends: no token outlives it.
    pub until: OffsetDateTime,
    pub now: OffsetDateTime,
}

impl Issue<'_> {
    pub async fn access_token(&self) -> Result<IssuedAccessToken, GrantError> {
        let lifetime = self.api.map_or(USERINFO_TOKEN_LIFETIME, |api| {
            Duration::try_from(api.token_lifetime).unwrap_or(USERINFO_TOKEN_LIFETIME)
        });
        let request = AccessTokenRequest {
            audience: self.audience(),
            client_id: self.client.id.to_string(),
            scope: self.scope.clone(),
            act: None,
            may_act: self.client.may_act.clone(),
            cnf: binding(self.client, self.api, self.key)?,
            algorithm: self.server.algorithm_for_api(self.api),
            expires_at: (self.now + lifetime).min(self.until),
        };
        abreast().await;
        let issued = sign_access_token(self.server.issuer.as_str(), self.context, request, &self.keys, self.now)?;
        self.server.own_tokens.recognise(&issued);
        Ok(issued)
    }

    /// One API, and userinfo where `openid` was granted.
    fn audience(&self) -> Audience {
        let userinfo = (self.scope.contains("openid") || self.api.is_none()).then(|| self.server.userinfo_audience());
        self.api.map(|api| api.identifier.clone()).into_iter().chain(userinfo).collect()
    }

    /// An ID token where `openid` was granted.
    pub fn id_token(
        &self,
        access_token: &IssuedAccessToken,
        nonce: Option<&str>,
        profile: Map<String, Value>,
    ) -> Result<Option<String>, GrantError> {
        if !self.scope.contains("openid") {
            return Ok(None);
        }
        let request = IdTokenRequest {
            client_id: self.client.id.as_str(),
            nonce,
            access_token: &access_token.text,
            profile,
            algorithm: self.server.algorithm_for_client(self.client),
        };
        Ok(Some(sign_id_token(self.server.issuer.as_str(), self.context, request, &self.keys, self.now)?))
    }
}

/// What stays the same in every token of a grant that is on record.
pub(super) fn context_of(grant: &Grant) -> GrantContext {
    let sign_in = sign_in(grant.sid.as_ref(), grant.auth_time, grant.acr.as_ref(), &grant.amr);
    let context = context(&grant.id, grant.user_id.as_ref(), &grant.client_id, sign_in);
    GrantContext { status: grant.status_index.map(StatusIndex), ..context }
}

/// The same, of a grant that is about to be recorded.
pub(super) fn context_of_new(grant: &NewGrant) -> GrantContext {
    let sign_in = sign_in(grant.sid.as_ref(), grant.auth_time, grant.acr.as_ref(), &grant.amr);
    let context = context(&grant.id, grant.user_id.as_ref(), &grant.client_id, sign_in);
    GrantContext { status: grant.status_index.map(StatusIndex), ..context }
}

/// A machine's grant has no user: its tokens are about the client, and tell of no sign-in (RFC 9068 section 2.2).
fn context(id: &GrantId, user: Option<&UserId>, client_id: &str, sign_in: Option<SignIn>) -> GrantContext {
    GrantContext {
        sub: user.map_or_else(|| client_id.to_owned(), ToString::to_string),
        txn: id.to_string(),
        sign_in: sign_in.filter(|_| user.is_some()),
        status: None,
    }
}

fn sign_in(
    sid: Option<&SessionId>,
    auth_time: Option<OffsetDateTime>,
    acr: Option<&String>,
    amr: &[String],
) -> Option<SignIn> {
    Some(SignIn { sid: sid?.to_string(), auth_time: auth_time?, acr: acr.cloned(), amr: amr.to_vec() })
}
