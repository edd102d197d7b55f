//! What the own caller hears when a token or an answer was not to be had (RFC 6750 section 3, RFC 9470, RFC 9457). The cause is
//! in the log; the caller hears what to do. The caller's token is never sent on in place of the one that was not issued.

use std::time::Duration;

use super::{CallError, ExchangeError};
use crate::{Challenge, Problem, Refusal, ResourceServer};

/// What passes by itself is worth another try after so long.
const PASSING: Duration = Duration::from_secs(1);

/// An answer to the own caller: a problem document, with a challenge where the caller can do something about it. With the
/// feature `actix` it is a response, and an error of handlers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerAnswer {
    problem: Problem,
    challenge: Option<Challenge>,
    retry_after: Option<Duration>,
}

impl CallerAnswer {
    #[must_use]
    pub fn status(&self) -> u16 {
        self.problem.status
    }

    /// The body, to be sent as [`PROBLEM_JSON`](crate::problem::PROBLEM_JSON).
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// What goes behind `WWW-Authenticate:`.
    #[must_use]
    pub fn www_authenticate(&self) -> Option<String> {
        self.challenge.as_ref().map(Challenge::header_value)
    }

    /// What goes behind `Retry-After:`, in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.retry_after.map(|time| time.as_secs() + u64::from(time.subsec_nanos() > 0))
    }

    fn challenged(challenge: Challenge) -> Self {
        Self { problem: challenge.problem(), challenge: Some(challenge), retry_after: None }
    }

    fn of(status: u16, detail: &str) -> Self {
        let title = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let problem = Problem::new(status, title.unwrap_or("Error")).with_detail(detail);
        Self { problem, challenge: None, retry_after: None }
    }

    fn passing(status: u16, detail: &str, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after.max(PASSING)), ..Self::of(status, detail) }
    }
}

impl std::fmt::Display for CallerAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for CallerAnswer {}

impl ResourceServer {
    /// What this API answers its caller when a call on the caller's behalf failed. Writes the cause to the log.
    #[must_use]
    pub fn answer_to(&self, failure: impl Into<CallError>) -> CallerAnswer {
        let failure = failure.into();
        log_failure(&failure);
        match &failure {
            CallError::Exchange(error) => self.not_exchanged(error),
            CallError::Away(_) => CallerAnswer::passing(
                502,
                "The service behind this one cannot be reached. Try again in a moment.",
                PASSING,
            ),
            CallError::TimedOut => {
                let detail = "The service behind this one did not answer in time. Try again in a moment.";
                CallerAnswer::passing(504, detail, PASSING)
            }
            CallError::NotReady(_) => {
                CallerAnswer::passing(503, "The service behind this one is not ready. Try again in a moment.", PASSING)
            }
            CallError::TokenRefused => CallerAnswer::passing(
                502,
                "The service behind this one refused this call. Try again in a moment.",
                PASSING,
            ),
            CallError::Forbidden => not_allowed(),
            CallError::Refused { status, detail } if detail.is_empty() => {
                CallerAnswer::of(*status, "The service behind this one refuses this request.")
            }
            CallError::Refused { status, detail } => CallerAnswer::of(*status, detail),
            CallError::Fault(_) | CallError::Request(_) => CallerAnswer::of(
                502,
                "The service behind this one answered what cannot be used. The operator of this one can tell more.",
            ),
        }
    }

    fn not_exchanged(&self, error: &ExchangeError) -> CallerAnswer {
        let challenged = |refusal| CallerAnswer::challenged(self.challenge(refusal));
        match error {
            ExchangeError::SubjectExpired => {
                challenged(Refusal::InvalidToken("the token has expired: get a fresh one and try again".to_owned()))
            }
            ExchangeError::SubjectRefused { .. } => {
                challenged(Refusal::InvalidToken("the token is not good any more: sign in again".to_owned()))
            }
            ExchangeError::InteractionRequired { .. } => challenged(Refusal::InteractionRequired(
                "the user has to agree to this first: send the user to /authorize with prompt=consent".to_owned(),
            )),
            ExchangeError::InsufficientAuthentication { acr_values, max_age, .. } => {
                challenged(Refusal::InsufficientUserAuthentication {
                    description: "the user has to sign in anew or more strongly for this".to_owned(),
                    acr_values: acr_values.clone(),
                    max_age: *max_age,
                })
            }
            ExchangeError::Forbidden { .. } => not_allowed(),
            ExchangeError::Unavailable(_) => auth_server_away(PASSING),
            ExchangeError::CircuitOpen { retry_after } => auth_server_away(*retry_after),
            ExchangeError::TimedOut => {
                CallerAnswer::passing(504, "The auth server did not answer in time. Try again in a second.", PASSING)
            }
            ExchangeError::Misconfigured { .. } => CallerAnswer::of(
                502,
                "This service is not set up to call the next one. Its operator has to register it at the auth server.",
            ),
            ExchangeError::Fault(_) => CallerAnswer::of(
                502,
                "The auth server answered what cannot be used. The operator of this service can tell more.",
            ),
        }
    }
}

