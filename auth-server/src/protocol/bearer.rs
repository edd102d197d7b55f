//! How a request carries an access token, and how its refusal is told (RFC 6750).

use std::fmt::{self, Write};

use secrecy::SecretString;
use shared_claims::dpop::{ALGORITHMS, DPOP};

use super::authorization_header::AuthorizationHeader;
use super::error::{ErrorCode, OAuthError};
use super::parameters::Parameters;

/// Why there is no token to look at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBearerToken {
    /// The request did not try: its challenge carries no error code (RFC 6750 section 3.1).
    #[error("the request carries no access token")]
    Absent,
    #[error(transparent)]
    Malformed(#[from] OAuthError),
}

/// An access token as it was sent.
#[derive(Clone, Debug)]
pub struct SentToken {
    pub token: SecretString,
    /// As `Authorization: DPoP`: with a proof beside it (RFC 9449 section 7.1).
    pub with_proof: bool,
}

/// Reads the access token from the `Authorization` header or, where the endpoint takes one, the form body (RFC 6750
/// sections 2.1 and 2.2). A token in the query is refused: URLs end up in logs (section 2.3).
pub fn read<'a>(
    authorization: impl IntoIterator<Item = &'a [u8]>,
    query: &str,
    form: Option<&Parameters>,
) -> Result<SentToken, NoBearerToken> {
    if Parameters::parse(query.as_bytes())?.contains("access_token") {
        return Err(malformed("access_token_in_query", "an access token must not be sent in the query"));
    }
    let header = AuthorizationHeader::read(authorization)?;
    let header = header.filter(|header| header.has_scheme("Bearer") || header.has_scheme(DPOP));
    let with_proof = header.is_some_and(|header| header.has_scheme(DPOP));
    let in_form = match form {
        Some(form) => form.one_strict("access_token")?,
        None => None,
    };
    let token = match (header.map(|header| header.credentials), in_form) {
        (Some(_), Some(_)) => {
            return Err(malformed("several_access_tokens", "the access token comes in the header and in the form"));
        }
        (Some(token), None) | (None, Some(token)) => token,
        (None, None) => return Err(NoBearerToken::Absent),
    };
    if is_b64token(token) {
        Ok(SentToken { token: token.into(), with_proof })
    } else {
        Err(malformed("access_token_malformed", "what follows the scheme is not a token"))
    }
}

/// What can be a token, where it was shown: not copied, and not told by `Debug`.
#[derive(Clone, Copy)]
pub struct ShownToken<'a>(&'a str);

impl<'a> ShownToken<'a> {
    /// `None`: the text is no `b64token`.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        is_b64token(text).then_some(Self(text))
    }

    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for ShownToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownToken")
    }
}

/// `b64token`: one or more characters of base64, base64url, `.` and `~`, then any number of `=` (RFC 6750 section 2.1).
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=').as_bytes();
    !body.is_empty() && body.iter().all(|byte| IN_B64TOKEN[usize::from(*byte)])
}

/// Looked up for every byte of every token.
const IN_B64TOKEN: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        allowed[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
        byte += 1;
    }
    allowed
};

/// The `WWW-Authenticate` value (RFC 6750 section 3, RFC 9449 section 7.1). `scope`: what the resource demands.
#[must_use]
pub fn challenge(realm: &str, error: Option<&OAuthError>, scope: Option<&str>) -> String {
    let about_proof = error.is_some_and(is_about_proof);
    let scheme = if about_proof { DPOP } else { "Bearer" };
    let mut text = format!("{scheme} realm=\"{}\"", quoted(realm));
    if let Some(error) = error {
        // Writing to a String cannot fail.
        let _ = write!(text, ", error=\"{}\", error_description=\"{}\"", error.code, error.error_description());
    }
    if let Some(scope) = scope {
        let _ = write!(text, ", scope=\"{}\"", quoted(scope));
    }
    if about_proof {
        let _ = write!(text, ", algs=\"{}\"", ALGORITHMS.join(" "));
    }
    text
}

/// The reason of a token that is bound to a key and came without proof of it.
pub const TOKEN_BOUND: &str = "token_bound";

fn is_about_proof(error: &OAuthError) -> bool {
    matches!(error.code, ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce) || error.reason == TOKEN_BOUND
}

/// The characters that may stand between quotation marks without being escaped; others are left out.
pub(super) fn quoted(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}

