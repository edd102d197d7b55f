//! The token of a request. It comes in the header `Authorization: Bearer` and nowhere else (RFC 6750 section 2.1; RFC 9700
//! section 4.3.2 for why not in a query). For extractors of any web framework.

use url::form_urlencoded;

use crate::Refusal;

/// The token, sent once and in the one way that is accepted. `authorization`: the values of all headers of that name.
pub fn bearer_token<'a>(authorization: impl IntoIterator<Item = &'a [u8]>, query: &str) -> Result<&'a str, Refusal> {
    if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token") {
        return Err(malformed("a token does not belong in the address: send it in the header Authorization"));
    }
    let mut headers = authorization.into_iter();
    let Some(header) = headers.next() else { return Err(Refusal::MissingToken) };
    if headers.next().is_some() {
        return Err(malformed("the header Authorization comes more than once"));
    }
    let plain =
        std::str::from_utf8(header).ok().filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
    let header = plain.ok_or_else(|| malformed("the header Authorization is not plain text"))?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        // Another scheme is as good as none (RFC 6750 section 3.1).
        return Err(Refusal::MissingToken);
    }
    let token = token.trim_start_matches(' ');
    if is_b64token(token) { Ok(token) } else { Err(malformed("behind Bearer belongs one token")) }
}

/// `b64token` (RFC 6750 section 2.1): also what keeps `a, Bearer b` from being a token.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(allowed)
}

fn malformed(description: &str) -> Refusal {
    Refusal::InvalidRequest(description.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_token_in_one_header_is_taken() {
        assert_eq!(bearer_token([&b"bearer  a.b-c="[..]], "x=1"), Ok("a.b-c="));
        assert_eq!(bearer_token([], ""), Err(Refusal::MissingToken));
        assert!(matches!(bearer_token([&b"Bearer \xc3\xa9"[..]], ""), Err(Refusal::InvalidRequest(_))));
    }

    proptest! {
        #[test]
        fn whatever_is_sent_only_a_b64token_comes_out(header in "(Bearer )?[ -~\u{80}\n]{0,20}", query in "[ -~]{0,20}") {
            if let Ok(token) = bearer_token([header.as_bytes()], &query) {
                prop_assert!(is_b64token(token));
            }
        }
    }
}
