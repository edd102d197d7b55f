//! What a caller hears when no token or no answer was to be had from the downstream API (RFC 6750 section 3, RFC 9470,
//! RFC 9457). What exactly went wrong is in the log; the caller hears what to do.

use actix_web::Error;
use actix_web::http::StatusCode;
use shared_claims::service::answer::{passing, problem};
use shared_claims::{ExchangeError, Refusal, ResourceServer};

use crate::receipts::CallFailure;

/// The answer of `api` to its caller. The caller's token is never sent on in place of the one that was not issued.
pub fn answer(api: &ResourceServer, failure: &CallFailure) -> Error {
    log_failure(failure);
    match failure {
        CallFailure::Exchange(error) => not_exchanged(api, error),
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
            problem(status, if detail.is_empty() { unsaid } else { detail }).into()
        }
        CallFailure::Fault(_) => problem(
            StatusCode::BAD_GATEWAY,
            "The service that keeps the receipts answered what cannot be used. Its operator can tell more.",
        )
        .into(),
    }
}

fn not_exchanged(api: &ResourceServer, error: &ExchangeError) -> Error {
    let invalid_token = |text: &str| api.challenge(Refusal::InvalidToken(text.to_owned())).into();
    let sign_in = |text: &str| api.challenge(Refusal::InsufficientUserAuthentication(text.to_owned())).into();
    match error {
        ExchangeError::SubjectExpired => invalid_token("the token has expired: get a fresh one and try again"),
        ExchangeError::SubjectRefused { .. } => invalid_token("the token is not good any more: sign in again"),
        ExchangeError::InteractionRequired { .. } => {
            sign_in("the user has to agree to this first: send the user to sign in again")
        }
        ExchangeError::InsufficientAuthentication { .. } => {
            sign_in("the user has to sign in anew or more strongly for this: send the user to sign in again")
        }
        ExchangeError::Forbidden { .. } => not_allowed(),
        ExchangeError::Unavailable(_) => passing(
            StatusCode::SERVICE_UNAVAILABLE,
            "The auth server is not available at the moment. Try again in a second.",
        ),
        ExchangeError::TimedOut => {
            passing(StatusCode::GATEWAY_TIMEOUT, "The auth server did not answer in time. Try again in a second.")
        }
        ExchangeError::Misconfigured { .. } => problem(
            StatusCode::BAD_GATEWAY,
            "This service is not set up to call the next one. Its operator has to register it at the auth server.",
        )
        .into(),
        _ => problem(
            StatusCode::BAD_GATEWAY,
            "The auth server answered what cannot be used. Its operator can tell more.",
        )
        .into(),
    }
}

fn not_allowed() -> Error {
    let detail = "This user may not do this with receipts. An administrator can grant the permission.";
    problem(StatusCode::FORBIDDEN, detail).into()
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
