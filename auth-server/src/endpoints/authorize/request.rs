//! Understanding an authorization request: an ordered list of steps, each with the section that demands it. Its order
//! decides where an error goes: until client and redirect URI are known to be right, to the person; then to the app.

use std::sync::Arc;

use shared_claims::Scope;

use crate::grants::entitlement::{self, Entitlement};
use crate::protocol::{
    Addressee, AuthorizationRequest, ErrorCode, GrantType, OAuthError, Parameters, RedirectUri, ReplyTo,
};
use crate::registry::{Api, ApplicationType, Client, Registry};

/// A request that a person may now sign in for.
#[derive(Clone, Debug)]
pub struct Understood {
    pub client: Arc<Client>,
    pub reply_to: ReplyTo,
    pub request: AuthorizationRequest,
    pub api: Option<Arc<Api>>,
    /// What the client may ask for; what the user may give is for later.
    pub scope: Scope,
}

/// Why a request goes no further, and who gets to know.
#[derive(Clone, Debug)]
pub enum Misunderstood {
    /// The person, on a page: nobody is redirected to a place that is not proved to be the client's.
    ByPerson(OAuthError),
    /// The app, by redirect.
    ByApp(Box<ReplyTo>, OAuthError),
}

/// Reads a request and checks it against the registry.
pub fn understand(parameters: &Parameters, registry: &Registry) -> Result<Understood, Misunderstood> {
    let (client, redirect_uri) = check_addressee(parameters, registry).map_err(Misunderstood::ByPerson)?;
    let reply_to = ReplyTo::read(parameters, redirect_uri);
    let to_app = |error| Misunderstood::ByApp(Box::new(reply_to.clone()), error);

    check_grant_type(&client).map_err(to_app)?;
    let request = AuthorizationRequest::read(parameters).map_err(to_app)?;
    check_pkce(&client, &request).map_err(to_app)?;
    let Entitlement { api, scope } = check_scope_and_target(&client, &request, registry).map_err(to_app)?;
    Ok(Understood { client, reply_to, request, api, scope })
}

/// RFC 6749 section 4.1.2.1: without a known client and one of its own redirect URIs, there is nobody to redirect to.
fn check_addressee(parameters: &Parameters, registry: &Registry) -> Result<(Arc<Client>, RedirectUri), OAuthError> {
    let addressee = Addressee::read(parameters)?;
    let client = registry.client(&addressee.client_id).ok_or_else(|| {
        OAuthError::invalid_request("client_unknown", "there is no client of this client_id: has it been registered?")
    })?;
    let native = client.application_type == ApplicationType::Native;
    let asked = addressee.redirect_uri.as_deref();
    let redirect_uri = RedirectUri::match_registered(asked, &client.redirect_uris, native)?;
    Ok((Arc::clone(client), redirect_uri))
}

/// RFC 6749 section 4.1.2.1, `unauthorized_client`.
fn check_grant_type(client: &Client) -> Result<(), OAuthError> {
    if client.may_use(GrantType::AuthorizationCode) {
        return Ok(());
    }
    Err(OAuthError::new(
        ErrorCode::UnauthorizedClient,
        "grant_type_not_allowed",
        "this client may not use the authorization code flow: add authorization_code to its grant_types",
    ))
}

/// RFC 9700 section 2.1.1: public clients must, others may.
fn check_pkce(client: &Client, request: &AuthorizationRequest) -> Result<(), OAuthError> {
    if client.require_pkce && request.code_challenge.is_none() {
        return Err(OAuthError::invalid_request(
            "pkce_required",
            "this client must send a code_challenge with code_challenge_method=S256 (RFC 7636)",
        ));
    }
    Ok(())
}

/// RFC 6749 section 3.3, RFC 8707 section 2.1.
fn check_scope_and_target(
    client: &Client,
    request: &AuthorizationRequest,
    registry: &Registry,
) -> Result<Entitlement, OAuthError> {
    let target = request.target.as_ref().map(crate::protocol::Target::as_str);
    entitlement::of_client(client, target, &request.scope, registry)
}
