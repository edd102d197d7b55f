//! The token response (RFC 6749 section 5.1, RFC 8693 section 2.2.1, OpenID Connect Core section 3.1.3.3).

use serde::Serialize;
use shared_claims::Scope;
use shared_claims::dpop::DPOP;

use crate::store::OpaqueSecret;
use crate::tokens::IssuedAccessToken;

/// What most responses have room in.
const ROOM: usize = 2048;

/// What a client gets. No `Debug`: it is made of secrets.
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// Always there, empty or not: clients that asked for more learn it here.
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl TokenResponse {
    #[must_use]
    pub fn new(access_token: IssuedAccessToken, scope: &Scope) -> Self {
        Self {
            expires_in: access_token.expires_in.whole_seconds(),
            access_token: access_token.text,
            issued_token_type: None,
            token_type: if access_token.bound { DPOP } else { "Bearer" },
            scope: scope.to_string(),
            refresh_token: None,
            id_token: None,
        }
    }

    /// As JSON, in room for all of it: nothing is copied while it grows.
    #[must_use]
    #[expect(clippy::expect_used, reason = "texts and a number can always be written")]
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(ROOM);
        serde_json::to_writer(&mut body, self).expect("texts and a number can be written as JSON");
        body
    }

    #[must_use]
    pub fn with_issued_token_type(mut self, name: &'static str) -> Self {
        self.issued_token_type = Some(name);
        self
    }

    #[must_use]
    pub fn with_refresh_token(mut self, token: Option<&OpaqueSecret>) -> Self {
        self.refresh_token = token.map(|token| token.expose().to_owned());
        self
    }

    #[must_use]
    pub fn with_id_token(mut self, token: Option<String>) -> Self {
        self.id_token = token;
        self
    }
}
