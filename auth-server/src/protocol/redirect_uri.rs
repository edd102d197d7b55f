//! Redirect URIs: what a client may register, and which of the registered ones a request means (RFC 6749 section
//! 3.1.2, RFC 9700 section 2.1, RFC 8252 section 7).
//!
//! Matching compares strings and parses nothing: every server that matched by pattern or after normalising has been
//! tricked with `@`, `..;/`, a backslash or the case of a scheme. A [`RedirectUri`] can only come from a match, so
//! that nothing can be redirected to that no client has registered.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

use super::error::OAuthError;
use super::parameters;

const MAX_LENGTH: usize = 2048;

/// A redirect URI as a client's registration names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegisteredRedirectUri(Box<str>);

/// Why a redirect URI cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedirectUri {
    #[error("it is longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error("it contains a space, a control character, a backslash or a character outside ASCII")]
    ForbiddenCharacter,
    #[error("it is not an absolute URI such as https://app.example/callback")]
    NotAbsolute,
    #[error("it has a fragment (RFC 6749 section 3.1.2)")]
    Fragment,
    #[error("it has a user name or password before the host")]
    UserInfo,
    #[error("its host or port contains other characters than letters, digits, '.', '-' and '_'")]
    Host,
    #[error("its path contains '.' or '..' segments")]
    DotSegments,
    #[error("http is for loopback only (localhost, 127.0.0.1, [::1]); everywhere else use https")]
    PlainHttp,
    #[error(
        "the scheme '{0}' is not accepted: use https, http on loopback, or a private-use scheme with a dot such as com.example.app (RFC 8252 section 7.1)"
    )]
    Scheme(String),
    #[error("it is not in its normal form: write {0}")]
    NotNormal(String),
}

impl RegisteredRedirectUri {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The origin of a web app; `None` for an app's own scheme.
    #[must_use]
    pub fn web_origin(&self) -> Option<String> {
        let origin = Url::parse(&self.0).ok()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
    }

    /// Whether `asked` names this registration.
    fn matches(&self, asked: &str, native: bool) -> bool {
        *self.0 == *asked || (native && self.matches_on_any_port(asked))
    }

    /// RFC 8252 section 7.3: a native app listens on whatever port is free, on a loopback address. Only where the
    /// registration names the address itself: `localhost` may resolve to something else (section 8.3).
    fn matches_on_any_port(&self, asked: &str) -> bool {
        match (split_loopback(&self.0), split_loopback(asked)) {
            (Some((address, rest)), Some((asked_address, asked_rest))) => {
                address == asked_address && rest == asked_rest
            }
            _ => false,
        }
    }
}

