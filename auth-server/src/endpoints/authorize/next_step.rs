//! What has to happen before a request can be answered: a sign-in, a consent, or nothing (OpenID Connect Core section
//! 3.1.2.3). Pure: the same question at `/authorize`, after the login form and after the consent form.

use time::OffsetDateTime;

use crate::protocol::{AuthorizationRequest, ErrorCode, OAuthError};

/// The next thing that a person has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    SignIn,
    Consent,
    /// Nothing: the app gets its answer.
    Finish,
}

/// What is known of the person at this browser.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The user's id.
    pub sub: &'a str,
    pub auth_time: OffsetDateTime,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// When it came in: a sign-in after this was made for it.
    pub began_at: OffsetDateTime,
    /// The person agreed on the consent page, for this request.
    pub consented: bool,
    /// There are scopes that the person has never agreed to.
    pub consent_is_missing: bool,
    /// The user that the app's `id_token_hint` or `claims` name.
    pub expected_sub: Option<&'a str>,
}

/// Decides what comes next.
#[must_use]
pub fn next_step(
    request: &AuthorizationRequest,
    progress: &Progress<'_>,
    person: Option<&Person<'_>>,
    now: OffsetDateTime,
) -> Step {
    let Some(person) = person else { return Step::SignIn };
    if must_sign_in_anew(request, progress, person, now) {
        return Step::SignIn;
    }
    let asked_anew = request.prompt.consent() && !progress.consented;
    if asked_anew || progress.consent_is_missing { Step::Consent } else { Step::Finish }
}

fn must_sign_in_anew(
    request: &AuthorizationRequest,
    progress: &Progress<'_>,
    person: &Person<'_>,
    now: OffsetDateTime,
) -> bool {
    // Another person than the app expects must not get an answer, whenever they signed in (Core section 3.1.2.2).
    if progress.expected_sub.is_some_and(|expected| expected != person.sub) {
        return true;
    }
    let signed_in_for_this = person.auth_time >= progress.began_at;
    let too_long_ago = request.max_age.is_some_and(|max_age| now - person.auth_time > max_age);
    !signed_in_for_this && (request.prompt.login() || too_long_ago)
}

/// What an app hears that forbade any page (`prompt=none`) where one is needed (Core section 3.1.2.6).
#[must_use]
pub fn refused_without_page(step: Step) -> Option<OAuthError> {
    let (code, reason, description) = match step {
        Step::SignIn => (ErrorCode::LoginRequired, "login_required", "the person has to sign in"),
        Step::Consent => (ErrorCode::ConsentRequired, "consent_required", "the person has to agree"),
        Step::Finish => return None,
    };
    Some(OAuthError::new(code, reason, description))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Parameters;
    use rstest::rstest;
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn request(extra: &str) -> AuthorizationRequest {
        let query = format!("response_type=code&client_id=app&scope=openid{extra}");
        AuthorizationRequest::read(&Parameters::parse(query.as_bytes()).unwrap()).unwrap()
    }

    /// The step for a person who signed in `ago`; the request began a minute before now.
    fn step(extra: &str, ago: Option<Duration>, consent_is_missing: bool, consented: bool) -> Step {
        let progress =
            Progress { began_at: NOW - Duration::MINUTE, consented, consent_is_missing, expected_sub: None };
        let person = ago.map(|ago| Person { sub: "usr_1", auth_time: NOW - ago });
        next_step(&request(extra), &progress, person.as_ref(), NOW)
    }

    #[rstest]
    #[case::nobody("", None, Step::SignIn)]
    #[case::somebody("", Some(Duration::HOUR), Step::Finish)]
    #[case::prompt_login("&prompt=login", Some(Duration::HOUR), Step::SignIn)]
    #[case::prompt_login_done("&prompt=login", Some(Duration::SECOND), Step::Finish)]
    #[case::other_account("&prompt=select_account", Some(Duration::HOUR), Step::SignIn)]
    #[case::too_old("&max_age=60", Some(Duration::HOUR), Step::SignIn)]
    #[case::young_enough("&max_age=10000", Some(Duration::HOUR), Step::Finish)]
    #[case::always_anew("&max_age=0", Some(Duration::HOUR), Step::SignIn)]
    #[case::done_anew("&max_age=0", Some(Duration::SECOND), Step::Finish)]
    fn a_person_signs_in_when_the_request_demands_it(
        #[case] extra: &str,
        #[case] signed_in_ago: Option<Duration>,
        #[case] expected: Step,
    ) {
        assert_eq!(step(extra, signed_in_ago, false, false), expected);
    }

    #[test]
    fn a_person_is_asked_once_unless_the_app_wants_it_again() {
        let signed_in = Some(Duration::HOUR);
        assert_eq!(step("", signed_in, true, false), Step::Consent);
        assert_eq!(step("", signed_in, false, false), Step::Finish);
        assert_eq!(step("&prompt=consent", signed_in, false, false), Step::Consent);
        assert_eq!(step("&prompt=consent", signed_in, false, true), Step::Finish);
    }

    #[test]
    fn another_person_than_the_app_expects_gets_no_answer() {
        let progress = Progress {
            began_at: NOW - Duration::MINUTE,
            consented: false,
            consent_is_missing: false,
            expected_sub: Some("usr_2"),
        };
        let person = Person { sub: "usr_1", auth_time: NOW };
        assert_eq!(next_step(&request(""), &progress, Some(&person), NOW), Step::SignIn);
    }

    #[test]
    fn without_a_page_the_app_hears_what_was_needed() {
        assert_eq!(refused_without_page(Step::SignIn).unwrap().code, ErrorCode::LoginRequired);
        assert_eq!(refused_without_page(Step::Consent).unwrap().code, ErrorCode::ConsentRequired);
        assert!(refused_without_page(Step::Finish).is_none());
    }
}
