//! The token of a request. It comes in the header `Authorization`, as `Bearer` or, with a proof beside it, as `DPoP`, and nowhere
//! else (RFC 6750 section 2.1, RFC 9449 section 7.1; RFC 9700 section 4.3.2 for why not in a query). For extractors of any web
//! framework.

use url::form_urlencoded;

use crate::Refusal;
use crate::access_token::PresentedToken;

/// The token, sent once and in a way that is accepted. `authorization`, `dpop`: the values of all headers of these names.
pub fn presented_token<'a>(
    authorization: impl IntoIterator<Item = &'a [u8]>,
    dpop: impl IntoIterator<Item = &'a [u8]>,
    query: &str,
) -> Result<PresentedToken<'a>, Refusal> {
    if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token") {
        return Err(malformed("a token does not belong in the address: send it in the header Authorization"));
    }
    let header = only(authorization, "Authorization")?.ok_or(Refusal::MissingToken)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if !is("Bearer") && !is("DPoP") {
        // Another scheme is as good as none (RFC 6750 section 3.1).
        return Err(Refusal::MissingToken);
    }
    let token = token.trim_start_matches(' ');
    if !is_b64token(token) {
        return Err(malformed("behind the scheme belongs one token"));
    }
    if is("Bearer") {
        return Ok(PresentedToken { token, proof: None });
    }
    match only(dpop, "DPoP")? {
        Some(proof) => Ok(PresentedToken { token, proof: Some(proof) }),
        None => Err(Refusal::InvalidDpopProof("send a proof in the header DPoP".to_owned())),
    }
}

fn only<'a>(values: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = values.into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed(&format!("the header {name} comes more than once")));
    }
    let plain =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
    plain.map(Some).ok_or_else(|| malformed(&format!("the header {name} is not plain text")))
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

    fn read<'a>(authorization: &[&'a [u8]], dpop: &[&'a [u8]]) -> Result<PresentedToken<'a>, Refusal> {
        presented_token(authorization.iter().copied(), dpop.iter().copied(), "x=1")
    }

    #[test]
    fn one_token_in_one_header_is_taken() {
        assert_eq!(read(&[b"bearer  a.b-c="], &[]), Ok(PresentedToken { token: "a.b-c=", proof: None }));
        assert_eq!(read(&[], &[]), Err(Refusal::MissingToken));
        assert!(matches!(read(&[b"Bearer \xc3\xa9"], &[]), Err(Refusal::InvalidRequest(_))));
    }

    #[test]
    fn a_bound_token_comes_with_one_proof() {
        assert_eq!(read(&[b"dpop a.b"], &[b"p.r.f"]), Ok(PresentedToken { token: "a.b", proof: Some("p.r.f") }));
        assert!(matches!(read(&[b"DPoP a.b"], &[]), Err(Refusal::InvalidDpopProof(_))));
        assert!(matches!(read(&[b"DPoP a.b"], &[b"p", b"p"]), Err(Refusal::InvalidRequest(_))));
        // A proof beside a bearer token proves nothing of that token, and takes nothing from it.
        assert_eq!(read(&[b"Bearer a.b"], &[b"p"]), Ok(PresentedToken { token: "a.b", proof: None }));
    }

    proptest! {
        #[test]
        fn whatever_is_sent_only_a_b64token_comes_out(header in "((Bearer|DPoP) )?[ -~\u{80}\n]{0,20}", query in "[ -~]{0,20}") {
            if let Ok(presented) = presented_token([header.as_bytes()], [b"proof".as_slice()], &query) {
                prop_assert!(is_b64token(presented.token));
            }
        }
    }
}
