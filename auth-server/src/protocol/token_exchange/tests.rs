use super::*;
use crate::protocol::error::ErrorCode;
use proptest::prelude::*;
use rstest::rstest;

const SUBJECT: &str = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=aaa.bbb.ccc\
                       &subject_token_type=urn:ietf:params:oauth:token-type:access_token";

/// Its parameters are left behind: what was read from them stands on them.
fn read(text: &str) -> Result<ExchangeRequest<'static>, OAuthError> {
    ExchangeRequest::read(Box::leak(Box::new(Parameters::parse(text.as_bytes()).unwrap())))
}

#[test]
fn every_parameter_is_read_into_its_type() {
    let request = read(&format!(
        "{SUBJECT}&requested_token_type=urn:ietf:params:oauth:token-type:jwt&audience=https://api-b.example\
         &scope=write:receipts+read:receipts&client_id=api-a"
    ))
    .unwrap();
    assert_eq!(request.subject_token.as_str(), "aaa.bbb.ccc");
    assert_eq!(request.subject_token_type, TokenType::AccessToken);
    assert_eq!(request.requested_token_type, TokenType::Jwt);
    assert_eq!(request.target.unwrap().as_str(), "https://api-b.example");
    assert_eq!(request.scope.unwrap().to_string(), "read:receipts write:receipts");
}

#[test]
fn target_scope_and_requested_type_may_be_left_out() {
    let request = read(&SUBJECT.replace("token-type:access_token", "token-type:jwt")).unwrap();
    assert_eq!(request.subject_token_type, TokenType::Jwt);
    assert_eq!(request.requested_token_type, TokenType::AccessToken);
    assert_eq!((request.target, request.scope), (None, None));
}

#[rstest]
#[case::missing("", "subject_token_missing")]
#[case::empty("subject_token=", "subject_token_missing")]
#[case::bearer_prefix("subject_token=Bearer+aaa.bbb.ccc", "subject_token_malformed")]
#[case::bearer_in_other_case("subject_token=bearer%20aaa.bbb.ccc", "subject_token_malformed")]
#[case::quoted("subject_token=%22aaa.bbb.ccc%22", "subject_token_malformed")]
#[case::newline("subject_token=aaa.bbb.ccc%0A", "subject_token_malformed")]
#[case::beyond_ascii("subject_token=%C3%A9", "subject_token_malformed")]
#[case::two("subject_token=aaa.bbb.ccc&subject_token=aaa.bbb.ccc", "parameter_repeated")]
fn a_subject_token_comes_bare_and_once(#[case] text: &str, #[case] reason: &str) {
    let error = read(&format!("{text}&subject_token_type=urn:ietf:params:oauth:token-type:access_token")).unwrap_err();
    assert_eq!((error.code, error.reason), (ErrorCode::InvalidRequest, reason));
}

#[rstest]
#[case::missing("", "subject_token_type_missing")]
#[case::empty("&subject_token_type=", "subject_token_type_missing")]
#[case::id_token("&subject_token_type=urn:ietf:params:oauth:token-type:id_token", "subject_token_type_not_supported")]
#[case::refresh_token(
    "&subject_token_type=urn:ietf:params:oauth:token-type:refresh_token",
    "subject_token_type_not_supported"
)]
#[case::saml("&subject_token_type=urn:ietf:params:oauth:token-type:saml2", "subject_token_type_not_supported")]
#[case::short("&subject_token_type=access_token", "subject_token_type_not_supported")]
#[case::other_case(
    "&subject_token_type=URN:ietf:params:oauth:token-type:access_token",
    "subject_token_type_not_supported"
)]
fn only_access_tokens_can_be_subjects(#[case] text: &str, #[case] reason: &str) {
    let error = read(&format!("subject_token=aaa.bbb.ccc{text}")).unwrap_err();
    assert_eq!((error.code, error.reason), (ErrorCode::InvalidRequest, reason));
}

