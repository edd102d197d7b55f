//! How an authorization response travels: `query` or `form_post` (OAuth 2.0 Multiple Response Type Encoding Practices
//! section 2.1, OAuth 2.0 Form Post Response Mode).
//!
//! `fragment` is refused: a code in a fragment is open to every script of the page (RFC 9700 section 4.3).

use super::error::OAuthError;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    #[default]
    Query,
    FormPost,
}

impl ResponseMode {
    pub const ALL: [Self; 2] = [Self::Query, Self::FormPost];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }

    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            OAuthError::invalid_request(
                "response_mode_not_supported",
                format!("the response_mode '{text}' is not supported: use 'query' or 'form_post'"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_query_and_form_post_are_known() {
        assert_eq!(ResponseMode::parse("query"), Ok(ResponseMode::Query));
        assert_eq!(ResponseMode::parse("form_post"), Ok(ResponseMode::FormPost));
        for text in ["fragment", "web_message", "query.jwt", "QUERY", ""] {
            assert_eq!(ResponseMode::parse(text).unwrap_err().reason, "response_mode_not_supported", "{text}");
        }
    }
}