/// Splits `http://127.0.0.1:1234/path?query` into address and what follows the port.
fn split_loopback(uri: &str) -> Option<(&str, &str)> {
    let address = ["http://127.0.0.1", "http://[::1]"].into_iter().find(|address| uri.starts_with(address))?;
    let rest = &uri[address.len()..];
    let Some(port) = rest.strip_prefix(':') else {
        return (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((address, rest));
    };
    let digits = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
    let (port, rest) = port.split_at(digits);
    // A port in its one spelling: no leading zero, not zero itself, at most 65535.
    let valid = !port.starts_with('0') && port.parse::<u16>().is_ok();
    (valid && (rest.is_empty() || rest.starts_with(['/', '?']))).then_some((address, rest))
}

impl FromStr for RegisteredRedirectUri {
    type Err = InvalidRedirectUri;

    fn from_str(text: &str) -> Result<Self, InvalidRedirectUri> {
        if text.len() > MAX_LENGTH {
            return Err(InvalidRedirectUri::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(InvalidRedirectUri::ForbiddenCharacter);
        }
        if text.contains('#') {
            return Err(InvalidRedirectUri::Fragment);
        }
        let uri = Url::parse(text).map_err(|_| InvalidRedirectUri::NotAbsolute)?;
        check_scheme(&uri)?;
        check_authority(text, &uri)?;
        check_path(text)?;
        // What is compared as text must be what a browser makes of it.
        let normal = uri.as_str();
        if normal != text && normal.strip_suffix('/') != Some(text) {
            return Err(InvalidRedirectUri::NotNormal(normal.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

fn check_scheme(uri: &Url) -> Result<(), InvalidRedirectUri> {
    match uri.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(uri) => Ok(()),
        "http" => Err(InvalidRedirectUri::PlainHttp),
        // A name in reverse order, under the app's control (RFC 8252 section 7.1). This leaves out javascript:,
        // data:, file: and all other schemes that browsers know.
        private if private.contains('.') => Ok(()),
        other => Err(InvalidRedirectUri::Scheme(other.to_owned())),
    }
}

fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Judged on the text as well: a reader that takes the last `@` and one that takes the first see two hosts.
fn check_authority(text: &str, uri: &Url) -> Result<(), InvalidRedirectUri> {
    let after_scheme = text.split_once(':').map_or("", |(_, rest)| rest);
    let authority = after_scheme.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    match authority {
        Some(authority) if authority.contains('@') => Err(InvalidRedirectUri::UserInfo),
        Some("") => Err(InvalidRedirectUri::NotAbsolute),
        None if matches!(uri.scheme(), "http" | "https") => Err(InvalidRedirectUri::NotAbsolute),
        _ if !uri.username().is_empty() || uri.password().is_some() => Err(InvalidRedirectUri::UserInfo),
        // It is written into a Content-Security-Policy, where ';' and ',' would start something new.
        Some(authority) if !authority.bytes().all(is_authority_character) => Err(InvalidRedirectUri::Host),
        _ => Ok(()),
    }
}

fn is_authority_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
}

/// Dot segments in any disguise: `..`, `%2e%2E`, `..;x`.
fn check_path(text: &str) -> Result<(), InvalidRedirectUri> {
    let path = text.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    if path.contains("%5c") {
        return Err(InvalidRedirectUri::ForbiddenCharacter);
    }
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    if path.split('/').any(is_dots) { Err(InvalidRedirectUri::DotSegments) } else { Ok(()) }
}

impl fmt::Display for RegisteredRedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RegisteredRedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RegisteredRedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("redirect URI {text:?}: {error}")))
    }
}

/// A redirect URI that the client has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(Box<str>);

impl RedirectUri {
    /// The registered redirect URI that a request means. `native`: ports of loopback addresses are free (RFC 8252
    /// section 7.3). Without one in the request, the only registered one is meant (RFC 6749 section 3.1.2.3).
    ///
    /// An error goes to the person as a page; it must never travel by redirect.
    pub fn match_registered(
        asked: Option<&str>,
        registered: &[RegisteredRedirectUri],
        native: bool,
    ) -> Result<Self, OAuthError> {
        let Some(asked) = asked else {
            return match registered {
                [only] => Ok(Self(only.0.clone())),
                _ => {
                    Err(OAuthError::invalid_request("redirect_uri_missing", "the parameter 'redirect_uri' is missing"))
                }
            };
        };
        if registered.iter().any(|registration| registration.matches(asked, native)) {
            Ok(Self(asked.into()))
        } else {
            Err(OAuthError::invalid_request(
                "redirect_uri_not_registered",
                "the redirect_uri is not one that this client has registered",
            ))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI with response parameters added; a query of its own is kept (RFC 6749 section 3.1.2).
    #[must_use]
    pub fn with_parameters(&self, parameters: &[(&str, &str)]) -> String {
        let separator = match self.0.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{separator}{}", self.0, parameters::encode(parameters))
    }

    /// What a page's `form-action` must name so that a browser lets a form's answer lead here: the origin, or
    /// `scheme:` for an app's own scheme.
    #[must_use]
    pub fn form_action_source(&self) -> String {
        let scheme = self.0.split(':').next().unwrap_or_default();
        let rest = &self.0[scheme.len()..];
        let authority = rest.strip_prefix("://").and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
        // CSP's grammar knows no brackets, so a browser would ignore an IPv6 address and block the redirect.
        if matches!(scheme, "http" | "https") && !authority.starts_with('[') {
            format!("{scheme}://{authority}")
        } else {
            format!("{scheme}:")
        }
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