fn auth_server_away(retry_after: Duration) -> CallerAnswer {
    CallerAnswer::passing(503, "The auth server is not available at the moment. Try again in a moment.", retry_after)
}

fn not_allowed() -> CallerAnswer {
    CallerAnswer::of(403, "This user may not do this. An administrator can grant the permission.")
}

/// Everyday refusals are not the operator's concern; a wrong set-up is.
fn log_failure(failure: &CallError) {
    use ExchangeError as E;
    let level = match failure {
        CallError::Refused { .. }
        | CallError::Forbidden
        | CallError::Exchange(
            E::SubjectExpired
            | E::SubjectRefused { .. }
            | E::InteractionRequired { .. }
            | E::InsufficientAuthentication { .. }
            | E::Forbidden { .. },
        ) => log::Level::Info,
        CallError::Fault(_) | CallError::Request(_) | CallError::Exchange(E::Misconfigured { .. } | E::Fault(_)) => {
            log::Level::Error
        }
        _ => log::Level::Warn,
    };
    log::log!(level, "a call on behalf of a user failed: {failure}");
}

#[cfg(feature = "actix")]
mod response {
    use actix_web::body::BoxBody;
    use actix_web::http::StatusCode;
    use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
    use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};

    use super::CallerAnswer;

    impl ResponseError for CallerAnswer {
        fn status_code(&self) -> StatusCode {
            self.problem.status_code()
        }

        fn error_response(&self) -> HttpResponse<BoxBody> {
            let mut response = self.problem.builder();
            if let Some(challenge) = self.www_authenticate() {
                response.insert_header((WWW_AUTHENTICATE, challenge));
            }
            if let Some(seconds) = self.retry_after() {
                response.insert_header((RETRY_AFTER, seconds));
            }
            response.body(self.problem.body())
        }
    }

    impl Responder for CallerAnswer {
        type Body = BoxBody;

        fn respond_to(self, _: &HttpRequest) -> HttpResponse<BoxBody> {
            self.error_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn api() -> ResourceServer {
        ResourceServer::builder("http://localhost:9000", "https://api-a.example").build().unwrap()
    }

    fn text() -> String {
        "canary".to_owned()
    }

    #[rstest]
    #[case::expired(ExchangeError::SubjectExpired, 401, "invalid_token")]
    #[case::ended(ExchangeError::SubjectRefused { description: text() }, 401, "invalid_token")]
    #[case::consent(ExchangeError::InteractionRequired { description: text() }, 401, "interaction_required")]
    #[case::policy(ExchangeError::Forbidden { error: text(), description: text() }, 403, "")]
    #[case::own_client(ExchangeError::Misconfigured { error: text(), description: text() }, 502, "")]
    #[case::away(ExchangeError::Unavailable(text()), 503, "")]
    #[case::slow(ExchangeError::TimedOut, 504, "")]
    #[case::nonsense(ExchangeError::Fault(text()), 502, "")]
    fn a_refused_exchange_becomes_what_the_caller_can_act_on(
        #[case] error: ExchangeError,
        #[case] status: u16,
        #[case] code: &str,
    ) {
        let answer = api().answer_to(error);
        assert_eq!(answer.status(), status);
        let challenge = answer.www_authenticate().unwrap_or_default();
        assert!(challenge.contains(code) && challenge.is_empty() == code.is_empty(), "{challenge}");
        assert_eq!(answer.retry_after().is_some(), status == 503 || status == 504);
        assert!(!format!("{answer} {challenge}").contains("canary"), "the cause is for the log");
    }

    #[test]
    fn a_demand_for_a_stronger_sign_in_is_passed_on_with_what_it_takes() {
        let (acr_values, max_age) = (Some("phr".to_owned()), Some(60));
        let answer =
            api().answer_to(ExchangeError::InsufficientAuthentication { description: text(), acr_values, max_age });
        let challenge = answer.www_authenticate().unwrap();
        for part in [r#"error="insufficient_user_authentication""#, r#"acr_values="phr""#, r#"max_age="60""#] {
            assert!(challenge.contains(part), "{challenge}");
        }
    }

    #[test]
    fn an_open_circuit_tells_when_it_is_worth_trying_again() {
        let after = |millis| {
            let retry_after = Duration::from_millis(millis);
            api().answer_to(ExchangeError::CircuitOpen { retry_after }).retry_after()
        };
        assert_eq!((after(1), after(4_200), after(5_000)), (Some(1), Some(5), Some(5)));
    }
}
