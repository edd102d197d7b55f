//! What a refresh token needs to know beyond its row: nothing for an app's, the chain for one that an exchange gave.

use serde::{Deserialize, Serialize};
use shared_claims::{Actor, Scope};

use super::ProvenKey;
use crate::protocol::{Dialect, OAuthError};
use crate::registry::Client;

/// Lies beside the refresh token as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<ExchangeOrigin>,
    /// The key that alone may use it: a public client has nothing else to prove itself with (RFC 9449 section 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jkt: Option<String>,
}

impl RefreshDocument {
    /// Beside the refresh token that an app gets for a code.
    #[must_use]
    pub fn of_an_app(client: &Client, key: Option<&ProvenKey>) -> Self {
        let jkt = key.filter(|_| client.is_public()).map(|key| key.jkt().to_owned());
        Self { exchange: None, jkt }
    }

    /// Beside the refresh token that an API gets by an exchange.
    #[must_use]
    pub fn of_an_exchange(origin: ExchangeOrigin) -> Self {
        Self { exchange: Some(origin), jkt: None }
    }

    pub fn written(&self) -> Result<String, OAuthError> {
        serde_json::to_string(self).map_err(|error| {
            log::error!("a refresh token's document cannot be written: {error}");
            OAuthError::server_error()
        })
    }
}

/// What of the subject token a refresh token keeps, so that each renewal is decided like the exchange that gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeOrigin {
    #[serde(default)]
    pub dialect: Dialect,
    pub source: String,
    pub subject_client_id: String,
    pub subject_scope: Scope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_act: Option<Actor>,
    /// Whether the subject token was bound to a key: then what comes of it stays bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub subject_bound: bool,
    /// The agent inside the asking client that acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}
