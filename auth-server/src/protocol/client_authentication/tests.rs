use super::*;
use crate::protocol::error::ErrorCode;
use proptest::prelude::*;
use rstest::rstest;
use secrecy::ExposeSecret;

fn form(text: &str) -> Parameters {
    Parameters::parse(text.as_bytes()).unwrap()
}

fn basic(plain: &str) -> String {
    format!("Basic {}", STANDARD.encode(plain))
}

fn read(headers: &[&str], body: &str) -> Result<ClientCredentials, ClientAuthenticationFailure> {
    ClientCredentials::read(headers.iter().map(|header| header.as_bytes()), "", &form(body))
}

fn parts(credentials: &ClientCredentials) -> (&str, &str, Option<&str>) {
    (credentials.method(), credentials.client_id(), credentials.secret().map(SecretString::expose_secret))
}

#[test]
fn a_public_client_names_itself() {
    let credentials = read(&[], "client_id=demo-app").unwrap();
    assert_eq!(parts(&credentials), ("none", "demo-app", None));
    // An empty secret is no secret (RFC 6749 section 3.1).
    let credentials = read(&[], "client_id=demo-app&client_secret=").unwrap();
    assert_eq!(parts(&credentials), ("none", "demo-app", None));
}

#[test]
fn a_secret_may_come_in_the_body() {
    let credentials = read(&[], "client_id=api-a&client_secret=s%2B1").unwrap();
    assert_eq!(parts(&credentials), ("client_secret_post", "api-a", Some("s+1")));
}

#[rstest]
#[case::plain("api-a:secret", "api-a", "secret")]
#[case::encoded("api%2Da:se%5Fcret", "api-a", "se_cret")]
#[case::plus_is_a_space("my+app:a+b", "my app", "a b")]
#[case::escaped_colon("urn%3Aapp:x", "urn:app", "x")]
#[case::colon_in_the_secret("api-a:a:b", "api-a", "a:b")]
#[case::utf_8("api-a:%C3%A9", "api-a", "é")]
#[case::empty_secret("api-a:", "api-a", "")]
fn both_halves_of_basic_are_form_decoded(#[case] plain: &str, #[case] id: &str, #[case] secret: &str) {
    let header = basic(plain);
    let credentials = read(&[&header], "grant_type=x").unwrap();
    assert_eq!(parts(&credentials), ("client_secret_basic", id, Some(secret)));
}

#[test]
fn the_name_of_the_scheme_has_no_case() {
    let header = basic("a:b").replace("Basic", "bAsIC");
    assert_eq!(parts(&read(&[&header], "").unwrap()), ("client_secret_basic", "a", Some("b")));
}

#[rstest]
#[case::nothing("Basic")]
#[case::not_base64("Basic ???")]
#[case::base64url("Basic YTo_Pz8_")]
#[case::padding_missing("Basic YTpiYw")]
#[case::padding_too_long("Basic YTpi=")]
#[case::loose_last_bits("Basic YTpiYx==")]
#[case::inner_space("Basic YT pi")]
#[case::trailing_space("Basic YTpi ")]
#[case::no_colon("Basic YWI=")]
#[case::broken_escape("Basic YTolenp6")]
#[case::not_utf_8("Basic YTr/")]
fn malformed_basic_is_an_invalid_client(#[case] header: &str) {
    let failure = read(&[header], "").unwrap_err();
    assert_eq!((failure.error.code, failure.error.reason), (ErrorCode::InvalidClient, "basic_malformed"));
    assert_eq!(failure.error.status(), 401);
    assert!(failure.challenge("x").is_some());
}

#[rstest]
#[case::secret_in_both("client_secret=b", "several_authentication_methods")]
#[case::id_and_secret_in_both("client_id=a&client_secret=b", "several_authentication_methods")]
#[case::other_id("client_id=c", "client_id_conflict")]
#[case::assertion("client_assertion=x", "client_assertion_not_supported")]
fn several_methods_at_once_are_refused(#[case] body: &str, #[case] reason: &str) {
    assert_eq!(read(&[&basic("a:b")], body).unwrap_err().error.reason, reason);
}

#[test]
fn the_same_client_id_in_the_body_is_fine() {
    assert!(read(&[&basic("a:b")], "client_id=a").is_ok());
}

