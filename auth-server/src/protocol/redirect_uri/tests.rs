use super::*;
use crate::protocol::error::ErrorCode;
use proptest::prelude::*;
use rstest::rstest;

fn registered(uris: &[&str]) -> Vec<RegisteredRedirectUri> {
    uris.iter().map(|uri| uri.parse().unwrap()).collect()
}

fn matched(asked: &str, registration: &str, native: bool) -> bool {
    RedirectUri::match_registered(Some(asked), &registered(&[registration]), native).is_ok()
}

fn redirect_uri(text: &str) -> RedirectUri {
    RedirectUri::match_registered(Some(text), &registered(&[text]), false).unwrap()
}

#[rstest]
#[case("https://app.example/callback")]
#[case("https://app.example")]
#[case("https://app.example/")]
#[case("https://app.example:8443/test/a/b/callback?dummy1=lorem&dummy2=ipsum")]
#[case("https://app.example/a..b/.well-known/x")]
#[case("http://localhost:9001/callback")]
#[case("http://127.0.0.1:9001/callback")]
#[case("http://127.0.0.1/callback")]
#[case("http://[::1]:9001/callback")]
#[case("com.example.app:/oauth2redirect")]
#[case("com.example.app://callback")]
fn what_a_client_may_register(#[case] text: &str) {
    assert_eq!(text.parse::<RegisteredRedirectUri>().unwrap().as_str(), text);
}

#[rstest]
#[case::empty("", InvalidRedirectUri::NotAbsolute)]
#[case::relative("/callback", InvalidRedirectUri::NotAbsolute)]
#[case::network_path("//app.example/callback", InvalidRedirectUri::NotAbsolute)]
#[case::no_host("https:///callback", InvalidRedirectUri::NotAbsolute)]
#[case::one_slash("https:/app.example/callback", InvalidRedirectUri::NotAbsolute)]
#[case::no_slash("https:app.example", InvalidRedirectUri::NotAbsolute)]
#[case::fragment("https://app.example/callback#x", InvalidRedirectUri::Fragment)]
#[case::empty_fragment("https://app.example/callback#", InvalidRedirectUri::Fragment)]
#[case::user("https://app.example@evil.example/", InvalidRedirectUri::UserInfo)]
#[case::password("https://a:b@app.example/", InvalidRedirectUri::UserInfo)]
#[case::empty_user("https://@app.example/", InvalidRedirectUri::UserInfo)]
#[case::several_ats("https://a@b@app.example/", InvalidRedirectUri::UserInfo)]
#[case::user_of_an_app("com.example.app://a@b/", InvalidRedirectUri::UserInfo)]
#[case::policy_separator("https://app;script-src.example/", InvalidRedirectUri::Host)]
#[case::list_separator("https://app,evil.example/", InvalidRedirectUri::Host)]
#[case::quote("https://app'none'.example/", InvalidRedirectUri::Host)]
#[case::plain_http("http://app.example/callback", InvalidRedirectUri::PlainHttp)]
#[case::not_quite_loopback("http://localhost.evil.example/", InvalidRedirectUri::PlainHttp)]
#[case::unspecified("http://0.0.0.0/callback", InvalidRedirectUri::PlainHttp)]
#[case::dots("https://app.example/a/../b", InvalidRedirectUri::DotSegments)]
#[case::one_dot("https://app.example/./b", InvalidRedirectUri::DotSegments)]
#[case::escaped_dots("https://app.example/a/%2e%2E/b", InvalidRedirectUri::DotSegments)]
#[case::half_escaped("https://app.example/a/.%2e/b", InvalidRedirectUri::DotSegments)]
#[case::path_parameter("https://app.example/a/..;/b", InvalidRedirectUri::DotSegments)]
#[case::last_segment("https://app.example/a/..", InvalidRedirectUri::DotSegments)]
#[case::backslash("https://app.example\\@evil.example/", InvalidRedirectUri::ForbiddenCharacter)]
#[case::escaped_backslash("https://app.example/%5c..", InvalidRedirectUri::ForbiddenCharacter)]
#[case::space("https://app.example/a b", InvalidRedirectUri::ForbiddenCharacter)]
#[case::leading_space(" https://app.example/", InvalidRedirectUri::ForbiddenCharacter)]
#[case::newline("https://app.example/\nx", InvalidRedirectUri::ForbiddenCharacter)]
#[case::tab_in_scheme("java\tscript:alert(1)", InvalidRedirectUri::ForbiddenCharacter)]
#[case::nul("https://app.example/\0", InvalidRedirectUri::ForbiddenCharacter)]
#[case::beyond_ascii("https://äpp.example/", InvalidRedirectUri::ForbiddenCharacter)]
#[case::script("javascript:alert(1)", InvalidRedirectUri::Scheme("javascript".into()))]
#[case::script_in_other_case("JaVaScRiPt:alert(1)", InvalidRedirectUri::Scheme("javascript".into()))]
#[case::script_with_slashes("javascript://app.example/%0aalert(1)", InvalidRedirectUri::Scheme("javascript".into()))]
#[case::data("DATA:text/html,x", InvalidRedirectUri::Scheme("data".into()))]
#[case::vbscript("vbscript:x", InvalidRedirectUri::Scheme("vbscript".into()))]
#[case::file("file:///etc/passwd", InvalidRedirectUri::Scheme("file".into()))]
#[case::blob("blob:https://app.example/x", InvalidRedirectUri::Scheme("blob".into()))]
#[case::ftp("ftp://app.example/", InvalidRedirectUri::Scheme("ftp".into()))]
#[case::no_dot("myapp:/callback", InvalidRedirectUri::Scheme("myapp".into()))]
#[case::upper_case("HTTPS://App.Example/cb", InvalidRedirectUri::NotNormal("https://app.example/cb".into()))]
#[case::default_port("https://app.example:443/cb", InvalidRedirectUri::NotNormal("https://app.example/cb".into()))]
#[case::odd_address("http://0x7f.1/cb", InvalidRedirectUri::NotNormal("http://127.0.0.1/cb".into()))]
#[case::bare_query("https://app.example?a=b", InvalidRedirectUri::NotNormal("https://app.example/?a=b".into()))]
fn what_no_client_may_register(#[case] text: &str, #[case] expected: InvalidRedirectUri) {
    assert_eq!(text.parse::<RegisteredRedirectUri>(), Err(expected));
}

