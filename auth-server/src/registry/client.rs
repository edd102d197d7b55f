//! A client: an app that users sign in to, a machine, or the client identity of an API (RFC 6749 section 2).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use shared_claims::Scope;
use shared_claims::claims::MayAct;

use super::SigningAlgorithm;
use crate::protocol::{GrantType, RegisteredRedirectUri};
use crate::store::SecretHash;

/// A client's id. Never in one id space with users: ids that begin like a user's are refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientId(String);

impl ClientId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ClientId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        let well_formed = (1..=100).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !well_formed || id.starts_with("usr_") {
            return Err(format!(
                "client id {id:?} must be 1 to 100 letters, digits, '.', '_' or '-', and not begin with usr_"
            ));
        }
        Ok(Self(id))
    }
}

/// Where a client runs (OpenID Connect Dynamic Client Registration section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApplicationType {
    #[default]
    Web,
    /// An app on a person's machine: the port of a loopback redirect URI is free (RFC 8252 section 7.3).
    Native,
}

/// A client and its policies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ClientDocument")]
#[expect(clippy::struct_excessive_bools, reason = "each is a policy of its own, set by its own key")]
pub struct Client {
    pub id: ClientId,
    /// For people: the consent page shows it.
    pub name: String,
    /// SHA-256 of the secret. `None`: a public client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_sha256: Option<SecretHash>,
    pub application_type: ApplicationType,
    pub grant_types: BTreeSet<GrantType>,
    pub redirect_uris: Vec<RegisteredRedirectUri>,
    pub post_logout_redirect_uris: Vec<RegisteredRedirectUri>,
    /// The API whose client identity this is: what lets it exchange tokens issued for that API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The scopes that it may ask for, by API identifier.
    pub allowed_scopes: BTreeMap<String, Scope>,
    /// The API that is meant where a request names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_audience: Option<String>,
    /// A first-party client: its users are not asked.
    pub skip_consent: bool,
    /// Whether `/authorize` demands PKCE. Always so for public clients (RFC 9700 section 2.1.1).
    pub require_pkce: bool,
    /// `None`: the server's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// Whether the ID token holds the claims of `profile` and its like, as Auth0's does, rather than userinfo alone.
    pub scope_claims_in_id_token: bool,
    /// Whether all its access tokens are bound to a key that it proves (RFC 9449 section 5.2).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
    /// Whether all that the client was given ends when the person signs out, offline access included.
    pub revoke_on_sign_out: bool,
    /// Origins whose pages may call the token endpoint from a browser.
    pub web_origins: BTreeSet<String>,
    /// APIs whose tokens it may introspect, beside those of its own (RFC 7662 section 2.1).
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub introspects: BTreeSet<String>,
    /// The client inside which this one acts: that one may show this one's tokens as `actor_token` (RFC 8693 section 2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_of: Option<String>,
    /// Who alone may act for the subject of tokens issued to this client: their `may_act` (RFC 8693 section 4.4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_act: Option<MayAct>,
}

impl Client {
    /// Whether it has no secret to authenticate with (RFC 6749 section 2.1).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.secret_sha256.is_none()
    }

    #[must_use]
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether it may exchange its callers' tokens, in either dialect.
    #[must_use]
    pub fn acts_for_users(&self) -> bool {
        self.may_use(GrantType::TokenExchange) || self.may_use(GrantType::JwtBearer)
    }

    /// The scopes of `api` that it may ask for.
    #[must_use]
    pub fn allowed_scope(&self, api: &str) -> Option<&Scope> {
        self.allowed_scopes.get(api)
    }
}

