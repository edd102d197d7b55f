//! The parameters of a request: `application/x-www-form-urlencoded`, read strictly (RFC 6749 sections 3.1, 3.2 and
//! appendix B).
//!
//! A parameter is never dropped in silence: what is too long, not UTF-8 or badly escaped is an error that names it.
//! Servers that dropped an oversize `subject_token` went on as if another grant had been asked for (CVE-2026-9704).

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use super::error::OAuthError;

const MAX_PARAMETERS: usize = 64;
/// Hardly any request has more.
const USUAL_PARAMETERS: usize = 12;
const MAX_NAME: usize = 128;
/// Room for a token of 8 KiB whose every character is escaped would be more; nobody escapes base64url.
const MAX_VALUE: usize = 16 * 1024;

/// The unreserved characters of RFC 3986 section 2.3 stay; the rest is escaped. A space becomes `%20`, which every
/// reader understands, unlike `+`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a request says. Values may be secrets: they are wiped on drop and `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, Zeroizing<String>)>);

impl Parameters {
    /// Reads a form body or a query string.
    pub fn parse(text: &[u8]) -> Result<Self, OAuthError> {
        let mut parameters = Vec::with_capacity(if text.is_empty() { 0 } else { USUAL_PARAMETERS });
        for pair in pairs(text).filter(|pair| !pair.is_empty()) {
            if parameters.len() == MAX_PARAMETERS {
                return Err(OAuthError::invalid_request(
                    "too_many_parameters",
                    format!("a request may have at most {MAX_PARAMETERS} parameters"),
                ));
            }
            parameters.push(read_pair(pair)?);
        }
        Ok(Self(parameters))
    }

    /// The value, if there is one. Sent without a value counts as omitted (RFC 6749 section 3.1); sent twice is an
    /// error, also when one of the two is empty.
    pub fn one(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        Ok(self.at_most_once(name)?.filter(|value| !value.is_empty()))
    }

    /// Like [`one`](Self::one), but an empty value is an error: where silence would change what is asked for.
    pub fn one_strict(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        match self.at_most_once(name)? {
            Some("") => Err(empty(name)),
            value => Ok(value),
        }
    }

    /// The value, which must be there.
    pub fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.one(name)?.ok_or_else(|| {
            OAuthError::invalid_request("parameter_missing", format!("the parameter '{name}' is missing"))
        })
    }

    /// All values of a parameter that may come several times. An empty one is an error.
    pub fn many(&self, name: &str) -> Result<Vec<&str>, OAuthError> {
        let values: Vec<&str> = self.all(name).collect();
        if values.contains(&"") { Err(empty(name)) } else { Ok(values) }
    }

    /// Whether the parameter was sent at all, be it empty.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// None of these parameters may come twice (RFC 6749 sections 3.1 and 3.2). Each endpoint names those it knows;
    /// unknown ones are ignored, as the RFC demands.
    pub fn refuse_repeated(&self, known: &[&str]) -> Result<(), OAuthError> {
        known.iter().try_for_each(|name| self.at_most_once(name).map(drop))
    }

    /// Writes the parameters so that [`parse`](Self::parse) reads the same, for instance to keep a request while its
    /// user signs in.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<String> {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Zeroizing::new(encode(&pairs))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn at_most_once(&self, name: &str) -> Result<Option<&str>, OAuthError> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(OAuthError::invalid_request(
                "parameter_repeated",
                format!("the parameter '{name}' may come only once"),
            ));
        }
        Ok(first)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Writes name and value pairs as `application/x-www-form-urlencoded`.
#[must_use]
pub fn encode(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(utf8_percent_encode(name, ESCAPED));
        text.push('=');
        text.extend(utf8_percent_encode(value, ESCAPED));
    }
    text
}

/// Undoes the form encoding of one name or value; `None` where an escape or the UTF-8 is broken. A lenient reader
/// would turn different inputs into the same replacement character.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(place) = memchr::memchr2(b'+', b'%', rest) {
        bytes.extend_from_slice(&rest[..place]);
        rest = match &rest[place..] {
            [b'%', high, low, behind @ ..] => {
                bytes.push(hex(*high)? << 4 | hex(*low)?);
                behind
            }
            [b'+', behind @ ..] => {
                bytes.push(b' ');
                behind
            }
            _ => return None,
        };
    }
    bytes.extend_from_slice(rest);
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(other) => {
            *bytes = other.into_bytes();
            None
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The pieces between the ampersands.
fn pairs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memchr_iter(b'&', text).chain([text.len()]);
    ends.scan(0, move |begin, end| {
        let piece = &text[*begin..end];
        *begin = end + 1;
        Some(piece)
    })
}

fn read_pair(pair: &[u8]) -> Result<(String, Zeroizing<String>), OAuthError> {
    let (name, value) = match memchr::memchr(b'=', pair) {
        Some(position) => (&pair[..position], &pair[position + 1..]),
        None => (pair, &pair[..0]),
    };
    let name = decode(name).ok_or_else(|| {
        OAuthError::invalid_request("parameter_malformed", "a parameter's name is not form-encoded UTF-8")
    })?;
    if name.len() > MAX_NAME {
        return Err(OAuthError::invalid_request(
            "parameter_too_long",
            format!("a parameter's name may have at most {MAX_NAME} bytes"),
        ));
    }
    let value = decode(value).ok_or_else(|| {
        OAuthError::invalid_request(
            "parameter_malformed",
            format!("the parameter '{}' is not form-encoded UTF-8", *name),
        )
    })?;
    if value.len() > MAX_VALUE {
        return Err(OAuthError::invalid_request(
            "parameter_too_long",
            format!("the parameter '{}' may have at most {MAX_VALUE} bytes", *name),
        ));
    }
    // No parameter has a use for NUL, and a database may choke on it.
    if memchr::memchr(0, name.as_bytes()).or_else(|| memchr::memchr(0, value.as_bytes())).is_some() {
        return Err(OAuthError::invalid_request(
            "parameter_malformed",
            format!("the parameter '{}' contains a NUL character", *name),
        ));
    }
    Ok((name.to_string(), value))
}

fn empty(name: &str) -> OAuthError {
    OAuthError::invalid_request("parameter_empty", format!("the parameter '{name}' is empty"))
}

#[cfg(test)]
mod tests;
