//! The two ways to write a request to act on behalf of a user. They parse into one [`super::ExchangeRequest`] and go
//! through one decision.

use serde::{Deserialize, Serialize};

use super::GrantType;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// RFC 8693.
    #[default]
    TokenExchange,
    /// RFC 7523 with `requested_token_use=on_behalf_of`, as Microsoft's libraries write it.
    JwtBearer,
}

impl Dialect {
    #[must_use]
    pub const fn grant_type(self) -> GrantType {
        match self {
            Self::TokenExchange => GrantType::TokenExchange,
            Self::JwtBearer => GrantType::JwtBearer,
        }
    }
}