#[rstest]
#[case::nothing("", "client_authentication_missing")]
#[case::only_a_secret("client_secret=x", "client_authentication_missing")]
#[case::repeated_id("client_id=a&client_id=a", "parameter_repeated")]
#[case::repeated_secret("client_id=a&client_secret=b&client_secret=b", "parameter_repeated")]
#[case::assertion("client_id=a&client_assertion=x&client_assertion_type=y", "client_assertion_not_supported")]
#[case::empty_assertion("client_id=a&client_assertion=", "client_assertion_not_supported")]
#[case::control_character("client_id=a%0Ab", "client_id_malformed")]
#[case::beyond_ascii("client_id=%C3%A9", "client_id_malformed")]
fn what_is_wrong_in_the_body_is_named_without_a_challenge(#[case] body: &str, #[case] reason: &str) {
    let failure = read(&[], body).unwrap_err();
    assert_eq!(failure.error.reason, reason);
    assert_eq!(failure.challenge("x"), None);
}

#[test]
fn a_client_id_is_bounded() {
    assert!(read(&[], &format!("client_id={}", "a".repeat(256))).is_ok());
    assert_eq!(read(&[], &format!("client_id={}", "a".repeat(257))).unwrap_err().error.reason, "client_id_malformed");
    assert_eq!(read(&[&basic(":b")], "").unwrap_err().error.reason, "client_id_malformed");
}

#[test]
fn other_schemes_and_second_headers_are_refused() {
    let failure = read(&["Bearer abc"], "client_id=a").unwrap_err();
    assert_eq!(failure.error.reason, "authorization_scheme_not_supported");
    assert!(failure.challenge("x").is_some());
    let failure = read(&[&basic("a:b"), &basic("a:b")], "").unwrap_err();
    assert_eq!((failure.error.status(), failure.error.reason), (400, "several_authorization_headers"));
}

#[test]
fn secrets_in_the_query_are_refused_and_other_things_there_ignored() {
    let read = |query: &str| ClientCredentials::read([], query, &form("client_id=a"));
    for name in NEVER_IN_THE_QUERY {
        let failure = read(&format!("x=1&{name}=hush")).unwrap_err();
        assert_eq!(failure.error.reason, "credentials_in_query", "{name}");
        assert!(!failure.error.description.contains("hush"));
    }
    assert_eq!(read("%63lient_secret=").unwrap_err().error.reason, "credentials_in_query");
    assert!(read("client-request-id=1&client-request-id=2").is_ok());
    assert!(read("").is_ok());
}

#[test]
fn a_refusal_challenges_only_clients_that_used_the_header() {
    let by_header = read(&[&basic("a:wrong")], "").unwrap().refused();
    let by_body = read(&[], "client_id=a&client_secret=wrong").unwrap().refused();
    let by_name = read(&[], "client_id=a").unwrap().refused();
    assert_eq!(
        by_header.challenge("http://localhost:9000").unwrap(),
        "Basic realm=\"http://localhost:9000\", charset=\"UTF-8\""
    );
    assert_eq!((by_body.challenge("x"), by_name.challenge("x")), (None, None));
    // The words tell nothing about which of the three it was.
    assert!(by_header.error == by_body.error && by_body.error == by_name.error);
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let header = basic("api-a:hush-hush");
    for credentials in [read(&[&header], "").unwrap(), read(&[], "client_id=api-a&client_secret=hush-hush").unwrap()] {
        let shown = format!("{credentials:?}");
        assert!(shown.contains("api-a") && !shown.contains("hush"), "{shown}");
    }
}

proptest! {
    #[test]
    fn no_header_makes_the_reader_panic(header in proptest::collection::vec(any::<u8>(), 0..64), plain in proptest::collection::vec(any::<u8>(), 0..32)) {
        let _ = ClientCredentials::read([header.as_slice()], "", &Parameters::default());
        let _ = read(&[&format!("Basic {}", STANDARD.encode(plain))], "");
    }

    #[test]
    fn what_a_client_encodes_by_the_rfc_is_what_is_read(id in "[ -~]{1,32}", secret in "[^\0]{0,32}") {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let header = basic(&format!("{}:{}", encode(&id), encode(&secret)));
        let credentials = read(&[&header], "").unwrap();
        prop_assert_eq!(parts(&credentials), ("client_secret_basic", id.as_str(), Some(secret.as_str())));
    }
}
