//! An API: a resource server, known by the identifier that its access tokens name as `aud` (RFC 8707, RFC 9068).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared_claims::{Scope, ScopeToken};

use super::SignInStrength;

/// What a token may be signed with (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    #[default]
    RS256,
    PS256,
    ES256,
    EdDSA,
}

impl SigningAlgorithm {
    pub const ALL: [Self; 4] = [Self::RS256, Self::PS256, Self::ES256, Self::EdDSA];

    /// The name in a JOSE header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl std::str::FromStr for SigningAlgorithm {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| format!("unknown signing algorithm {name:?}: use RS256, PS256, ES256 or EdDSA"))
    }
}

impl std::fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A resource server and the policies of its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ApiDocument")]
#[expect(clippy::struct_excessive_bools, reason = "each is a policy of its own, set by its own key")]
pub struct Api {
    /// A URI, compared character by character.
    pub identifier: String,
    /// For people.
    pub name: String,
    /// Each scope with its meaning in a person's words.
    pub scopes: BTreeMap<ScopeToken, String>,
    /// Whether refresh tokens may be given for this API (`offline_access`).
    pub allow_offline_access: bool,
    /// Whether a token holds only scopes that its user has the permission for.
    pub enforce_permissions: bool,
    /// Whether APIs that are paired with this one may call it without the user's consent to the pairing.
    pub skip_consent: bool,
    /// How the user must have signed in for a scope to be given to an API that acts for them (RFC 9470).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sign_in: BTreeMap<ScopeToken, SignInStrength>,
    /// Whether all its tokens are bound to a key of whoever asks for them (RFC 9728 section 2, RFC 9449).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens_required: bool,
    /// How long its access tokens live.
    #[serde(with = "humantime_serde")]
    pub token_lifetime: Duration,
    /// `None`: the server's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signing_alg: Option<SigningAlgorithm>,
}

impl Api {
    /// All scopes of this API.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scopes.keys().cloned().collect()
    }

    /// What of `scope` are scopes of this API.
    #[must_use]
    pub fn known_of(&self, scope: &Scope) -> Scope {
        scope.filter(|name| self.scopes.contains_key(name))
    }
}

/// An API as it is written in a configuration file or a database row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a policy of its own, set by its own key")]
struct ApiDocument {
    identifier: String,
    name: String,
    scopes: BTreeMap<ScopeToken, String>,
    #[serde(default)]
    allow_offline_access: bool,
    #[serde(default)]
    enforce_permissions: bool,
    #[serde(default)]
    skip_consent: bool,
    #[serde(default)]
    sign_in: BTreeMap<ScopeToken, SignInStrength>,
    #[serde(default)]
    dpop_bound_access_tokens_required: bool,
    #[serde(default = "default_token_lifetime", with = "humantime_serde")]
    token_lifetime: Duration,
    #[serde(default)]
    signing_alg: Option<SigningAlgorithm>,
}

/// Short, because a token is valid until it expires wherever its status is not checked.
const fn default_token_lifetime() -> Duration {
    Duration::from_mins(10)
}

/// Below, a token would be refused as too short to be exchanged; above, a leaked one would live for more than a day.
const TOKEN_LIFETIMES: std::ops::RangeInclusive<Duration> = Duration::from_secs(30)..=Duration::from_hours(24);

/// Names that OpenID Connect gives a meaning of its own (Core sections 3.1.2.1, 5.4 and 11).
const RESERVED_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

impl TryFrom<ApiDocument> for Api {
    type Error = String;

    fn try_from(document: ApiDocument) -> Result<Self, String> {
        let identifier = document.identifier;
        let url = url::Url::parse(&identifier).map_err(|_| {
            format!("API identifier {identifier:?} is not an absolute URI: use one such as https://reports.example")
        })?;
        if url.fragment().is_some() || identifier.contains(char::is_whitespace) {
            return Err(format!(
                "API identifier {identifier:?} must have no fragment and no white space (RFC 8707 section 2)"
            ));
        }
        if let Some(reserved) = document.scopes.keys().find(|scope| RESERVED_SCOPES.contains(&scope.as_str())) {
            return Err(format!("API {identifier}: scope {reserved} belongs to OpenID Connect: choose another name"));
        }
        for (scope, strength) in &document.sign_in {
            if !document.scopes.contains_key(scope) {
                return Err(format!("API {identifier}: sign_in names {scope}, which is none of its scopes"));
            }
            strength.check().map_err(|mistake| format!("API {identifier}: sign_in for {scope}: {mistake}"))?;
        }
        if !TOKEN_LIFETIMES.contains(&document.token_lifetime) {
            return Err(format!("API {identifier}: token_lifetime must be from 30s to 24h"));
        }
        Ok(Self {
            identifier,
            name: document.name,
            scopes: document.scopes,
            allow_offline_access: document.allow_offline_access,
            enforce_permissions: document.enforce_permissions,
            skip_consent: document.skip_consent,
            sign_in: document.sign_in,
            dpop_bound_access_tokens_required: document.dpop_bound_access_tokens_required,
            token_lifetime: document.token_lifetime,
            signing_alg: document.signing_alg,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::relative(r#"{"identifier":"api-a","name":"A","scopes":{}}"#, "not an absolute URI")]
    #[case::fragment(r#"{"identifier":"https://a.example/#x","name":"A","scopes":{}}"#, "no fragment")]
    #[case::reserved(r#"{"identifier":"https://a.example","name":"A","scopes":{"openid":"x"}}"#, "OpenID Connect")]
    #[case::lifetime(
        r#"{"identifier":"https://a.example","name":"A","scopes":{},"token_lifetime":"1s"}"#,
        "token_lifetime"
    )]
    #[case::unknown_key(r#"{"identifier":"https://a.example","name":"A","scopes":{},"colour":"red"}"#, "unknown field")]
    fn an_api_that_could_not_work_is_refused_with_the_reason(#[case] document: &str, #[case] expected: &str) {
        let error = serde_json::from_str::<Api>(document).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn an_api_is_written_as_it_is_read() {
        let document =
            r#"{"identifier":"https://a.example","name":"A","scopes":{"read:a":"Read"},"token_lifetime":"5m"}"#;
        let api: Api = serde_json::from_str(document).unwrap();
        assert_eq!(serde_json::from_str::<Api>(&serde_json::to_string(&api).unwrap()).unwrap(), api);
    }
}
