//! Reading the token endpoint's answer (RFC 8693 section 2.2, RFC 6749 section 5), strictly.

use reqwest::{Response, StatusCode};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

use super::{ACCESS_TOKEN, ExchangeError, ExchangedToken};
use crate::{Scope, http};

const LARGEST_ANSWER: usize = 64 * 1024;

#[derive(Deserialize)]
struct Success {
    access_token: String,
    issued_token_type: String,
    token_type: String,
    expires_in: i64,
    #[serde(default)]
    scope: Scope,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

pub(super) async fn read(response: Response, now: OffsetDateTime) -> Result<ExchangedToken, ExchangeError> {
    let status = response.status();
    let body = http::text(response, LARGEST_ANSWER).await.map_err(|error| ExchangeError::Fault(error.to_string()))?;
    if status == StatusCode::OK {
        return success(&body, now);
    }
    match serde_json::from_slice::<Refused>(&body) {
        Ok(Refused { error, error_description })
            if status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE =>
        {
            Err(ExchangeError::refused(&error, &error_description))
        }
        _ if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(ExchangeError::Unavailable(format!("it answers {status}")))
        }
        _ => Err(ExchangeError::Fault(format!("it answers {status}"))),
    }
}

fn success(body: &[u8], now: OffsetDateTime) -> Result<ExchangedToken, ExchangeError> {
    let fault = |what: &str| ExchangeError::Fault(what.to_owned());
    let answer: Success = serde_json::from_slice(body).map_err(|_| fault("the answer lacks what RFC 8693 requires"))?;
    if answer.issued_token_type != ACCESS_TOKEN {
        return Err(fault("the issued token is not an access token"));
    }
    // RFC 6749 section 7.1: a token whose type is not understood must not be used.
    if !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(fault("the issued token is not a bearer token"));
    }
    if answer.access_token.is_empty() || answer.expires_in <= 0 {
        return Err(fault("the issued token is empty or over"));
    }
    let expires_at = now + Duration::seconds(answer.expires_in.min(24 * 60 * 60));
    Ok(ExchangedToken { text: answer.access_token.into(), scope: answer.scope, expires_at })
}
