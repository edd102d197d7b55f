//! What a refresh token needs to know beyond its row: nothing for an app's, the chain for one that an exchange gave.

use serde::{Deserialize, Serialize};
use shared_claims::{Actor, Scope};

use crate::protocol::Dialect;

/// Lies beside the refresh token as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<ExchangeOrigin>,
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
    /// The agent inside the asking client that acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}
