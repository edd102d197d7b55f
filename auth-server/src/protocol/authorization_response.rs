//! What goes back to the app from the authorization endpoint, and by which way (RFC 6749 sections 4.1.2 and 4.1.2.1,
//! RFC 9207, OAuth 2.0 Form Post Response Mode).

use std::fmt;

use super::error::OAuthError;
use super::parameters::Parameters;
use super::redirect_uri::RedirectUri;
use super::response_mode::ResponseMode;

/// Where and how the app is to be answered. Exists only once the redirect URI is known to be the client's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    pub redirect_uri: RedirectUri,
    pub response_mode: ResponseMode,
    /// Returned as it came; none is invented.
    pub state: Option<String>,
}

impl ReplyTo {
    /// Takes from the request what can be taken without failing: an error about the other parameters, or about these
    /// two, must still find its way. [`AuthorizationRequest::read`](super::AuthorizationRequest::read) then judges.
    #[must_use]
    pub fn read(parameters: &Parameters, redirect_uri: RedirectUri) -> Self {
        let response_mode = parameters.one("response_mode").ok().flatten().map(ResponseMode::parse);
        Self {
            redirect_uri,
            response_mode: response_mode.and_then(Result::ok).unwrap_or_default(),
            state: parameters.one("state").ok().flatten().map(str::to_owned),
        }
    }

    /// The success response of RFC 6749 section 4.1.2.
    #[must_use]
    pub fn success(&self, issuer: &str, code: &str) -> AuthorizationResponse {
        self.answer(vec![("code", code.to_owned())], issuer)
    }

    /// The error response of RFC 6749 section 4.1.2.1.
    #[must_use]
    pub fn error(&self, issuer: &str, error: &OAuthError) -> AuthorizationResponse {
        self.answer(vec![("error", error.code.to_string()), ("error_description", error.error_description())], issuer)
    }

    fn answer(&self, mut fields: Vec<(&'static str, String)>, issuer: &str) -> AuthorizationResponse {
        if let Some(state) = &self.state {
            fields.push(("state", state.clone()));
        }
        // RFC 9207: lets the app notice an answer that comes from another server than it asked.
        fields.push(("iss", issuer.to_owned()));
        match self.response_mode {
            ResponseMode::Query => {
                let pairs: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                AuthorizationResponse::Redirect { location: self.redirect_uri.with_parameters(&pairs) }
            }
            ResponseMode::FormPost => AuthorizationResponse::FormPost { action: self.redirect_uri.clone(), fields },
        }
    }
}

/// The answer, ready for HTTP.
#[derive(Clone, PartialEq, Eq)]
pub enum AuthorizationResponse {
    /// 303 with this `Location`.
    Redirect { location: String },
    /// 200 with a page that posts these fields.
    FormPost { action: RedirectUri, fields: Vec<(&'static str, String)> },
}

/// It holds the code, so it does not show itself.
impl fmt::Debug for AuthorizationResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redirect { .. } => "Redirect",
            Self::FormPost { .. } => "FormPost",
        })
    }
}

#[cfg(test)]
mod tests;
