//! The caller as a service sees it: what its token says, and nothing that could be used in its place.

use serde::{Deserialize, Serialize};

use crate::{AccessToken, Actor, Audience, Scope};

/// The answer of `GET /api/me`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerView {
    /// The user on whose behalf the call is made, or the machine's client.
    pub sub: String,
    /// Who asked for the token.
    pub client_id: String,
    pub aud: Audience,
    pub scope: Scope,
    /// Who acts for the user, the current actor outermost (RFC 8693 section 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// The chain of calls that this one belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<String>,
}

impl CallerView {
    #[must_use]
    pub fn of(token: &AccessToken) -> Self {
        let claims = &token.claims;
        Self {
            sub: claims.sub.clone(),
            client_id: claims.client_id.clone(),
            aud: claims.aud.clone(),
            scope: claims.scope.clone(),
            act: claims.act.clone(),
            txn: claims.txn.clone(),
        }
    }
}
