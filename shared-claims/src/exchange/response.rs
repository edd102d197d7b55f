//! Reading the token endpoint's answer (RFC 8693 section 2.2, RFC 6749 section 5), strictly.

use reqwest::{Response, StatusCode};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::error::ErrorResponse;
use super::observer::Sight;
use super::{ACCESS_TOKEN, ExchangeError, ExchangedToken};
use crate::dpop::DPOP;
use crate::{Scope, http};

const LARGEST_ANSWER: usize = 64 * 1024;

#[derive(Deserialize)]
struct Success {
    access_token: String,
    issued_token_type: String,
    token_type: String,
    expires_in: i64,
    /// Left out where it is what was asked for (section 2.2.1).
    #[serde(default)]
    scope: Option<Scope>,
}

/// Why an answer holds no token.
pub(super) enum NoToken {
    /// The proof lacked the server's nonce, which came with the answer (RFC 9449 section 8).
    WantsNonce,
    Error(ExchangeError),
}

impl From<ExchangeError> for NoToken {
    fn from(error: ExchangeError) -> Self {
        Self::Error(error)
    }
}

impl NoToken {
    pub fn into_error(self) -> ExchangeError {
        match self {
            Self::WantsNonce => ExchangeError::Fault("it wants another nonce for every proof".to_owned()),
            Self::Error(error) => error,
        }
    }
}

/// `bound`: a proof was sent, so the token must be bound. `asked_at`: when the request was sent; counting from the answer would make the token live longer than it does.
pub(super) async fn read(
    response: Response,
    mut sight: Sight<'_>,
    asked: &Scope,
    bound: bool,
    asked_at: OffsetDateTime,
) -> Result<ExchangedToken, NoToken> {
    let status = response.status();
    sight.begun(&response);
    let (body, sight) = sight.after(http::text(response, LARGEST_ANSWER).await.map_err(not_read))?;
    sight.read(&body);
    if status == StatusCode::OK {
        return Ok(success(&body, asked, bound, asked_at)?);
    }
    if PASSING.contains(&status) {
        return Err(ExchangeError::Unavailable(format!("it answers {status}")).into());
    }
    match serde_json::from_slice::<ErrorResponse>(&body) {
        Ok(refused) if bound && refused.error == "use_dpop_nonce" => Err(NoToken::WantsNonce),
        Ok(refused) if REFUSALS.contains(&status) => Err(ExchangeError::refused(refused).into()),
        _ => Err(ExchangeError::Fault(format!("it answers {status}")).into()),
    }
}

/// Statuses that carry an OAuth error (RFC 6749 section 5.2).
const REFUSALS: [StatusCode; 3] = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];

/// The server asks for patience, or is away behind a proxy that answers for it.
const PASSING: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

fn not_read(error: http::ReadError) -> ExchangeError {
    match error {
        http::ReadError::Broken(error) if error.is_timeout() => ExchangeError::TimedOut,
        http::ReadError::Broken(error) => ExchangeError::Unavailable(error.without_url().to_string()),
        other => ExchangeError::Fault(other.to_string()),
    }
}

fn success(body: &[u8], asked: &Scope, bound: bool, asked_at: OffsetDateTime) -> Result<ExchangedToken, ExchangeError> {
    let fault = |what: &str| ExchangeError::Fault(what.to_owned());
    let answer: Success = serde_json::from_slice(body).map_err(|_| fault("the answer lacks what RFC 8693 requires"))?;
    if answer.issued_token_type != ACCESS_TOKEN {
        return Err(fault("the issued token is not an access token"));
    }
    // RFC 6749 section 7.1: a token whose type is not understood must not be used.
    if !answer.token_type.eq_ignore_ascii_case(if bound { DPOP } else { "Bearer" }) {
        return Err(fault("the issued token is not of the type that was asked for"));
    }
    if answer.access_token.is_empty() || answer.expires_in <= 0 {
        return Err(fault("the issued token is empty or over"));
    }
    let scope = answer.scope.unwrap_or_else(|| asked.clone());
    if !asked.is_empty() && !scope.is_subset(asked) {
        return Err(fault("the issued token allows more than was asked for"));
    }
    let expires_at = asked_at + Duration::seconds(answer.expires_in.min(24 * 60 * 60));
    Ok(ExchangedToken { text: answer.access_token.into(), bound, scope, expires_at })
}