fn malformed(reason: &'static str, description: &str) -> NoBearerToken {
    NoBearerToken::Malformed(OAuthError::invalid_request(reason, description))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;
    use secrecy::ExposeSecret;

    fn from_header(value: &str) -> Result<String, NoBearerToken> {
        read([value.as_bytes()], "", None).map(|sent| sent.token.expose_secret().to_owned())
    }

    fn reason(result: Result<impl Sized, NoBearerToken>) -> &'static str {
        match result {
            Ok(_) => "accepted",
            Err(NoBearerToken::Absent) => "absent",
            Err(NoBearerToken::Malformed(error)) => error.reason,
        }
    }

    #[test]
    fn a_token_is_read_from_the_header() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer  a.b.c"] {
            assert_eq!(from_header(value).unwrap(), "a.b.c");
        }
        assert_eq!(from_header("Bearer aZ0-._~+/==").unwrap(), "aZ0-._~+/==");
    }

    #[rstest]
    #[case::nothing_after("Bearer", "access_token_malformed")]
    #[case::only_spaces("Bearer   ", "access_token_malformed")]
    #[case::two_tokens("Bearer a, Bearer b", "access_token_malformed")]
    #[case::inner_space("Bearer a b", "access_token_malformed")]
    #[case::trailing_space("Bearer a ", "access_token_malformed")]
    #[case::only_padding("Bearer ==", "access_token_malformed")]
    #[case::inner_padding("Bearer a=b", "access_token_malformed")]
    #[case::prefix_twice("Bearer Bearer a", "access_token_malformed")]
    #[case::quoted("Bearer \"a\"", "access_token_malformed")]
    #[case::tab("Bearer\ta", "absent")]
    #[case::glued("Bearera", "absent")]
    #[case::basic("Basic YTpi", "absent")]
    #[case::empty("", "absent")]
    fn anything_else_in_the_header_is_refused(#[case] value: &str, #[case] expected: &str) {
        assert_eq!(reason(from_header(value)), expected);
    }

    #[test]
    fn a_token_that_comes_with_a_proof_says_so_by_its_scheme() {
        assert!(read([b"DPoP a.b.c".as_slice()], "", None).unwrap().with_proof);
        assert!(!read([b"Bearer a.b.c".as_slice()], "", None).unwrap().with_proof);
    }

    #[test]
    fn a_form_may_carry_the_token_where_the_endpoint_takes_it() {
        let form = Parameters::parse(b"access_token=a.b.c").unwrap();
        assert_eq!(read([], "", Some(&form)).unwrap().token.expose_secret(), "a.b.c");
        assert_eq!(reason(read([], "", None)), "absent");
        assert_eq!(reason(read([b"Bearer a.b.c".as_slice()], "", Some(&form))), "several_access_tokens");
        let repeated = Parameters::parse(b"access_token=a&access_token=a").unwrap();
        assert_eq!(reason(read([], "", Some(&repeated))), "parameter_repeated");
        let empty = Parameters::parse(b"access_token=").unwrap();
        assert_eq!(reason(read([], "", Some(&empty))), "parameter_empty");
    }

    #[test]
    fn a_token_in_the_query_is_refused() {
        assert_eq!(reason(read([], "access_token=a", None)), "access_token_in_query");
        assert_eq!(reason(read([b"Bearer a".as_slice()], "access_token=a", None)), "access_token_in_query");
    }

    #[test]
    fn two_headers_are_refused() {
        assert_eq!(reason(read([b"Bearer a".as_slice(), b"Bearer b"], "", None)), "several_authorization_headers");
    }

    #[test]
    fn a_challenge_names_error_and_scope_only_where_there_are_some() {
        assert_eq!(challenge("http://localhost:9000", None, None), "Bearer realm=\"http://localhost:9000\"");
        let error = OAuthError::new(crate::protocol::ErrorCode::InvalidToken, "expired", "the token has \"expired\"");
        assert_eq!(
            challenge("x", Some(&error), Some("openid profile")),
            "Bearer realm=\"x\", error=\"invalid_token\", error_description=\"expired: the token has 'expired'\", scope=\"openid profile\""
        );
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(value in proptest::collection::vec(any::<u8>(), 0..64), query in any::<String>()) {
            let _ = read([value.as_slice()], &query, None);
        }

        #[test]
        fn every_b64token_is_read_unchanged(token in "[A-Za-z0-9._~+/-]{1,64}={0,2}") {
            prop_assert_eq!(from_header(&format!("Bearer {token}")).unwrap(), token);
        }

        #[test]
        fn a_challenge_is_one_line_with_balanced_quotes(realm in any::<String>(), scope in any::<String>()) {
            let text = challenge(&realm, None, Some(&scope));
            prop_assert_eq!(text.matches('"').count(), 4);
            prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
}
