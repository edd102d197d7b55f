//! Why a token is not accepted. Each reason has a stable name for logs and tests, and one sentence for the caller.

/// Why a token is not accepted. The text is one public sentence, fit for `error_description` (RFC 6750 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidToken {
    #[error("the token is malformed")]
    Malformed,
    #[error("the token is too long")]
    TooLong,
    #[error("the token's header asks for what is not supported")]
    UnsupportedHeader,
    #[error("the token is not an access token")]
    WrongType,
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    #[error("the token's algorithm is not the one of its key")]
    WrongAlgorithm,
    #[error("the token's signature is wrong")]
    BadSignature,
    #[error("the token's claims are not those of an access token")]
    Claims,
    #[error("the token was issued by somebody else")]
    WrongIssuer,
    #[error("the token is for somebody else")]
    WrongAudience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token was issued in the future")]
    IssuedInFuture,
    #[error("the token names too many actors")]
    TooManyActors,
    #[error("the token is bound to a key and does not count as a bearer token")]
    Bound,
    #[error("the token is bound to another key")]
    BoundToAnotherKey,
    #[error("the token is bound to no key")]
    NotBound,
}

impl InvalidToken {
    /// A name that stays the same from version to version.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::UnsupportedHeader => "unsupported_header",
            Self::WrongType => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::BadSignature => "bad_signature",
            Self::Claims => "claims",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::TooManyActors => "too_many_actors",
            Self::Bound => "bound",
            Self::BoundToAnotherKey => "bound_to_another_key",
            Self::NotBound => "not_bound",
        }
    }
}

/// An expectation is empty, so nothing would be checked against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} must not be empty")]
pub struct InvalidExpectation(pub(super) &'static str);
