//! Why an exchange gave no token, sorted by what the API should answer its own caller.

use std::time::Duration;

/// No token for the other API. The caller's own token must never be sent in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The caller's token has expired, or is about to: answer 401 `invalid_token`, the app gets a fresh one.
    #[error("the subject token has expired")]
    SubjectExpired,
    /// The caller's token is no good any more (revoked, user blocked): answer 401 `invalid_token`.
    #[error("the subject token is refused: {description}")]
    SubjectRefused { description: String },
    /// The user must consent at a page: answer 401 `interaction_required`, and the app sends the user to `/authorize` with
    /// `prompt=consent`.
    #[error("the user has to be asked: {description}")]
    InteractionRequired { description: String },
    /// The user must sign in more strongly or anew (RFC 9470): answer 401 with what is demanded.
    #[error("the sign-in is not strong enough: {description}")]
    InsufficientAuthentication {
        description: String,
        /// The demanded authentication contexts, in order of preference, separated by spaces.
        acr_values: Option<String>,
        /// How many seconds ago the user may have signed in at most.
        max_age: Option<u64>,
    },
    /// The rules do not allow it: answer 403.
    #[error("not allowed: {error}: {description}")]
    Forbidden { error: String, description: String },
    /// This API's own client is not set up for this exchange: answer 500 or 502, and tell the operator.
    #[error("this client is not set up for this exchange: {error}: {description}")]
    Misconfigured { error: String, description: String },
    /// The auth server is away or asks for patience: answer 503.
    #[error("the auth server is not available: {0}")]
    Unavailable(String),
    /// The auth server was away several times in a row and is left alone for so long: answer 503. Nothing was asked.
    #[error("the auth server was not available, and is asked again in {} ms", .retry_after.as_millis())]
    CircuitOpen { retry_after: Duration },
    /// The auth server did not answer in time: answer 504.
    #[error("the auth server did not answer in time")]
    TimedOut,
    /// The auth server answered what it must not: answer 502.
    #[error("the auth server's answer cannot be used: {0}")]
    Fault(String),
}

/// The reasons that say that the subject token itself is no good, whatever is asked for.
const SUBJECT_REFUSED: [&str; 6] = [
    "subject_token_revoked",
    "subject_token_invalid",
    "subject_token_malformed",
    "subject_token_not_an_access_token",
    "user_blocked",
    "chain_no_longer_allowed",
];

/// The reasons that a fresh token of the same sign-in does away with.
const SUBJECT_EXPIRED: [&str; 2] = ["subject_token_expired", "lifetime_too_short"];

/// The target takes only bound tokens, and none was asked for: `bind_tokens` of this client is to be set.
const BINDING_REQUIRED: &str = "binding_required";

/// An OAuth error response (RFC 6749 section 5.2), with what a demand for a stronger sign-in adds (RFC 9470 section 3).
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct ErrorResponse {
    pub error: String,
    #[serde(default)]
    pub error_description: String,
    #[serde(default)]
    pub acr_values: Option<String>,
    #[serde(default)]
    pub max_age: Option<u64>,
}

impl ExchangeError {
    /// Sorts an error response. The auth server puts the rule's stable name before the sentence, as `name: sentence`;
    /// another server's answers are sorted by their code alone.
    pub(super) fn refused(response: ErrorResponse) -> Self {
        let ErrorResponse { error, error_description: description, acr_values, max_age } = response;
        let reason = description.split(':').next().unwrap_or_default();
        match error.as_str() {
            "interaction_required" | "consent_required" | "login_required" => Self::InteractionRequired { description },
            "insufficient_user_authentication" => Self::InsufficientAuthentication { description, acr_values, max_age },
            "temporarily_unavailable" => Self::Unavailable(description),
            "server_error" => Self::Fault(description),
            "invalid_client" | "unauthorized_client" | "unsupported_grant_type" | "invalid_dpop_proof" => {
                Self::Misconfigured { error, description }
            }
            _ if reason == BINDING_REQUIRED => Self::Misconfigured { error, description },
            _ if SUBJECT_EXPIRED.contains(&reason) => Self::SubjectExpired,
            _ if SUBJECT_REFUSED.contains(&reason) => Self::SubjectRefused { description },
            _ => Self::Forbidden { error, description },
        }
    }

    /// Whether asking again with the same token gives the same answer: then it may be remembered for a moment. What the
    /// user can change at any time (consent) and what passes (a server that is away) is not.
    #[must_use]
    pub fn cannot_change(&self) -> bool {
        match self {
            Self::SubjectExpired
            | Self::SubjectRefused { .. }
            | Self::InsufficientAuthentication { .. }
            | Self::Forbidden { .. }
            | Self::Misconfigured { .. } => true,
            Self::InteractionRequired { .. }
            | Self::Unavailable(_)
            | Self::CircuitOpen { .. }
            | Self::TimedOut
            | Self::Fault(_) => false,
        }
    }

    /// Whether the auth server was away. An answer that cannot be used is none of these: one caller's odd request could
    /// otherwise cut off everybody else's.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut)
    }

    /// A name that stays the same from version to version: for metrics and logs.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::SubjectExpired => "subject_expired",
            Self::SubjectRefused { .. } => "subject_refused",
            Self::InteractionRequired { .. } => "interaction_required",
            Self::InsufficientAuthentication { .. } => "insufficient_user_authentication",
            Self::Forbidden { .. } => "forbidden",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Unavailable(_) => "unavailable",
            Self::CircuitOpen { .. } => "circuit_open",
            Self::TimedOut => "timed_out",
            Self::Fault(_) => "fault",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn refused(error: &str, description: &str) -> ExchangeError {
        let (error, error_description) = (error.to_owned(), description.to_owned());
        ExchangeError::refused(ErrorResponse { error, error_description, ..ErrorResponse::default() })
    }

    #[rstest]
    #[case("invalid_request", "subject_token_expired: get a fresh one", "subject_expired", true)]
    #[case("invalid_request", "lifetime_too_short: x", "subject_expired", true)]
    #[case("invalid_request", "user_blocked: x", "subject_refused", true)]
    #[case("interaction_required", "consent_missing: x", "interaction_required", false)]
    #[case("insufficient_user_authentication", "x", "insufficient_user_authentication", true)]
    #[case("invalid_target", "target_not_paired: x", "forbidden", true)]
    #[case("invalid_scope", "", "forbidden", true)]
    #[case("invalid_client", "x", "misconfigured", true)]
    #[case("invalid_dpop_proof", "proof_too_old: x", "misconfigured", true)]
    #[case("invalid_request", "binding_required: x", "misconfigured", true)]
    #[case("temporarily_unavailable", "x", "unavailable", false)]
    #[case("server_error", "x", "fault", false)]
    fn a_refusal_is_sorted_by_what_the_caller_should_hear(
        #[case] error: &str,
        #[case] description: &str,
        #[case] reason: &str,
        #[case] cannot_change: bool,
    ) {
        let refused = refused(error, description);
        assert_eq!((refused.reason(), refused.cannot_change()), (reason, cannot_change));
    }
}
