//! What a caller hears when no token or no answer was to be had from the downstream API (RFC 6750 section 3, RFC 9470,
//! RFC 9457). What exactly went wrong is in the log; the caller hears what to do.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};
use shared_claims::ExchangeError;
use shared_claims::problem::Problem;
use shared_claims::service::answer::passing;

use crate::receipts::CallFailure;

impl From<CallFailure> for Problem {
    fn from(failure: CallFailure) -> Self {
        log_failure(&failure);
        match failure {
            CallFailure::Exchange(error) => not_exchanged(&error),
            CallFailure::Away(_) => passing(
                StatusCode::BAD_GATEWAY,
                "The service that keeps the receipts cannot be reached. Try again in a moment.",
            ),
            CallFailure::Slow => passing(
                StatusCode::GATEWAY_TIMEOUT,
                "The service that keeps the receipts did not answer in time. Try again in a moment.",
            ),
            CallFailure::NotReady => passing(
                StatusCode::SERVICE_UNAVAILABLE,
                "The service that keeps the receipts is not ready. Try again in a moment.",
            ),
            CallFailure::Forbidden => not_allowed(),
            CallFailure::Refused { status, detail } => {
                let status = StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::BAD_REQUEST);
                let unsaid = "The service that keeps the receipts refuses this request.";
                Problem::new(status, if detail.is_empty() { unsaid.to_owned() } else { detail })
            }
            CallFailure::Fault(_) => Problem::new(
                StatusCode::BAD_GATEWAY,
                "The service that keeps the receipts answered what cannot be used. Its operator can tell more.",
            ),
        }
    }
}

/// The caller's token is never sent on in place of the one that was not issued.
fn not_exchanged(error: &ExchangeError) -> Problem {
    match error {
        ExchangeError::SubjectExpired => {
            challenge("invalid_token", "The access token has expired. Get a fresh one and try again.")
        }
        ExchangeError::SubjectRefused { .. } => {
            challenge("invalid_token", "The access token is not good any more. Sign in again.")
        }
        ExchangeError::InteractionRequired { .. } => {
            challenge("interaction_required", "The user has to agree to this first. Send the user to sign in again.")
        }
        ExchangeError::InsufficientAuthentication { .. } => {
            let detail = "The user has to sign in anew, or more strongly, for this. Send the user to sign in again.";
            challenge("insufficient_user_authentication", detail)
        }
        ExchangeError::Forbidden { .. } => not_allowed(),
        ExchangeError::Unavailable(_) => passing(
            StatusCode::SERVICE_UNAVAILABLE,
            "The auth server is not available at the moment. Try again in a second.",
        ),
        ExchangeError::TimedOut => {
            passing(StatusCode::GATEWAY_TIMEOUT, "The auth server did not answer in time. Try again in a second.")
        }
        ExchangeError::Misconfigured { .. } => Problem::new(
            StatusCode::BAD_GATEWAY,
            "This service is not set up to call the next one. Its operator has to register it at the auth server.",
        ),
        _ => Problem::new(
            StatusCode::BAD_GATEWAY,
            "The auth server answered what cannot be used. Its operator can tell more.",
        ),
    }
}

fn not_allowed() -> Problem {
    let detail = "This user may not do this with receipts. An administrator can grant the permission.";
    Problem::new(StatusCode::FORBIDDEN, detail)
}

fn challenge(error: &str, detail: &str) -> Problem {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, detail);
    match HeaderValue::from_str(&format!("Bearer error=\"{error}\", error_description=\"{detail}\"")) {
        Ok(value) => problem.with_header(WWW_AUTHENTICATE, value),
        Err(_) => problem,
    }
}

/// Everyday refusals are not the operator's concern; a wrong set-up is.
fn log_failure(failure: &CallFailure) {
    match failure {
        CallFailure::Refused { .. }
        | CallFailure::Forbidden
        | CallFailure::Exchange(
            ExchangeError::SubjectExpired
            | ExchangeError::SubjectRefused { .. }
            | ExchangeError::InteractionRequired { .. }
            | ExchangeError::InsufficientAuthentication { .. }
            | ExchangeError::Forbidden { .. },
        ) => log::info!("{failure}"),
        CallFailure::Fault(_)
        | CallFailure::Exchange(ExchangeError::Misconfigured { .. } | ExchangeError::Fault(_)) => {
            log::error!("{failure}");
        }
        _ => log::warn!("{failure}"),
    }
}
