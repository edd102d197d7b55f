//! What a person calls the browser that they signed in with: its `User-Agent` in two words.

use woothee::parser::Parser;

/// Where nothing can be told of it.
const UNKNOWN: &str = "An unknown browser";

/// As in "Firefox on Linux". It is what the browser says of itself: for people, never for a decision.
#[must_use]
pub fn device(user_agent: Option<&str>) -> String {
    let told = user_agent.and_then(|text| Parser::new().parse(text));
    let Some(told) = told else { return UNKNOWN.to_owned() };
    match (known(told.name), known(told.os)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => UNKNOWN.to_owned(),
    }
}

fn known(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty() && *name != "UNKNOWN")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux")]
    #[case(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 \
         Mobile/15E148 Safari/604.1",
        "Safari on iPhone"
    )]
    #[case(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        "Chrome on Windows 10"
    )]
    #[case("deputy-e2e/0.1.0", "An unknown browser")]
    fn a_browser_is_called_what_a_person_calls_it(#[case] user_agent: &str, #[case] expected: &str) {
        assert_eq!(device(Some(user_agent)), expected);
    }

    #[test]
    fn a_browser_that_says_nothing_is_unknown() {
        assert_eq!(device(None), UNKNOWN);
        assert_eq!(device(Some("")), UNKNOWN);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = device(Some(&text));
        }
    }
}
