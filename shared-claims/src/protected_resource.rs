//! What an API says of itself: where its tokens come from and which scopes it knows (RFC 9728).

#[cfg(feature = "actix")]
mod route;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::Scope;
use crate::dpop::ALGORITHMS;

/// Where the document is, below the API's origin (RFC 9728 section 3).
pub const WELL_KNOWN_PATH: &str = "/.well-known/oauth-protected-resource";

/// Protected resource metadata (RFC 9728 section 2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtectedResourceMetadata {
    /// The API's identifier: what a token's `aud` names, and what a client asks for as `resource` or `audience`.
    pub resource: String,
    pub authorization_servers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// Only `header`: a token in a query or a form ends up in logs (RFC 9700 section 4.3.2).
    pub bearer_methods_supported: Vec<String>,
    /// What a proof may be signed with (RFC 9449); empty where the API does not know its own address, and so can take none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Whether only tokens are taken that are bound to a key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens_required: bool,
}

impl ProtectedResourceMetadata {
    #[must_use]
    pub(crate) fn new(identifier: &str, issuer: &str, scopes: &Scope) -> Self {
        Self {
            resource: identifier.to_owned(),
            authorization_servers: vec![issuer.to_owned()],
            scopes_supported: scopes.iter().map(ToString::to_string).collect(),
            bearer_methods_supported: vec!["header".to_owned()],
            dpop_signing_alg_values_supported: Vec::new(),
            dpop_bound_access_tokens_required: false,
        }
    }

    /// An API that checks proofs, and takes no token without one where `required`.
    #[must_use]
    pub(crate) fn with_proofs(mut self, required: bool) -> Self {
        self.dpop_signing_alg_values_supported = ALGORITHMS.map(str::to_owned).to_vec();
        self.dpop_bound_access_tokens_required = required;
        self
    }
}

/// The document's address for an API at `public_url`. The well-known part goes between the host and the path
/// (RFC 9728 section 3.1).
pub(crate) fn address(public_url: &Url) -> Url {
    let path = public_url.path().trim_end_matches('/');
    let mut address = public_url.clone();
    address.set_path(&format!("{WELL_KNOWN_PATH}{path}"));
    address.set_query(None);
    address.set_fragment(None);
    address
}

#[cfg(feature = "actix")]
pub use route::route;

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("http://localhost:9001", "http://localhost:9001/.well-known/oauth-protected-resource")]
    #[case("https://x.example/", "https://x.example/.well-known/oauth-protected-resource")]
    #[case("https://x.example/reports/", "https://x.example/.well-known/oauth-protected-resource/reports")]
    fn the_well_known_part_goes_between_host_and_path(#[case] public_url: &str, #[case] expected: &str) {
        assert_eq!(address(&public_url.parse().unwrap()).as_str(), expected);
    }

    #[test]
    fn the_document_names_the_api_its_issuer_and_its_scopes() {
        let document =
            ProtectedResourceMetadata::new("https://api-b.example", "http://localhost:9000", &"b a".parse().unwrap());
        let expected = r#"{"resource":"https://api-b.example","authorization_servers":["http://localhost:9000"],"scopes_supported":["a","b"],"bearer_methods_supported":["header"]}"#;
        assert_eq!(serde_json::to_string(&document).unwrap(), expected);
    }
}