/// A client as it is written in a configuration file (with its secret) or a database row (with the secret's hash).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a policy of its own, set by its own key")]
struct ClientDocument {
    id: ClientId,
    name: String,
    #[serde(default)]
    secret: Option<SecretString>,
    #[serde(default)]
    secret_sha256: Option<SecretHash>,
    #[serde(default)]
    application_type: ApplicationType,
    grant_types: BTreeSet<GrantType>,
    #[serde(default)]
    redirect_uris: Vec<RegisteredRedirectUri>,
    #[serde(default)]
    post_logout_redirect_uris: Vec<RegisteredRedirectUri>,
    #[serde(default)]
    api: Option<String>,
    #[serde(default, deserialize_with = "scopes_by_api")]
    allowed_scopes: BTreeMap<String, Scope>,
    #[serde(default)]
    default_audience: Option<String>,
    #[serde(default)]
    skip_consent: bool,
    #[serde(default)]
    require_pkce: Option<bool>,
    #[serde(default)]
    id_token_signed_response_alg: Option<SigningAlgorithm>,
    #[serde(default)]
    scope_claims_in_id_token: bool,
    #[serde(default)]
    dpop_bound_access_tokens: bool,
    #[serde(default)]
    revoke_on_sign_out: bool,
    #[serde(default)]
    web_origins: Option<BTreeSet<String>>,
    #[serde(default)]
    introspects: BTreeSet<String>,
    #[serde(default)]
    agent_of: Option<String>,
    #[serde(default)]
    may_act: Option<MayActDocument>,
}

/// `may_act` as a person writes it: a member that is misspelt would let everybody act.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MayActDocument {
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
}

impl From<MayActDocument> for MayAct {
    fn from(document: MayActDocument) -> Self {
        Self { sub: document.sub, client_id: document.client_id }
    }
}

/// Takes each scope as a list of names (as people write it in TOML) or as one text (as rows hold it).
fn scopes_by_api<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Scope>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a list of scope names")]
    enum Names {
        Listed(Vec<shared_claims::ScopeToken>),
        Text(Scope),
    }
    let by_api = BTreeMap::<String, Names>::deserialize(deserializer)?;
    Ok(by_api
        .into_iter()
        .map(|(api, names)| match names {
            Names::Listed(names) => (api, names.into_iter().collect()),
            Names::Text(scope) => (api, scope),
        })
        .collect())
}

/// Half the bits of the secrets that the server makes itself: what a person chooses must not be guessable (RFC 6819
/// section 5.1.4.2.2), and only a random text of this length is safe under a plain SHA-256.
const SHORTEST_SECRET: usize = 32;

impl ClientDocument {
    fn secret_hash(&self) -> Result<Option<SecretHash>, String> {
        match (&self.secret, &self.secret_sha256) {
            (Some(_), Some(_)) => Err(self.wrong("give secret or secret_sha256, not both")),
            (None, hash) => Ok(*hash),
            (Some(secret), None) => {
                let secret = secret.expose_secret();
                if secret.len() < SHORTEST_SECRET {
                    return Err(
                        self.wrong("the secret must have at least 32 characters: `openssl rand -hex 32` makes one")
                    );
                }
                if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
                    return Err(self.wrong(
                        "the secret may hold letters, digits, '-' and '_' only: clients disagree on how to encode others",
                    ));
                }
                Ok(Some(SecretHash::of(secret)))
            }
        }
    }

    fn wrong(&self, what: &str) -> String {
        format!("client {}: {what}", self.id)
    }

    /// What a client's grant types demand of the rest of it.
    fn check(&self, public: bool) -> Result<(), String> {
        let uses = |grant_type| self.grant_types.contains(&grant_type);
        if let Some(other) = self.grant_types.iter().find(|grant_type| !GrantType::SUPPORTED.contains(grant_type)) {
            let supported = GrantType::SUPPORTED.map(GrantType::as_str).join(", ");
            return Err(self.wrong(&format!("the grant type {other} is not supported: use {supported}")));
        }
        if uses(GrantType::AuthorizationCode) && self.redirect_uris.is_empty() {
            return Err(self.wrong("authorization_code needs at least one entry in redirect_uris"));
        }
        let acts_for_users = uses(GrantType::TokenExchange) || uses(GrantType::JwtBearer);
        if public && (uses(GrantType::ClientCredentials) || acts_for_users) {
            return Err(self.wrong(
                "client_credentials, token exchange and jwt-bearer need a secret: a public client proves nothing",
            ));
        }
        if acts_for_users && self.api.is_none() {
            return Err(self.wrong(
                "token exchange and jwt-bearer need `api`, the identifier of the API whose client identity this is",
            ));
        }
        if self.agent_of.is_some() && !uses(GrantType::ClientCredentials) {
            return Err(self.wrong("agent_of needs client_credentials: an agent shows a token of its own"));
        }
        if public && !self.introspects.is_empty() {
            return Err(self.wrong("introspects needs a secret: a public client proves nothing"));
        }
        if self.may_act.as_ref().is_some_and(|may_act| may_act.sub.is_none() && may_act.client_id.is_none()) {
            return Err(self.wrong("may_act names nobody, so nobody could act: give sub, client_id or both"));
        }
        if public && self.require_pkce == Some(false) {
            return Err(self.wrong("require_pkce = false is not possible for a public client (RFC 9700 section 2.1.1)"));
        }
        Ok(())
    }
}

