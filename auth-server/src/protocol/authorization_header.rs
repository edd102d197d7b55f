//! The `Authorization` request header (RFC 9110 section 11.6.2): a scheme and credentials, at most once.

use super::error::OAuthError;

/// The header's two halves; the credentials are empty where only a scheme was sent.
#[derive(Clone, Copy)]
pub struct AuthorizationHeader<'a> {
    pub scheme: &'a str,
    pub credentials: &'a str,
}

impl<'a> AuthorizationHeader<'a> {
    /// Takes all `Authorization` headers of the request: a framework's `get` would hide that there are two.
    pub fn read(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Self>, OAuthError> {
        let mut values = values.into_iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(OAuthError::invalid_request(
                "several_authorization_headers",
                "there is more than one Authorization header",
            ));
        }
        let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii()).ok_or_else(|| {
            OAuthError::invalid_request("authorization_header_malformed", "the Authorization header is not ASCII")
        })?;
        let (scheme, credentials) = text.split_once(' ').unwrap_or((text, ""));
        Ok(Some(Self { scheme, credentials: credentials.trim_start_matches(' ') }))
    }

    /// Scheme names are case-insensitive (RFC 9110 section 11.1).
    #[must_use]
    pub fn has_scheme(&self, name: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(values: &[&'a str]) -> Result<Option<(&'a str, &'a str)>, OAuthError> {
        let header = AuthorizationHeader::read(values.iter().map(|value| value.as_bytes()))?;
        Ok(header.map(|header| (header.scheme, header.credentials)))
    }

    #[test]
    fn scheme_and_credentials_are_told_apart() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["Bearer abc"]), Ok(Some(("Bearer", "abc"))));
        assert_eq!(read(&["Bearer  abc"]), Ok(Some(("Bearer", "abc"))));
        assert_eq!(read(&["Bearer"]), Ok(Some(("Bearer", ""))));
        assert_eq!(read(&[""]), Ok(Some(("", ""))));
    }

    #[test]
    fn two_headers_are_refused_even_if_equal() {
        assert_eq!(read(&["Bearer a", "Bearer a"]).unwrap_err().reason, "several_authorization_headers");
    }

    #[test]
    fn bytes_beyond_ascii_are_refused() {
        assert_eq!(read(&["Bearer é"]).unwrap_err().reason, "authorization_header_malformed");
    }
}