#[test]
fn a_uri_of_endless_length_is_not_registered() {
    let text = format!("https://app.example/{}", "a".repeat(2048));
    assert_eq!(text.parse::<RegisteredRedirectUri>(), Err(InvalidRedirectUri::TooLong));
}

#[rstest]
#[case::the_same("https://app.example/cb", true)]
#[case::slash_added("https://app.example/cb/", false)]
#[case::query_added("https://app.example/cb?foo=bar", false)]
#[case::empty_query_added("https://app.example/cb?", false)]
#[case::fragment_added("https://app.example/cb#", false)]
#[case::longer_path("https://app.example/cb2", false)]
#[case::path_tricks("https://app.example/x/..;/cb", false)]
#[case::dots("https://app.example/x/../cb", false)]
#[case::user("https://evil.example@app.example/cb", false)]
#[case::host_after_at("https://app.example@evil.example/cb", false)]
#[case::subdomain("https://app.example.evil.example/cb", false)]
#[case::dot_as_wildcard("https://appxexample/cb", false)]
#[case::upper_case_host("https://APP.example/cb", false)]
#[case::upper_case_scheme("HTTPS://app.example/cb", false)]
#[case::default_port("https://app.example:443/cb", false)]
#[case::other_port("https://app.example:8443/cb", false)]
#[case::plain_http("http://app.example/cb", false)]
#[case::escaped("https://app.example/c%62", false)]
#[case::backslash("https://app.example\\cb", false)]
#[case::leading_space(" https://app.example/cb", false)]
#[case::empty("", false)]
fn comparison_is_by_character(#[case] asked: &str, #[case] expected: bool) {
    for native in [false, true] {
        assert_eq!(matched(asked, "https://app.example/cb", native), expected, "native {native}");
    }
}

#[rstest]
#[case::other_port("http://127.0.0.1:51004/cb", true)]
#[case::no_port("http://127.0.0.1/cb", true)]
#[case::highest_port("http://127.0.0.1:65535/cb", true)]
#[case::port_too_high("http://127.0.0.1:65536/cb", false)]
#[case::port_zero("http://127.0.0.1:0/cb", false)]
#[case::leading_zero("http://127.0.0.1:080/cb", false)]
#[case::signed_port("http://127.0.0.1:+80/cb", false)]
#[case::empty_port("http://127.0.0.1:/cb", false)]
#[case::other_path("http://127.0.0.1:51004/other", false)]
#[case::query_added("http://127.0.0.1:51004/cb?a=b", false)]
#[case::fragment_added("http://127.0.0.1:51004/cb#", false)]
#[case::user("http://127.0.0.1:51004@evil.example/cb", false)]
#[case::user_without_port("http://127.0.0.1@evil.example/cb", false)]
#[case::longer_host("http://127.0.0.1.evil.example/cb", false)]
#[case::longer_host_after_port("http://127.0.0.1:80.evil.example/cb", false)]
#[case::backslash("http://127.0.0.1:80\\@evil.example/cb", false)]
#[case::other_loopback("http://127.0.0.2:9001/cb", false)]
#[case::localhost("http://localhost:51004/cb", false)]
#[case::ipv6("http://[::1]:51004/cb", false)]
#[case::https("https://127.0.0.1:51004/cb", false)]
fn ports_of_loopback_addresses_are_free_for_native_clients(#[case] asked: &str, #[case] expected: bool) {
    assert_eq!(matched(asked, "http://127.0.0.1:9001/cb", true), expected);
    assert!(!matched(asked, "http://127.0.0.1:9001/cb", false));
}

#[test]
fn an_ipv6_loopback_address_has_free_ports_too() {
    assert!(matched("http://[::1]:51004/cb", "http://[::1]/cb", true));
    assert!(!matched("http://[::2]:51004/cb", "http://[::1]/cb", true));
}

