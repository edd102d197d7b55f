use super::*;
use proptest::prelude::*;
use url::Url;

const ISSUER: &str = "http://localhost:9000";

fn reply_to(text: &str) -> ReplyTo {
    let registered = ["https://app.example/cb?tenant=1".parse().unwrap()];
    let redirect_uri = RedirectUri::match_registered(None, &registered, false).unwrap();
    ReplyTo::read(&Parameters::parse(text.as_bytes()).unwrap(), redirect_uri)
}

fn location(response: AuthorizationResponse) -> String {
    match response {
        AuthorizationResponse::Redirect { location } => location,
        AuthorizationResponse::FormPost { .. } => panic!("by form post"),
    }
}

#[test]
fn success_is_code_state_and_issuer_and_nothing_else() {
    assert_eq!(
        location(reply_to("state=a%20b").success(ISSUER, "c0de")),
        "https://app.example/cb?tenant=1&code=c0de&state=a%20b&iss=http%3A%2F%2Flocalhost%3A9000"
    );
}

#[test]
fn no_state_is_invented() {
    assert_eq!(
        location(reply_to("").success(ISSUER, "c0de")),
        "https://app.example/cb?tenant=1&code=c0de&iss=http%3A%2F%2Flocalhost%3A9000"
    );
}

#[test]
fn an_error_never_carries_a_code() {
    let error = OAuthError::invalid_request("prompt_none_with_others", "alone, please");
    assert_eq!(
        location(reply_to("state=s").error(ISSUER, &error)),
        "https://app.example/cb?tenant=1&error=invalid_request\
         &error_description=prompt_none_with_others%3A%20alone%2C%20please&state=s&iss=http%3A%2F%2Flocalhost%3A9000"
    );
}

#[test]
fn by_form_post_nothing_is_in_the_url() {
    let AuthorizationResponse::FormPost { action, fields } =
        reply_to("state=s&response_mode=form_post").success(ISSUER, "c0de")
    else {
        panic!("by redirect")
    };
    assert_eq!(action.as_str(), "https://app.example/cb?tenant=1");
    assert_eq!(fields, [("code", "c0de".into()), ("state", "s".into()), ("iss", ISSUER.into())]);
}

#[test]
fn errors_about_the_way_back_find_their_way_back() {
    for text in ["response_mode=fragment", "response_mode=query&response_mode=form_post", "response_mode="] {
        assert_eq!(reply_to(text).response_mode, ResponseMode::Query, "{text}");
    }
    assert_eq!(reply_to("state=a&state=b").state, None);
}

#[test]
fn a_code_does_not_show_in_debug_output() {
    let shown = format!("{:?}", reply_to("").success(ISSUER, "c0de"));
    assert_eq!(shown, "Redirect");
}

proptest! {
    #[test]
    fn state_returns_unchanged(state in "[^\0]{1,128}") {
        let request = crate::protocol::parameters::encode(&[("state", &state)]);
        let location = location(reply_to(&request).success(ISSUER, "c0de"));
        prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
        let returned = Url::parse(&location).unwrap();
        let returned = returned.query_pairs().find(|(name, _)| name == "state").unwrap().1;
        prop_assert_eq!(returned, state);
    }
}