#[rstest]
#[case::id_token(
    "requested_token_type=urn:ietf:params:oauth:token-type:id_token",
    ErrorCode::InvalidRequest,
    "requested_token_type_not_supported"
)]
#[case::refresh_token(
    "requested_token_type=urn:ietf:params:oauth:token-type:refresh_token",
    ErrorCode::InvalidRequest,
    "requested_token_type_not_supported"
)]
#[case::unknown("requested_token_type=x", ErrorCode::InvalidRequest, "requested_token_type_not_supported")]
#[case::empty_requested_type("requested_token_type=", ErrorCode::InvalidRequest, "parameter_empty")]
#[case::empty_scope("scope=", ErrorCode::InvalidRequest, "parameter_empty")]
#[case::empty_audience("audience=", ErrorCode::InvalidRequest, "parameter_empty")]
#[case::empty_resource("resource", ErrorCode::InvalidRequest, "parameter_empty")]
#[case::two_scopes("scope=a&scope=b", ErrorCode::InvalidRequest, "parameter_repeated")]
#[case::malformed_scope("scope=a%00b%22", ErrorCode::InvalidRequest, "parameter_malformed")]
#[case::quote_in_scope("scope=a%22", ErrorCode::InvalidScope, "scope_malformed")]
#[case::two_audiences(
    "audience=https://b.example&audience=https://c.example",
    ErrorCode::InvalidTarget,
    "several_targets"
)]
#[case::two_resources(
    "resource=https://b.example&resource=https://c.example",
    ErrorCode::InvalidTarget,
    "several_targets"
)]
#[case::conflict("audience=https://b.example&resource=https://c.example", ErrorCode::InvalidTarget, "target_conflict")]
#[case::actor_without_type("actor_token=x", ErrorCode::InvalidRequest, "actor_token_type_missing")]
#[case::actor_of_another_type(
    "actor_token=x&actor_token_type=urn:ietf:params:oauth:token-type:id_token",
    ErrorCode::InvalidRequest,
    "actor_token_type_not_supported"
)]
#[case::actor_that_is_no_token(
    "actor_token=Bearer+x&actor_token_type=urn:ietf:params:oauth:token-type:jwt",
    ErrorCode::InvalidRequest,
    "actor_token_malformed"
)]
#[case::empty_actor_token("actor_token=", ErrorCode::InvalidRequest, "parameter_empty")]
#[case::empty_actor_token_type("actor_token=x&actor_token_type=", ErrorCode::InvalidRequest, "parameter_empty")]
#[case::type_without_actor("actor_token_type=x", ErrorCode::InvalidRequest, "actor_token_type_unexpected")]
fn nothing_is_read_past(#[case] extra: &str, #[case] code: ErrorCode, #[case] reason: &str) {
    let text = format!("{SUBJECT}&{extra}");
    let error = Parameters::parse(text.as_bytes()).and_then(|p| ExchangeRequest::read(&p).map(drop)).unwrap_err();
    assert_eq!((error.code, error.reason), (code, reason));
}

#[test]
fn an_actor_token_is_read_with_its_type() {
    let text = format!("{SUBJECT}&actor_token=ddd.eee.fff&actor_token_type=urn:ietf:params:oauth:token-type:jwt");
    let request = read(&text).unwrap();
    assert!(request.actor_token.is_some());
    assert!(!format!("{request:?}").contains("ddd.eee"));
}

#[test]
fn no_parameter_of_the_exchange_may_come_twice() {
    for name in ONCE {
        assert_eq!(read(&format!("{SUBJECT}&{name}=a&{name}=a")).unwrap_err().reason, "parameter_repeated", "{name}");
    }
}

#[test]
fn the_subject_token_does_not_show_in_debug_output_or_errors() {
    assert!(!format!("{:?}", read(SUBJECT).unwrap()).contains("aaa.bbb"));
    let error = read("subject_token=Bearer+aaa.bbb.ccc").unwrap_err();
    assert!(!error.description.contains("aaa"));
}

proptest! {
    #[test]
    fn a_request_is_read_whole_or_refused(
        mutations in proptest::collection::vec((proptest::sample::select(ONCE.as_slice()), "[a-zA-Z:. \"é-]{0,12}"), 1..3)
    ) {
        let pairs: Vec<_> = mutations.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let text = format!("{SUBJECT}&{}", crate::protocol::parameters::encode(&pairs));
        if let Ok(request) = read(&text) {
            // What was accepted is the control with harmless additions.
            prop_assert_eq!(request.subject_token.as_str(), "aaa.bbb.ccc");
            prop_assert_eq!(request.subject_token_type, TokenType::AccessToken);
        }
    }
}
