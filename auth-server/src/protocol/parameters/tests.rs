use super::*;
use crate::protocol::error::ErrorCode;
use proptest::prelude::*;
use rstest::rstest;

fn parse(text: &str) -> Parameters {
    Parameters::parse(text.as_bytes()).unwrap()
}

fn refusal(bytes: &[u8]) -> OAuthError {
    Parameters::parse(bytes).unwrap_err()
}

#[test]
fn names_and_values_are_decoded() {
    let parameters = parse("a=1&b+c=%C3%A9+%2b&d&&e=f=g&");
    assert_eq!(parameters.one("a"), Ok(Some("1")));
    assert_eq!(parameters.one("b c"), Ok(Some("é +")));
    assert_eq!(parameters.one("d"), Ok(None));
    assert_eq!(parameters.one("e"), Ok(Some("f=g")));
    assert_eq!(parameters.one("x"), Ok(None));
    assert_eq!(parse("").one("a"), Ok(None));
}

#[rstest]
#[case::raw_bytes(b"scope=\xff\xfe".as_slice())]
#[case::escaped_bytes(b"scope=%ff%fe")]
#[case::overlong_slash(b"scope=%c0%af")]
#[case::lone_surrogate(b"scope=%ed%a0%80")]
#[case::no_digits(b"scope=%zz")]
#[case::half_an_escape(b"scope=a%4")]
#[case::lone_percent(b"scope=%")]
#[case::sign_in_escape(b"scope=%+1")]
#[case::nul(b"scope=a%00b")]
fn what_is_not_form_encoded_utf_8_is_refused_by_name(#[case] body: &[u8]) {
    let error = refusal(body);
    assert_eq!((error.code, error.reason), (ErrorCode::InvalidRequest, "parameter_malformed"));
    assert!(error.description.contains("'scope'"));
}

#[test]
fn a_malformed_name_is_refused() {
    assert_eq!(refusal(b"%zz=1").reason, "parameter_malformed");
    assert_eq!(refusal(b"a%00=1").reason, "parameter_malformed");
}

#[test]
fn an_oversize_value_is_an_error_that_names_it_never_dropped() {
    let fits = format!("subject_token={}", "a".repeat(16 * 1024));
    assert!(Parameters::parse(fits.as_bytes()).is_ok());
    let error = refusal(format!("{fits}a").as_bytes());
    assert_eq!(error.reason, "parameter_too_long");
    assert!(error.description.contains("'subject_token'"));
}

#[test]
fn names_and_their_number_are_bounded() {
    assert!(Parameters::parse("a".repeat(128).as_bytes()).is_ok());
    assert_eq!(refusal("a".repeat(129).as_bytes()).reason, "parameter_too_long");
    assert!(Parameters::parse("a=1&".repeat(64).as_bytes()).is_ok());
    assert_eq!(refusal("a=1&".repeat(65).as_bytes()).reason, "too_many_parameters");
}

#[test]
fn a_repeated_parameter_is_refused_even_if_equal_or_empty() {
    for text in ["a=1&a=2", "a=1&a=1", "a=&a=1", "a&a", "a=1&%61=1"] {
        let parameters = parse(text);
        for error in [
            parameters.one("a").unwrap_err(),
            parameters.one_strict("a").unwrap_err(),
            parameters.required("a").unwrap_err(),
            parameters.refuse_repeated(&["b", "a"]).unwrap_err(),
        ] {
            assert_eq!((error.code, error.reason), (ErrorCode::InvalidRequest, "parameter_repeated"), "{text}");
            assert!(error.description.contains("'a'"));
        }
    }
}

#[test]
fn unknown_parameters_may_come_as_they_like() {
    let parameters = parse("grant_type=x&client-request-id=1&client-request-id=2");
    assert_eq!(parameters.refuse_repeated(&["grant_type", "scope"]), Ok(()));
}

#[test]
fn names_differ_by_case() {
    let parameters = parse("scope=a&Scope=b");
    assert_eq!(parameters.one("scope"), Ok(Some("a")));
}

#[test]
fn an_empty_value_counts_as_omitted_unless_read_strictly() {
    let parameters = parse("a=");
    assert_eq!(parameters.one("a"), Ok(None));
    assert!(parameters.contains("a"));
    assert_eq!(parameters.required("a").unwrap_err().reason, "parameter_missing");
    assert_eq!(parameters.one_strict("a").unwrap_err().reason, "parameter_empty");
    assert_eq!(parameters.many("a").unwrap_err().reason, "parameter_empty");
    assert_eq!(parameters.one_strict("b"), Ok(None));
}

#[test]
fn a_parameter_that_may_come_several_times_keeps_its_order() {
    assert_eq!(parse("a=2&b=x&a=1").many("a"), Ok(vec!["2", "1"]));
    assert_eq!(parse("b=x").many("a"), Ok(vec![]));
}

#[test]
fn values_do_not_show_in_debug_output() {
    let shown = format!("{:?}", parse("client_secret=hush&scope=a"));
    assert_eq!(shown, r#"{"client_secret", "scope"}"#);
}

#[test]
fn a_space_is_written_as_percent_20() {
    assert_eq!(encode(&[("a b", "c&d=é~"), ("e", "")]), "a%20b=c%26d%3D%C3%A9~&e=");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = Parameters::parse(&bytes);
        let _ = decode(&bytes);
    }

    #[test]
    fn what_is_written_reads_back_the_same(pairs in proptest::collection::vec(("[^\0]{0,16}", "[^\0]{0,32}"), 0..8)) {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let parameters = parse(&encode(&pairs));
        let read: Vec<_> = parameters.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        prop_assert_eq!(&read, &pairs);
        prop_assert_eq!(parse(&parameters.encode()).0, parameters.0);
    }

    #[test]
    fn escaping_every_byte_changes_nothing(value in "[^\0]{0,32}") {
        use std::fmt::Write;
        let escaped = value.bytes().fold(String::from("a="), |mut text, byte| { write!(text, "%{byte:02x}").unwrap(); text });
        let parameters = parse(&escaped);
        prop_assert_eq!(parameters.at_most_once("a").unwrap(), Some(value.as_str()));
    }

    #[test]
    fn other_readers_agree_on_what_is_accepted(text in "[a-c=&+%0-9A-F]{0,40}") {
        if let Ok(parameters) = Parameters::parse(text.as_bytes()) {
            let ours: Vec<_> = parameters.0.iter().map(|(n, v)| (n.clone(), v.to_string())).collect();
            let theirs: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
