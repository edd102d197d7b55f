//! Reading a request's JSON body: bounded in size and in time, and answered with a problem document (RFC 9457) that says
//! what is wrong with it.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::answer::problem;
use crate::Problem;

/// No body that a service of this house takes is nearly as long.
pub const LARGEST_BODY: usize = 16 * 1024;
/// A sender that takes longer holds a connection for nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// A body that has not been read: a handler reads it after it has looked at the caller.
pub struct Body {
    payload: web::Payload,
    is_json: bool,
}

impl Body {
    /// The body as JSON of the shape `T`.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        if !self.is_json {
            let detail = "Send the body as JSON, with the header Content-Type: application/json.";
            return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let read = tokio::time::timeout(PATIENCE, self.payload.to_bytes_limited(LARGEST_BODY));
        let bytes = match read.await {
            Err(_) => {
                return Err(problem(StatusCode::REQUEST_TIMEOUT, "The body did not arrive within 5 seconds."));
            }
            Ok(Err(_)) => {
                let detail = format!("The body has more than {LARGEST_BODY} bytes.");
                return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, detail));
            }
            Ok(Ok(Err(_))) => return Err(problem(StatusCode::BAD_REQUEST, "The body broke off.")),
            Ok(Ok(Ok(bytes))) => bytes,
        };
        serde_json::from_slice(&bytes).map_err(|error| {
            problem(StatusCode::BAD_REQUEST, format!("The body is not the JSON that is expected here: {error}."))
        })
    }
}

impl FromRequest for Body {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut actix_web::dev::Payload) -> Self::Future {
        let content_type =
            request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = media_type.eq_ignore_ascii_case("application/json");
        let payload = web::Payload::from_request(request, payload).into_inner();
        std::future::ready(payload.map(|payload| Self { payload, is_json }))
    }
}
