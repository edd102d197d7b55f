//! `/.well-known/openid-configuration` (OpenID Connect Discovery section 4) and `/.well-known/oauth-authorization-server`
//! (RFC 8414 section 3). What is announced here works.

use std::collections::BTreeSet;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use shared_claims::dpop;

use super::explain;
use crate::protocol::{GrantType, ResponseMode};
use crate::server::AuthServer;
use crate::tokens::STATUS_PATH;

/// Both documents: one object serves both, since each ignores what the other adds.
pub async fn metadata(server: web::Data<AuthServer>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header((CONTENT_TYPE, "application/json"))
        .json(Metadata::of(&server))
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the members are those of the specification")]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    end_session_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    status_list_aggregation_endpoint: String,
    /// This server's own: where an exchange is explained, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain_endpoint: Option<String>,
    scopes_supported: BTreeSet<String>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 2],
    grant_types_supported: [&'static str; GrantType::SUPPORTED.len()],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: BTreeSet<&'static str>,
    token_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    code_challenge_methods_supported: [&'static str; 1],
    prompt_values_supported: [&'static str; 4],
    dpop_signing_alg_values_supported: [&'static str; dpop::ALGORITHMS.len()],
    claim_types_supported: [&'static str; 1],
    claims_supported: &'static [&'static str],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    /// Without `none`, so that nobody is led to send an unsigned request object.
    request_object_signing_alg_values_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
}

/// Every claim that an ID token or userinfo can carry.
const CLAIMS: &[&str] = &[
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "sid",
    "at_hash",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "address",
    "phone_number",
    "phone_number_verified",
];

const OPENID_SCOPES: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

impl Metadata {
    fn of(server: &AuthServer) -> Self {
        let endpoint = |path| server.issuer.endpoint(path);
        let registry = server.registry();
        let of_apis = registry.apis().flat_map(|api| api.scopes.keys().map(ToString::to_string).collect::<Vec<_>>());
        let of_clients = registry.clients().map(|client| server.algorithm_for_client(client).name());
        // One middleware takes this list as its allow-list for access tokens, so it names those of APIs too.
        let algorithms = of_clients.chain(registry.apis().map(|api| server.algorithm_for_api(Some(api)).name()));
        Self {
            issuer: server.issuer.to_string(),
            authorization_endpoint: endpoint("/authorize"),
            token_endpoint: endpoint("/oauth/token"),
            userinfo_endpoint: endpoint("/userinfo"),
            jwks_uri: endpoint("/.well-known/jwks.json"),
            end_session_endpoint: endpoint("/oidc/logout"),
            introspection_endpoint: endpoint("/oauth/introspect"),
            revocation_endpoint: endpoint("/oauth/revoke"),
            status_list_aggregation_endpoint: endpoint(STATUS_PATH),
            explain_endpoint: server.explain_endpoint.then(|| endpoint(explain::PATH)),
            scopes_supported: OPENID_SCOPES.map(str::to_owned).into_iter().chain(of_apis).collect(),
            response_types_supported: ["code"],
            response_modes_supported: ResponseMode::ALL.map(ResponseMode::as_str),
            grant_types_supported: GrantType::SUPPORTED.map(GrantType::as_str),
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: algorithms.chain([server.signing_alg.name()]).collect(),
            token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
            introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
            revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
            code_challenge_methods_supported: ["S256"],
            prompt_values_supported: ["none", "login", "consent", "select_account"],
            dpop_signing_alg_values_supported: dpop::ALGORITHMS,
            claim_types_supported: ["normal"],
            claims_supported: CLAIMS,
            claims_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            request_object_signing_alg_values_supported: ["RS256"],
            authorization_response_iss_parameter_supported: true,
        }
    }
}
