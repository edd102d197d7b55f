//! Why an exchange gave no token, sorted by what the API should answer its own caller.

/// No token for the other API. The caller's own token must never be sent in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The caller's token has expired: answer 401 `invalid_token`, the app gets a fresh one.
    #[error("the subject token has expired")]
    SubjectExpired,
    /// The caller's token is no good any more (revoked, user blocked): answer 401 `invalid_token`.
    #[error("the subject token is refused: {description}")]
    SubjectRefused { description: String },
    /// The user must consent or sign in at a page: answer 401 and let the app send the user to `/authorize`.
    #[error("the user has to be asked: {description}")]
    InteractionRequired { description: String },
    /// The user must sign in more strongly (RFC 9470): answer 401 with what is demanded.
    #[error("the sign-in is not strong enough: {description}")]
    InsufficientAuthentication { description: String },
    /// The rules do not allow it: answer 403.
    #[error("not allowed: {error}: {description}")]
    Forbidden { error: String, description: String },
    /// This API's own client is not set up for this exchange: answer 500 or 502, and tell the operator.
    #[error("this client is not set up for this exchange: {error}: {description}")]
    Misconfigured { error: String, description: String },
    /// The auth server is away or asks for patience: answer 503.
    #[error("the auth server is not available: {0}")]
    Unavailable(String),
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

impl ExchangeError {
    /// Sorts an error response (RFC 6749 section 5.2). The auth server puts the rule's stable name before the sentence,
    /// as `name: sentence`; another server's answers are sorted by their code alone.
    pub(super) fn refused(error: &str, description: &str) -> Self {
        let reason = description.split(':').next().unwrap_or_default();
        let (error, description) = (error.to_owned(), description.to_owned());
        match error.as_str() {
            "interaction_required" | "consent_required" | "login_required" => Self::InteractionRequired { description },
            "insufficient_user_authentication" => Self::InsufficientAuthentication { description },
            "temporarily_unavailable" => Self::Unavailable(description),
            "server_error" => Self::Fault(description),
            "invalid_client" | "unauthorized_client" | "unsupported_grant_type" => {
                Self::Misconfigured { error, description }
            }
            _ if reason == "subject_token_expired" => Self::SubjectExpired,
            _ if SUBJECT_REFUSED.contains(&reason) => Self::SubjectRefused { description },
            _ => Self::Forbidden { error, description },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sorted_by_what_the_caller_should_hear() {
        use ExchangeError as E;
        assert_eq!(E::refused("invalid_request", "subject_token_expired: get a fresh one"), E::SubjectExpired);
        assert!(matches!(E::refused("invalid_request", "user_blocked: x"), E::SubjectRefused { .. }));
        assert!(matches!(E::refused("interaction_required", "consent_missing: x"), E::InteractionRequired { .. }));
        assert!(matches!(E::refused("invalid_target", "target_not_paired: x"), E::Forbidden { .. }));
        assert!(matches!(E::refused("invalid_scope", ""), E::Forbidden { .. }));
        assert!(matches!(E::refused("invalid_client", "x"), E::Misconfigured { .. }));
        assert!(matches!(E::refused("temporarily_unavailable", "x"), E::Unavailable(_)));
    }
}
