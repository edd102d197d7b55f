//! Token type identifiers (RFC 8693 section 3).

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenType {
    AccessToken,
    RefreshToken,
    IdToken,
    Saml1,
    Saml2,
    Jwt,
}

impl TokenType {
    const ALL: [Self; 6] = [Self::AccessToken, Self::RefreshToken, Self::IdToken, Self::Saml1, Self::Saml2, Self::Jwt];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Saml1 => "urn:ietf:params:oauth:token-type:saml1",
            Self::Saml2 => "urn:ietf:params:oauth:token-type:saml2",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }

    /// The type of that name, if RFC 8693 names it. Exact: these identifiers have one spelling.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|token_type| token_type.as_str() == text)
    }
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_the_same_and_nothing_else_does() {
        for token_type in TokenType::ALL {
            assert_eq!(TokenType::named(token_type.as_str()), Some(token_type));
        }
        for text in ["", "access_token", "urn:ietf:params:oauth:token-type:ACCESS_TOKEN"] {
            assert_eq!(TokenType::named(text), None, "{text}");
        }
    }
}