impl TryFrom<ClientDocument> for Client {
    type Error = String;

    fn try_from(document: ClientDocument) -> Result<Self, String> {
        let secret_sha256 = document.secret_hash()?;
        let public = secret_sha256.is_none();
        document.check(public)?;
        let web_origins = document
            .web_origins
            .unwrap_or_else(|| document.redirect_uris.iter().filter_map(RegisteredRedirectUri::web_origin).collect());
        Ok(Self {
            id: document.id,
            name: document.name,
            secret_sha256,
            application_type: document.application_type,
            grant_types: document.grant_types,
            redirect_uris: document.redirect_uris,
            post_logout_redirect_uris: document.post_logout_redirect_uris,
            api: document.api,
            allowed_scopes: document.allowed_scopes,
            default_audience: document.default_audience,
            skip_consent: document.skip_consent,
            require_pkce: public || document.require_pkce.unwrap_or(false),
            id_token_signed_response_alg: document.id_token_signed_response_alg,
            scope_claims_in_id_token: document.scope_claims_in_id_token,
            dpop_bound_access_tokens: document.dpop_bound_access_tokens,
            revoke_on_sign_out: document.revoke_on_sign_out,
            web_origins,
            introspects: document.introspects,
            agent_of: document.agent_of,
            may_act: document.may_act.map(MayAct::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn read(document: &str) -> Result<Client, String> {
        serde_json::from_str(document).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case::id_like_a_users(r#"{"id":"usr_1","name":"x","grant_types":[]}"#, "not begin with usr_")]
    #[case::short_secret(r#"{"id":"x","name":"x","grant_types":[],"secret":"short"}"#, "at least 32")]
    #[case::secret_to_encode(
        r#"{"id":"x","name":"x","grant_types":[],"secret":"%+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#,
        "letters, digits"
    )]
    #[case::no_redirect_uri(r#"{"id":"x","name":"x","grant_types":["authorization_code"]}"#, "redirect_uris")]
    #[case::public_machine(r#"{"id":"x","name":"x","grant_types":["client_credentials"]}"#, "need a secret")]
    #[case::unknown_grant_type(r#"{"id":"x","name":"x","grant_types":["password"]}"#, "is not known here")]
    #[case::grant_type_to_come(
        r#"{"id":"x","name":"x","grant_types":["urn:ietf:params:oauth:grant-type:device_code"]}"#,
        "is not supported"
    )]
    #[case::unknown_key(r#"{"id":"x","name":"x","grant_types":[],"colour":"red"}"#, "unknown field")]
    #[case::public_without_pkce(r#"{"id":"x","name":"x","grant_types":[],"require_pkce":false}"#, "RFC 9700")]
    fn a_client_that_could_not_work_or_would_be_unsafe_is_refused(#[case] document: &str, #[case] expected: &str) {
        let error = read(document).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn an_api_client_without_its_api_is_refused() {
        let error = read(
            r#"{"id":"x","name":"x","secret":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "grant_types":["urn:ietf:params:oauth:grant-type:token-exchange"]}"#,
        )
        .unwrap_err();
        assert!(error.contains("need `api`"), "{error}");
    }

    #[test]
    fn what_is_kept_of_a_secret_is_its_hash() {
        let secret = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let client = read(&format!(r#"{{"id":"x","name":"x","grant_types":[],"secret":"{secret}"}}"#)).unwrap();
        let row = serde_json::to_string(&client).unwrap();
        assert!(!row.contains(secret) && !format!("{client:?}").contains(secret));
        assert_eq!(read(&row).unwrap(), client);
    }

    #[test]
    fn a_public_client_always_needs_pkce() {
        assert!(read(r#"{"id":"x","name":"x","grant_types":[]}"#).unwrap().require_pkce);
    }
}
