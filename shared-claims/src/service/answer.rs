//! Answers that every service has: problems (RFC 9457), what will pass by itself, and the headers of an API.

use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::middleware::DefaultHeaders;

use crate::Problem;

/// A problem that its status says all about, with a sentence on what to do.
#[must_use]
pub fn problem(status: StatusCode, detail: impl Into<String>) -> Problem {
    Problem::new(status.as_u16(), status.canonical_reason().unwrap_or("Error")).with_detail(detail)
}

/// A failure that will pass: the caller may try again after a second.
#[must_use]
pub fn passing(status: StatusCode, detail: &str) -> actix_web::Error {
    let problem = problem(status, detail);
    let response = problem.builder().insert_header((RETRY_AFTER, "1")).body(problem.body());
    InternalError::from_response(problem, response).into()
}

/// The answer wherever nothing lies: for `default_service`.
#[expect(clippy::unused_async, reason = "a handler of actix is async")]
pub async fn not_found() -> Problem {
    problem(StatusCode::NOT_FOUND, "There is nothing at this address.")
}

/// The answer to a method that an address does not know: for a resource's `default_service`.
#[expect(clippy::unused_async, reason = "a handler of actix is async")]
pub async fn method_not_allowed() -> Problem {
    problem(StatusCode::METHOD_NOT_ALLOWED, "This address does not know this method.")
}

/// What a caller hears of the database's failures. The cause is for the log.
#[cfg(feature = "store")]
impl actix_web::ResponseError for super::store::StoreError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> actix_web::HttpResponse {
        log::error!("{self}");
        match self {
            Self::Unavailable(_) => {
                let detail = "The database does not answer at the moment. Try again in a second.";
                passing(self.status_code(), detail).error_response()
            }
            _ => problem(self.status_code(), "Something went wrong here. The log tells what.").error_response(),
        }
    }
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
