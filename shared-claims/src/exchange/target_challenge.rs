//! What a target API demands in its 401 (RFC 6750 section 3, RFC 9470 section 3): a demand to the user is passed on to the own
//! caller, however many APIs lie between.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use super::ExchangeError;

/// The demand to the user in a 401, if it is one. Anything else says that the token that was sent is no good.
pub(super) fn demand_to_the_user(headers: &HeaderMap) -> Option<ExchangeError> {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    challenges.filter_map(parameters_of).find_map(|parameters| {
        let find = |name: &str| {
            let found = parameters.iter().find(|(parameter, _)| parameter.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let description = find("error_description").unwrap_or_default();
        match find("error")?.as_str() {
            "interaction_required" => Some(ExchangeError::InteractionRequired { description }),
            "insufficient_user_authentication" => Some(ExchangeError::InsufficientAuthentication {
                description,
                acr_values: find("acr_values"),
                max_age: find("max_age").and_then(|seconds| seconds.parse().ok()),
            }),
            _ => None,
        }
    })
}

/// The parameters of a challenge of the scheme Bearer or DPoP that stands first in its header (RFC 9110 section 11.6.1).
fn parameters_of(challenge: &str) -> Option<Vec<(String, String)>> {
    let (scheme, mut rest) = challenge.trim_start().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Bearer") && !scheme.eq_ignore_ascii_case("DPoP") {
        return None;
    }
    let mut parameters = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = value(after)?;
        parameters.push((name.trim_matches([' ', ',', '\t']).to_owned(), value));
        rest = after;
    }
    Some(parameters)
}

/// A token or a quoted string (RFC 9110 section 5.6.4), and what stands behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(challenge: &str) -> Option<ExchangeError> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
        demand_to_the_user(&headers)
    }

    #[test]
    fn a_demand_to_the_user_is_read_whatever_stands_around_it() {
        let description = "agree, to \"this\" = first".to_owned();
        let header = r#"bearer realm="https://b.example?a=b,c", error="interaction_required", error_description="agree, to \"this\" = first""#;
        assert_eq!(read(header), Some(ExchangeError::InteractionRequired { description }));
        let header = r#"DPoP error=insufficient_user_authentication,max_age=60, acr_values="phr mfa""#;
        let expected = ExchangeError::InsufficientAuthentication {
            description: String::new(),
            acr_values: Some("phr mfa".to_owned()),
            max_age: Some(60),
        };
        assert_eq!(read(header), Some(expected));
    }

    #[test]
    fn nothing_else_is_a_demand_to_the_user() {
        for header in [
            "Bearer",
            r#"Bearer error="invalid_token""#,
            r#"Basic error="interaction_required""#,
            r#"Bearer realm="error=interaction_required""#,
            r#"Bearer error="interaction_required"#,
            r#"Bearer error="invalid_token", error_description="x\", error=\"interaction_required""#,
        ] {
            assert_eq!(read(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in "(Bearer )?[ -~]{0,60}") {
            let _ = parameters_of(&header);
        }
    }
}
