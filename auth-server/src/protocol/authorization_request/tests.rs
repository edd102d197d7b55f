use super::*;
use proptest::prelude::*;
use rstest::rstest;
use secrecy::ExposeSecret;

const MINIMAL: &str = "response_type=code&client_id=demo-app";

fn parameters(text: &str) -> Parameters {
    Parameters::parse(text.as_bytes()).unwrap()
}

fn read(text: &str) -> Result<AuthorizationRequest, OAuthError> {
    AuthorizationRequest::read(&parameters(text))
}

#[test]
fn every_parameter_is_read_into_its_type() {
    let request = read(
        "response_type=code&client_id=demo-app&redirect_uri=http%3A%2F%2Flocalhost%3A9001%2Fcallback\
         &scope=openid+read:reports&state=s&nonce=n&prompt=login%20consent&max_age=300&login_hint=alice\
         &audience=https://api-a.example&resource=https://api-a.example&response_mode=query\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
         &acr_values=1+2&ui_locales=se+de-CH&claims_locales=se&display=popup&id_token_hint=a.b.c\
         &claims=%7B%22userinfo%22%3A%7B%22name%22%3A%7B%22essential%22%3Atrue%7D%7D%7D&unknown=1&unknown=2",
    )
    .unwrap();
    assert_eq!(request.client_id, "demo-app");
    assert_eq!(request.redirect_uri.as_deref(), Some("http://localhost:9001/callback"));
    assert_eq!(request.scope.to_string(), "openid read:reports");
    assert_eq!(request.nonce.as_deref(), Some("n"));
    assert!(request.prompt.login() && request.prompt.consent());
    assert_eq!(request.max_age, Some(Duration::seconds(300)));
    assert_eq!(request.login_hint.as_deref(), Some("alice"));
    assert_eq!(request.target.unwrap().as_str(), "https://api-a.example");
    assert!(request.code_challenge.is_some());
    assert_eq!(request.acr_values, ["1", "2"]);
    assert_eq!(request.ui_locales, ["se", "de-CH"]);
    assert_eq!(request.id_token_hint.unwrap().expose_secret(), "a.b.c");
    assert!(request.claims.userinfo["name"].essential);
}

#[test]
fn what_is_not_sent_is_not_invented() {
    let request = read(MINIMAL).unwrap();
    assert!(request.scope.is_empty() && request.nonce.is_none() && request.max_age.is_none());
    assert!(request.prompt == Prompt::default() && request.target.is_none() && request.code_challenge.is_none());
    assert_eq!(request.claims, RequestedClaims::default());
}

#[rstest]
#[case::response_type_missing("client_id=a", ErrorCode::InvalidRequest, "response_type_missing")]
#[case::response_type_empty("client_id=a&response_type=", ErrorCode::InvalidRequest, "response_type_missing")]
#[case::implicit("client_id=a&response_type=token", ErrorCode::UnsupportedResponseType, "response_type_not_supported")]
#[case::hybrid(
    "client_id=a&response_type=code+id_token",
    ErrorCode::UnsupportedResponseType,
    "response_type_not_supported"
)]
#[case::request_object("client_id=a&request=x", ErrorCode::RequestNotSupported, "request_not_supported")]
#[case::request_uri(
    "client_id=a&request_uri=https://x.example",
    ErrorCode::RequestUriNotSupported,
    "request_uri_not_supported"
)]
#[case::registration(
    "client_id=a&registration=%7B%7D",
    ErrorCode::RegistrationNotSupported,
    "registration_not_supported"
)]
fn what_is_asked_for_must_be_supported(#[case] text: &str, #[case] code: ErrorCode, #[case] reason: &str) {
    let error = read(text).unwrap_err();
    assert_eq!((error.code, error.reason), (code, reason));
}

#[rstest]
#[case::scope("scope=a%22b", ErrorCode::InvalidScope, "scope_malformed")]
#[case::scope_with_tab("scope=a%09b", ErrorCode::InvalidScope, "scope_malformed")]
#[case::negative_age("max_age=-1", ErrorCode::InvalidRequest, "max_age_malformed")]
#[case::signed_age("max_age=%2B1", ErrorCode::InvalidRequest, "max_age_malformed")]
#[case::fractional_age("max_age=1.5", ErrorCode::InvalidRequest, "max_age_malformed")]
#[case::endless_age("max_age=99999999999999999999", ErrorCode::InvalidRequest, "max_age_malformed")]
#[case::prompt("prompt=none+login", ErrorCode::InvalidRequest, "prompt_none_with_others")]
#[case::response_mode("response_mode=fragment", ErrorCode::InvalidRequest, "response_mode_not_supported")]
#[case::plain(
    "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    ErrorCode::InvalidRequest,
    "code_challenge_method_plain"
)]
#[case::two_targets("audience=a&audience=b", ErrorCode::InvalidTarget, "several_targets")]
#[case::claims("claims=x", ErrorCode::InvalidRequest, "claims_malformed")]
fn each_parameter_is_judged(#[case] extra: &str, #[case] code: ErrorCode, #[case] reason: &str) {
    let error = read(&format!("{MINIMAL}&{extra}")).unwrap_err();
    assert_eq!((error.code, error.reason), (code, reason));
}

#[test]
fn a_nonce_is_bounded_since_it_becomes_part_of_the_id_token() {
    assert!(read(&format!("{MINIMAL}&nonce={}", "n".repeat(1024))).is_ok());
    assert_eq!(read(&format!("{MINIMAL}&nonce={}", "n".repeat(1025))).unwrap_err().reason, "nonce_too_long");
}

#[test]
fn no_known_parameter_may_come_twice() {
    for name in ONCE {
        let error = read(&format!("{MINIMAL}&{name}=a&{name}=a")).unwrap_err();
        assert_eq!(error.reason, "parameter_repeated", "{name}");
    }
    assert_eq!(read(&format!("{MINIMAL}&registration=&registration=")).unwrap_err().reason, "parameter_repeated");
}

#[test]
fn the_addressee_is_read_before_anything_else_is_judged() {
    let addressee = Addressee::read(&parameters("client_id=a&redirect_uri=b&scope=%22&scope=%22")).unwrap();
    assert_eq!((addressee.client_id.as_str(), addressee.redirect_uri.as_deref()), ("a", Some("b")));
}

#[rstest]
#[case("", "parameter_missing")]
#[case("client_id=", "parameter_missing")]
#[case("client_id=a&client_id=a", "parameter_repeated")]
#[case("client_id=a&redirect_uri=b&redirect_uri=c", "parameter_repeated")]
fn without_a_clear_addressee_there_is_nobody_to_answer(#[case] text: &str, #[case] reason: &str) {
    assert_eq!(Addressee::read(&parameters(text)).unwrap_err().reason, reason);
}

proptest! {
    #[test]
    fn no_values_make_the_reader_panic(name in proptest::sample::select(ONCE.as_slice()), value in "[^\0]{0,40}") {
        let text = format!("{MINIMAL}&{}", crate::protocol::parameters::encode(&[(name, &value)]));
        let _ = read(&text);
    }

    #[test]
    fn every_whole_number_of_seconds_is_a_max_age(seconds in any::<u32>()) {
        prop_assert_eq!(read(&format!("{MINIMAL}&max_age={seconds}")).unwrap().max_age, Some(Duration::seconds(seconds.into())));
    }
}
