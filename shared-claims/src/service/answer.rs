//! Problems (RFC 9457) that every service has, and the headers of its answers.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpResponse, ResponseError as _};

use crate::problem::Problem;

#[cfg(feature = "store")]
impl From<super::store::StoreError> for Problem {
    fn from(error: super::store::StoreError) -> Self {
        log::error!("{error}");
        match error {
            super::store::StoreError::Unavailable(_) => passing(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database does not answer at the moment. Try again in a second.",
            ),
            _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here. The log tells what."),
        }
    }
}

/// A failure that will pass: the caller may try again after a second.
#[must_use]
pub fn passing(status: StatusCode, detail: &str) -> Problem {
    Problem::new(status, detail).with_header(RETRY_AFTER, HeaderValue::from_static("1"))
}

/// Nothing lies at the address.
#[must_use]
pub fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.")
}

/// The answer wherever nothing lies: for `default_service`.
pub async fn not_found() -> HttpResponse {
    nothing_here().error_response()
}

/// Headers of an API's answers: they are one caller's own, and no pages.
#[must_use]
pub fn api_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("Cache-Control", "no-store"))
        .add(("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Cross-Origin-Resource-Policy", "same-origin"))
}
