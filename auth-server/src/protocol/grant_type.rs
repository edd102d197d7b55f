//! The `grant_type` parameter of the token endpoint (RFC 6749 section 4, RFC 8628, RFC 8693, RFC 7523).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::{ErrorCode, OAuthError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GrantType {
    /// RFC 6749 section 4.1.3
    AuthorizationCode,
    /// RFC 6749 section 6
    RefreshToken,
    /// RFC 6749 section 4.4
    ClientCredentials,
    /// RFC 8628 section 3.4
    DeviceCode,
    /// RFC 8693 section 2.1
    TokenExchange,
    /// RFC 7523 section 2.1
    JwtBearer,
}

impl GrantType {
    pub const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::DeviceCode,
        Self::TokenExchange,
        Self::JwtBearer,
    ];

    /// What this server grants: the others are known by name only.
    pub const SUPPORTED: [Self; 5] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::TokenExchange, Self::JwtBearer];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
        }
    }
}

impl FromStr for GrantType {
    type Err = OAuthError;

    fn from_str(text: &str) -> Result<Self, OAuthError> {
        Self::ALL.into_iter().find(|grant_type| grant_type.as_str() == text).ok_or_else(|| {
            OAuthError::new(
                ErrorCode::UnsupportedGrantType,
                "grant_type_unknown",
                format!("the grant_type '{text}' is not known here"),
            )
        })
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for GrantType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for GrantType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|error: OAuthError| serde::de::Error::custom(error.description))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_the_same() {
        for grant_type in GrantType::ALL {
            assert_eq!(grant_type.as_str().parse(), Ok(grant_type));
        }
    }

    #[test]
    fn anything_else_is_an_unsupported_grant_type() {
        for text in ["password", "implicit", "AUTHORIZATION_CODE", "authorization_code ", "token-exchange", ""] {
            let error = text.parse::<GrantType>().unwrap_err();
            assert_eq!(error.code, ErrorCode::UnsupportedGrantType, "{text}");
        }
    }
}
