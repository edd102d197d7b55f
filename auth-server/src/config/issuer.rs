//! The issuer identifier (RFC 8414 section 2): used exactly as it is written, a trailing slash included.

use serde::Deserialize;
use url::{Host, Url};

/// The issuer, and the endpoints below it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Issuer {
    text: String,
    url: Url,
}

/// The text is not an issuer identifier.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("issuer {0:?} must be an http or https URL without query, fragment and user name, such as https://auth.example.com")]
pub struct InvalidIssuer(String);

impl Issuer {
    /// As it is written in tokens and metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address of an endpoint: the issuer, without a trailing slash, and then `path`, which begins with one.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.text.trim_end_matches('/'))
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether it names this machine alone.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The origin that this server's pages have.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The path below which the endpoints lie, without a slash at its end: empty for most issuers.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }
}

impl std::fmt::Display for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Issuer {
    type Error = InvalidIssuer;

    fn try_from(text: String) -> Result<Self, InvalidIssuer> {
        let Ok(url) = Url::parse(&text) else { return Err(InvalidIssuer(text)) };
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        // A text that the URL standard writes another way would never compare equal to what a client writes.
        let as_written = [url.as_str(), url.as_str().trim_end_matches('/')].contains(&text.as_str());
        if web && bare && url.password().is_none() && as_written { Ok(Self { text, url }) } else { Err(InvalidIssuer(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn issuer(text: &str) -> Issuer {
        Issuer::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_trailing_slash_stays_in_the_issuer_and_is_not_doubled_in_endpoints() {
        let issuer = issuer("https://auth.example/");
        assert_eq!(issuer.as_str(), "https://auth.example/");
        assert_eq!(issuer.endpoint("/authorize"), "https://auth.example/authorize");
    }

    #[rstest]
    #[case::query("https://auth.example?x=1")]
    #[case::fragment("https://auth.example#x")]
    #[case::user("https://me@auth.example")]
    #[case::relative("/auth")]
    #[case::other_scheme("ftp://auth.example")]
    #[case::upper_case("HTTPS://Auth.Example")]
    #[case::default_port("https://auth.example:443")]
    fn what_clients_could_not_compare_is_refused(#[case] text: &str) {
        assert!(Issuer::try_from(text.to_owned()).is_err());
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        assert!(issuer("http://localhost:9000").is_loopback());
        assert!(issuer("http://127.0.0.1:9000").is_loopback());
        assert!(issuer("http://[::1]:9000").is_loopback());
        assert!(!issuer("http://localhost.example:9000").is_loopback());
        assert!(!issuer("http://10.0.0.1:9000").is_loopback());
    }
}
