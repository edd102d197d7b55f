//! Protocol errors: a code that the RFCs name, a reason that this server names, and a sentence for the person who
//! debugs the client (RFC 6749 sections 4.1.2.1 and 5.2, and the registry that grew around them).
//!
//! Nothing in here is secret: everything is sent to the client. Internal causes belong to the log.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::sign_in_challenge::SignInChallenge;

/// The `error` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    // RFC 6749 sections 4.1.2.1 and 5.2
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope,
    AccessDenied,
    ServerError,
    TemporarilyUnavailable,
    // OpenID Connect Core section 3.1.2.6
    InteractionRequired,
    LoginRequired,
    AccountSelectionRequired,
    ConsentRequired,
    InvalidRequestUri,
    InvalidRequestObject,
    RequestNotSupported,
    RequestUriNotSupported,
    RegistrationNotSupported,
    /// OIDC Core Error Code unmet authentication requirements 1.0
    UnmetAuthenticationRequirements,
    // RFC 6750 section 3.1
    InvalidToken,
    InsufficientScope,
    /// RFC 7009 section 2.2.1
    UnsupportedTokenType,
    // RFC 8628 section 3.5
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    /// RFC 8693 section 2.2.2, RFC 8707 section 2
    InvalidTarget,
    // RFC 9449 sections 5 and 8
    InvalidDpopProof,
    UseDpopNonce,
    /// RFC 9470 section 3
    InsufficientUserAuthentication,
}

impl ErrorCode {
    /// As it is written on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InteractionRequired => "interaction_required",
            Self::LoginRequired => "login_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::ConsentRequired => "consent_required",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
        }
    }

    /// The HTTP status where the error is the answer itself: at the token endpoint and its kin (RFC 6749 section 5.2),
    /// and for the two codes of RFC 6750 at a protected resource. An error that travels by redirect has none.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal as the client gets to see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {}", self.error_description())]
pub struct OAuthError {
    pub code: ErrorCode,
    /// Stable `snake_case` name: tests, the ledger and the docs refer to it.
    pub reason: &'static str,
    /// One sentence. May hold what the client sent; it is made harmless on its way out.
    pub description: String,
    /// A page about it, for people.
    pub uri: Option<String>,
    /// With `insufficient_user_authentication`: what would suffice.
    pub challenge: Option<SignInChallenge>,
}

/// Interpolated input must not blow up an answer or a redirect URL.
const MAX_DESCRIPTION: usize = 400;

impl OAuthError {
    #[must_use]
    pub fn new(code: ErrorCode, reason: &'static str, description: impl Into<String>) -> Self {
        Self { code, reason, description: description.into(), uri: None, challenge: None }
    }

    #[must_use]
    pub fn with_uri(self, uri: String) -> Self {
        Self { uri: Some(uri), ..self }
    }

    #[must_use]
    pub fn with_challenge(self, challenge: SignInChallenge) -> Self {
        Self { challenge: Some(challenge), ..self }
    }

    #[must_use]
    pub fn invalid_request(reason: &'static str, description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, reason, description)
    }

    #[must_use]
    pub fn invalid_client(reason: &'static str, description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidClient, reason, description)
    }

    #[must_use]
    pub fn invalid_grant(reason: &'static str, description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidGrant, reason, description)
    }

    #[must_use]
    pub fn invalid_scope(reason: &'static str, description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidScope, reason, description)
    }

    #[must_use]
    pub fn invalid_target(reason: &'static str, description: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidTarget, reason, description)
    }

    /// Something on this side went wrong; the cause is in the log under the request's id.
    #[must_use]
    pub fn server_error() -> Self {
        Self::new(ErrorCode::ServerError, "server_error", "something went wrong here; it has been logged")
    }

    /// The server cannot work right now, for instance because its database is away. Goes with `Retry-After`.
    #[must_use]
    pub fn temporarily_unavailable() -> Self {
        Self::new(
            ErrorCode::TemporarilyUnavailable,
            "temporarily_unavailable",
            "the server cannot answer right now; try again in a moment",
        )
    }

    #[must_use]
    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// The `error_description`: `reason: sentence`, in the characters that RFC 6749 section 5.2 allows.
    #[must_use]
    pub fn error_description(&self) -> String {
        let mut text = format!("{}: ", self.reason);
        text.extend(self.description.chars().take(MAX_DESCRIPTION).map(harmless));
        text
    }
}

/// %x20-21 / %x23-5B / %x5D-7E, so no control characters, `"`, `\` and nothing beyond ASCII.
fn harmless(character: char) -> char {
    match character {
        '"' => '\'',
        '\\' => '?',
        ' '..='~' => character,
        _ => '?',
    }
}

/// The JSON body of RFC 6749 section 5.2; what a sign-in must be like by the names of RFC 9470 section 3.
impl Serialize for OAuthError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { uri, challenge, .. } = self;
        let acr_values = challenge.as_ref().map(|challenge| challenge.acr_values.join(" "));
        let acr_values = acr_values.filter(|acr_values| !acr_values.is_empty());
        let max_age = challenge.as_ref().and_then(|challenge| challenge.max_age);
        let members = [uri.is_some(), acr_values.is_some(), max_age.is_some()];
        let members = 2 + members.into_iter().filter(|there| *there).count();
        let mut body = serializer.serialize_struct("OAuthError", members)?;
        body.serialize_field("error", self.code.as_str())?;
        body.serialize_field("error_description", &self.error_description())?;
        if let Some(uri) = uri {
            body.serialize_field("error_uri", uri)?;
        }
        if let Some(acr_values) = acr_values {
            body.serialize_field("acr_values", &acr_values)?;
        }
        if let Some(max_age) = max_age {
            body.serialize_field("max_age", &max_age.whole_seconds())?;
        }
        body.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_body_is_the_one_of_rfc_6749() {
        let error = OAuthError::invalid_target("target_not_paired", "this API may not call that target");
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"error":"invalid_target","error_description":"target_not_paired: this API may not call that target"}"#
        );
    }

    #[test]
    fn statuses_are_those_of_the_token_endpoint() {
        for (code, status) in [
            (ErrorCode::InvalidRequest, 400),
            (ErrorCode::InvalidGrant, 400),
            (ErrorCode::InvalidTarget, 400),
            (ErrorCode::UseDpopNonce, 400),
            (ErrorCode::InsufficientUserAuthentication, 400),
            (ErrorCode::InvalidClient, 401),
            (ErrorCode::InvalidToken, 401),
            (ErrorCode::InsufficientScope, 403),
            (ErrorCode::ServerError, 500),
            (ErrorCode::TemporarilyUnavailable, 503),
        ] {
            assert_eq!(code.status(), status, "{code}");
        }
    }

    #[test]
    fn what_a_client_sent_cannot_break_out_of_the_description() {
        let error = OAuthError::invalid_request("parameter_repeated", "a\r\nSet-Cookie: b\"c\\d\té");
        assert_eq!(error.error_description(), "parameter_repeated: a??Set-Cookie: b'c?d??");
    }

    proptest! {
        #[test]
        fn descriptions_keep_to_the_characters_of_rfc_6749(description in any::<String>()) {
            let text = OAuthError::invalid_request("some_reason", description).error_description();
            prop_assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
            prop_assert!(text.len() < 500);
        }
    }
}
