//! Which API a token is asked for: `audience` (RFC 8693 section 2.1; Auth0's name for it at `/authorize`) or
//! `resource` (RFC 8707 section 2). One rule for both names: they must agree, and there is exactly one target.

use std::fmt;

use url::Url;

use super::error::OAuthError;
use super::parameters::Parameters;

/// The identifier of an API as a request names it. Whether there is such an API is not known here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target(Box<str>);

impl Target {
    /// Reads `audience` and `resource`; `None` where neither was sent.
    pub fn read(parameters: &Parameters) -> Result<Option<Self>, OAuthError> {
        let audience = at_most_one("audience", &parameters.many("audience")?)?;
        let resource = at_most_one("resource", &parameters.many("resource")?)?;
        if let Some(resource) = resource {
            check_resource(resource)?;
        }
        match (audience, resource) {
            (Some(audience), Some(resource)) if audience != resource => {
                Err(OAuthError::invalid_target("target_conflict", "audience and resource name different targets"))
            }
            (audience, resource) => Ok(audience.or(resource).map(|identifier| Self(identifier.into()))),
        }
    }

    /// The target that a scope names, in the dialect that has scopes do so.
    pub(super) fn named(identifier: &str) -> Self {
        Self(identifier.into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Both parameters may come several times by their RFCs; a token of this server has one API as its audience.
fn at_most_one<'a>(name: &str, values: &[&'a str]) -> Result<Option<&'a str>, OAuthError> {
    match values {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(OAuthError::invalid_target(
            "several_targets",
            format!("a token is for one target, but '{name}' came {} times", values.len()),
        )),
    }
}

/// An absolute URI without a fragment (RFC 8707 section 2).
fn check_resource(resource: &str) -> Result<(), OAuthError> {
    if Url::parse(resource).is_ok() && !resource.contains('#') {
        Ok(())
    } else {
        Err(OAuthError::invalid_target("resource_malformed", "a resource is an absolute URI without a fragment"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::ErrorCode;
    use rstest::rstest;

    fn read(form: &str) -> Result<Option<Target>, OAuthError> {
        Target::read(&Parameters::parse(form.as_bytes()).unwrap())
    }

    #[rstest]
    #[case::none("scope=a", None)]
    #[case::audience("audience=https://api-b.example", Some("https://api-b.example"))]
    #[case::resource("resource=https%3A%2F%2Fapi-b.example", Some("https://api-b.example"))]
    #[case::agreeing("audience=https://api-b.example&resource=https://api-b.example", Some("https://api-b.example"))]
    #[case::no_uri("audience=receipts", Some("receipts"))]
    fn one_target_may_be_named_in_either_way(#[case] form: &str, #[case] expected: Option<&str>) {
        assert_eq!(read(form).unwrap().as_ref().map(Target::as_str), expected);
    }

    #[rstest]
    #[case::two_audiences("audience=a&audience=b", "several_targets")]
    #[case::same_audience_twice("audience=a&audience=a", "several_targets")]
    #[case::two_resources("resource=https://a.example&resource=https://b.example", "several_targets")]
    #[case::conflict("audience=https://a.example&resource=https://b.example", "target_conflict")]
    #[case::trailing_slash("audience=https://a.example&resource=https://a.example/", "target_conflict")]
    #[case::relative("resource=/receipts", "resource_malformed")]
    #[case::fragment("resource=https://a.example%23x", "resource_malformed")]
    fn anything_but_one_target_is_an_invalid_target(#[case] form: &str, #[case] reason: &str) {
        let error = read(form).unwrap_err();
        assert_eq!((error.code, error.reason), (ErrorCode::InvalidTarget, reason));
    }

    #[test]
    fn an_empty_target_is_not_silence() {
        for form in ["audience=", "resource=", "audience=&audience=a", "resource"] {
            assert_eq!(read(form).unwrap_err().reason, "parameter_empty", "{form}");
        }
    }
}
