//! Reading a form body: bounded in size and time, and strict (RFC 6749 appendix B).
//!
//! actix bounds the size but waits for ever for a body that never ends, and answers in plain text.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{BytesMut, Payload};
use futures_util::StreamExt as _;

use crate::protocol::{OAuthError, Parameters};

/// Room for a subject token, an ID token hint and everything else that requests carry.
pub const MAX_BODY: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no form.
#[derive(Debug)]
pub enum NoForm {
    /// 413
    TooLarge,
    /// 408
    TooSlow,
    Malformed(OAuthError),
}

impl NoForm {
    /// The HTTP status and the error of the answer.
    #[must_use]
    pub fn describe(self) -> (u16, OAuthError) {
        match self {
            Self::TooLarge => {
                let limit = MAX_BODY / 1024;
                (413, OAuthError::invalid_request("body_too_large", format!("a body may have at most {limit} KiB")))
            }
            Self::TooSlow => (408, OAuthError::invalid_request("body_too_slow", "the body did not arrive in 10 seconds")),
            Self::Malformed(error) => (error.status(), error),
        }
    }
}

/// Reads the whole form.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Parameters, NoForm> {
    check_content_type(request).map_err(NoForm::Malformed)?;
    let body = tokio::time::timeout(BODY_TIMEOUT, collect(payload)).await.map_err(|_| NoForm::TooSlow)??;
    Parameters::parse(&body).map_err(NoForm::Malformed)
}

async fn collect(mut payload: Payload) -> Result<BytesMut, NoForm> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| NoForm::Malformed(OAuthError::invalid_request("body_broken", "the body broke off")))?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(NoForm::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A form in UTF-8 and nothing else: another character set would be read as other values.
fn check_content_type(request: &HttpRequest) -> Result<(), OAuthError> {
    let wrong = || {
        OAuthError::invalid_request("content_type_wrong", "send application/x-www-form-urlencoded, in UTF-8")
    };
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(wrong)?;
    let mut parts = value.split(';').map(str::trim);
    let is_form = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    let other_charset = parts.any(|parameter| {
        let parameter = parameter.to_ascii_lowercase();
        parameter.strip_prefix("charset=").is_some_and(|charset| charset.trim_matches('"') != "utf-8")
    });
    if is_form && !other_charset { Ok(()) } else { Err(wrong()) }
}
