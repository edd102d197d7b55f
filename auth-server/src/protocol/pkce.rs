//! Proof key for code exchange (RFC 7636), method `S256` only: `plain` proves nothing to whoever saw the request
//! (RFC 9700 section 2.1.1).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::error::OAuthError;
use super::parameters::Parameters;

/// A SHA-256 in base64url without padding.
const CHALLENGE_LENGTH: usize = 43;

/// The `code_challenge` of an authorization request (RFC 7636 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(Box<str>);

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` (RFC 7636 section 4.3).
    pub fn read(parameters: &Parameters) -> Result<Option<Self>, OAuthError> {
        match (parameters.one("code_challenge")?, parameters.one("code_challenge_method")?) {
            (None, None) => Ok(None),
            (Some(challenge), Some("S256")) => Self::parse(challenge).map(Some),
            // An absent method means plain (RFC 7636 section 4.3).
            (Some(_), None | Some("plain")) => Err(OAuthError::invalid_request(
                "code_challenge_method_plain",
                "the code_challenge_method 'plain', which is also meant where none is named, is not accepted: use 'S256'",
            )),
            (Some(_), Some(other)) => Err(OAuthError::invalid_request(
                "code_challenge_method_not_supported",
                format!("the code_challenge_method '{other}' is not supported: use 'S256'"),
            )),
            (None, Some(_)) => Err(OAuthError::invalid_request(
                "code_challenge_missing",
                "there is a code_challenge_method but no code_challenge",
            )),
        }
    }

    /// Reads an `S256` challenge. RFC 7636 allows up to 128 characters for the sake of other methods; a SHA-256 has
    /// 43, so any other length could never be answered.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        if text.len() == CHALLENGE_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            Ok(Self(text.into()))
        } else {
            Err(OAuthError::invalid_request(
                "code_challenge_malformed",
                "a code_challenge for S256 is BASE64URL(SHA256(code_verifier)) without padding: 43 characters",
            ))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The `code_verifier` of a token request: 43 to 128 unreserved characters (RFC 7636 section 4.1).
#[derive(Clone, Debug)]
pub struct CodeVerifier(SecretString);

impl CodeVerifier {
    /// Reads `code_verifier` (RFC 7636 section 4.5).
    pub fn read(parameters: &Parameters) -> Result<Option<Self>, OAuthError> {
        parameters.one("code_verifier")?.map(Self::parse).transpose()
    }

    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(text.into()))
        } else {
            Err(OAuthError::invalid_request(
                "code_verifier_malformed",
                "a code_verifier has 43 to 128 characters out of A-Z a-z 0-9 - . _ ~",
            ))
        }
    }

    /// The challenge that this verifier answers (RFC 7636 section 4.2).
    #[must_use]
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(URL_SAFE_NO_PAD.encode(digest(&SHA256, self.0.expose_secret().as_bytes())).into())
    }
}

/// The verifier must answer the challenge (RFC 7636 section 4.6), and neither may come without the other: a verifier
/// for a request without challenge means that somebody took the challenge out (RFC 9700 section 4.8.2).
pub fn verify(challenge: Option<&CodeChallenge>, verifier: Option<&CodeVerifier>) -> Result<(), OAuthError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) => {
            // Constant time, so that no prefix of the challenge can be guessed.
            if bool::from(challenge.0.as_bytes().ct_eq(verifier.challenge().0.as_bytes())) {
                Ok(())
            } else {
                Err(OAuthError::invalid_grant(
                    "code_verifier_wrong",
                    "the code_verifier does not match the code_challenge",
                ))
            }
        }
        (Some(_), None) => {
            Err(OAuthError::invalid_grant("code_verifier_missing", "this code was asked for with a code_challenge"))
        }
        (None, Some(_)) => Err(OAuthError::invalid_grant(
            "code_verifier_unexpected",
            "this code was asked for without a code_challenge, yet there is a code_verifier",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::ErrorCode;
    use proptest::prelude::*;
    use rstest::rstest;

    // RFC 7636 appendix B
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn read(form: &str) -> Result<Option<CodeChallenge>, OAuthError> {
        CodeChallenge::read(&Parameters::parse(form.as_bytes()).unwrap())
    }

    #[test]
    fn the_example_of_the_rfc_holds() {
        let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
        let verifier = CodeVerifier::parse(VERIFIER).unwrap();
        assert_eq!(verify(Some(&challenge), Some(&verifier)), Ok(()));
    }

    #[test]
    fn a_wrong_missing_or_unasked_verifier_is_an_invalid_grant() {
        let challenge = CodeChallenge::parse(CHALLENGE).unwrap();
        let right = CodeVerifier::parse(VERIFIER).unwrap();
        // The challenge itself is no answer: that would be the method `plain`.
        let wrong = CodeVerifier::parse(CHALLENGE).unwrap();
        for (challenge, verifier, reason) in [
            (Some(&challenge), Some(&wrong), "code_verifier_wrong"),
            (Some(&challenge), None, "code_verifier_missing"),
            (None, Some(&right), "code_verifier_unexpected"),
        ] {
            let error = verify(challenge, verifier).unwrap_err();
            assert_eq!((error.code, error.reason), (ErrorCode::InvalidGrant, reason));
        }
        assert_eq!(verify(None, None), Ok(()));
    }

    #[rstest]
    #[case::plain("&code_challenge_method=plain", "code_challenge_method_plain")]
    #[case::no_method("", "code_challenge_method_plain")]
    #[case::empty_method("&code_challenge_method=", "code_challenge_method_plain")]
    #[case::other_case("&code_challenge_method=s256", "code_challenge_method_not_supported")]
    #[case::unknown("&code_challenge_method=S512", "code_challenge_method_not_supported")]
    #[case::twice("&code_challenge_method=S256&code_challenge_method=plain", "parameter_repeated")]
    fn any_method_but_s256_is_refused(#[case] method: &str, #[case] reason: &str) {
        let error = read(&format!("code_challenge={CHALLENGE}{method}")).unwrap_err();
        assert_eq!((error.code, error.reason), (ErrorCode::InvalidRequest, reason));
    }

    #[test]
    fn a_method_without_a_challenge_is_refused() {
        assert_eq!(read("code_challenge_method=S256").unwrap_err().reason, "code_challenge_missing");
        assert_eq!(read("code_challenge=&code_challenge_method=S256").unwrap_err().reason, "code_challenge_missing");
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn a_challenge_is_43_characters_of_base64url() {
        let longer = format!("{CHALLENGE}A");
        let padded = format!("{CHALLENGE}=");
        let swapped = CHALLENGE.replace('-', "+");
        for text in ["", &CHALLENGE[1..], &longer, &padded, &swapped, &"é".repeat(22)] {
            assert_eq!(CodeChallenge::parse(text).unwrap_err().reason, "code_challenge_malformed", "{text}");
        }
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        for (length, good) in [(0, false), (42, false), (43, true), (128, true), (129, false)] {
            assert_eq!(CodeVerifier::parse(&"a".repeat(length)).is_ok(), good, "{length}");
        }
        for character in ['+', '/', '=', ' ', 'é', '%'] {
            let text = format!("{VERIFIER}{character}");
            assert_eq!(CodeVerifier::parse(&text).unwrap_err().reason, "code_verifier_malformed", "{text}");
        }
    }

    #[test]
    fn a_verifier_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", CodeVerifier::parse(VERIFIER).unwrap()).contains(VERIFIER));
    }

    proptest! {
        #[test]
        fn only_the_verifier_behind_a_challenge_answers_it(a in "[A-Za-z0-9._~-]{43,128}", b in "[A-Za-z0-9._~-]{43,128}") {
            let (one, other) = (CodeVerifier::parse(&a).unwrap(), CodeVerifier::parse(&b).unwrap());
            let challenge = CodeChallenge::parse(one.challenge().as_str()).unwrap();
            prop_assert!(verify(Some(&challenge), Some(&one)).is_ok());
            prop_assert_eq!(verify(Some(&challenge), Some(&other)).is_ok(), a == b);
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in any::<String>()) {
            let _ = CodeChallenge::parse(&text);
            let _ = CodeVerifier::parse(&text);
        }
    }
}