#[test]
fn ports_of_localhost_and_of_other_hosts_are_never_free() {
    assert!(!matched("http://localhost:51004/cb", "http://localhost:9001/cb", true));
    assert!(!matched("https://app.example:51004/cb", "https://app.example/cb", true));
}

#[test]
fn without_one_in_the_request_the_only_registered_one_is_meant() {
    let one = registered(&["https://app.example/cb"]);
    assert_eq!(RedirectUri::match_registered(None, &one, false).unwrap().as_str(), "https://app.example/cb");
    for uris in [vec![], registered(&["https://app.example/a", "https://app.example/b"])] {
        let error = RedirectUri::match_registered(None, &uris, false).unwrap_err();
        assert_eq!((error.code, error.reason), (ErrorCode::InvalidRequest, "redirect_uri_missing"));
    }
}

#[test]
fn an_unregistered_one_is_refused_and_not_repeated_in_the_error() {
    let one = registered(&["https://app.example/cb"]);
    let error = RedirectUri::match_registered(Some("https://evil.example/"), &one, false).unwrap_err();
    assert_eq!((error.code, error.reason), (ErrorCode::InvalidRequest, "redirect_uri_not_registered"));
    assert!(!error.description.contains("evil"));
}

#[rstest]
#[case("https://app.example/cb", "https://app.example/cb?code=a%20b%26c")]
#[case("https://app.example/cb?tenant=1", "https://app.example/cb?tenant=1&code=a%20b%26c")]
#[case("https://app.example/cb?", "https://app.example/cb?code=a%20b%26c")]
#[case("https://app.example/cb?a=1&", "https://app.example/cb?a=1&code=a%20b%26c")]
#[case("https://app.example", "https://app.example?code=a%20b%26c")]
#[case("com.example.app:/cb", "com.example.app:/cb?code=a%20b%26c")]
fn a_query_of_its_own_is_kept(#[case] uri: &str, #[case] expected: &str) {
    assert_eq!(redirect_uri(uri).with_parameters(&[("code", "a b&c")]), expected);
}

#[rstest]
#[case("https://app.example/cb", "https://app.example")]
#[case("https://app.example:8443/cb?x=/y", "https://app.example:8443")]
#[case("https://app.example", "https://app.example")]
#[case("http://127.0.0.1:9001/cb", "http://127.0.0.1:9001")]
#[case("http://[::1]:9001/cb", "http:")]
#[case("com.example.app:/cb", "com.example.app:")]
#[case("com.example.app://cb", "com.example.app:")]
fn form_action_names_the_origin_or_the_scheme(#[case] uri: &str, #[case] expected: &str) {
    assert_eq!(redirect_uri(uri).form_action_source(), expected);
}

proptest! {
    #[test]
    fn no_text_makes_the_readers_panic(text in any::<String>(), native in any::<bool>()) {
        let _ = text.parse::<RegisteredRedirectUri>();
        let all = registered(&["https://app.example/cb", "http://127.0.0.1:1/cb", "com.example.app:/cb"]);
        let _ = RedirectUri::match_registered(Some(&text), &all, native);
    }

    #[test]
    fn what_matches_leads_to_the_registered_host(
        asked in "https?://(app\\.example|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]{0,5}|@|\\\\|\\.)?(evil\\.example)?/(cb)?[#?@]?",
        native in any::<bool>(),
    ) {
        let all = registered(&["https://app.example/cb", "http://127.0.0.1:1/cb", "http://[::1]/cb"]);
        if RedirectUri::match_registered(Some(&asked), &all, native).is_ok() {
            let host = Url::parse(&asked).unwrap().host_str().unwrap().to_owned();
            prop_assert!(["app.example", "127.0.0.1", "[::1]"].contains(&host.as_str()), "{} leads to {}", asked, host);
        }
    }

    #[test]
    fn what_is_registered_is_what_a_browser_would_visit(text in "(https|http|com\\.a)://[a-z.@:\\[\\]0-9]{1,12}[/a-z.%2e;?=\\\\#@]{0,16}") {
        if let Ok(registration) = text.parse::<RegisteredRedirectUri>() {
            let visited = Url::parse(&text).unwrap();
            prop_assert_eq!(visited.as_str().trim_end_matches('/'), registration.as_str().trim_end_matches('/'));
            prop_assert!(visited.username().is_empty() && visited.fragment().is_none());
        }
    }

    #[test]
    fn a_form_action_source_is_one_word_of_a_policy(text in "https://[!-~]{1,12}/") {
        if text.parse::<RegisteredRedirectUri>().is_ok() {
            prop_assert!(redirect_uri(&text).form_action_source().bytes().all(|b| b.is_ascii_alphanumeric() || b":/.-_".contains(&b)));
        }
    }

    #[test]
    fn response_parameters_read_back_the_same(state in "[^\0]{1,40}") {
        let location = redirect_uri("https://app.example/cb?own=1").with_parameters(&[("state", &state)]);
        let read: Vec<_> = Url::parse(&location).unwrap().query_pairs().into_owned().collect();
        prop_assert_eq!(read, vec![("own".to_owned(), "1".to_owned()), ("state".to_owned(), state)]);
    }
}
