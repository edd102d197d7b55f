//! What a client may ask for (its registration), and what of it a user may give (the user's permissions). The same two
//! rules hold at sign-in, at code redemption, at refresh and for machines.

use std::sync::Arc;

use shared_claims::{Scope, ScopeToken};

use crate::protocol::{GrantType, OAuthError};
use crate::registry::{Api, Client, Registry};
use crate::store::User;

/// Scopes that OpenID Connect defines; they belong to no API.
pub const OPENID_CONNECT: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

/// Whether a name is one of OpenID Connect's.
#[must_use]
pub fn is_openid_connect(name: &ScopeToken) -> bool {
    OPENID_CONNECT.contains(&name.as_str())
}

/// The API that a request is about (none where it is about userinfo alone), and the scope that the client may ask for.
#[derive(Clone, Debug)]
pub struct Entitlement {
    pub api: Option<Arc<Api>>,
    pub scope: Scope,
}

/// What of a sign-in request the client is registered for. An unknown API and one that is not the client's get the same
/// answer.
pub fn of_client(
    client: &Client,
    target: Option<&str>,
    asked: &Scope,
    registry: &Registry,
) -> Result<Entitlement, OAuthError> {
    let of_api = asked.filter(|name| !is_openid_connect(name));
    let api = choose_api(client, target, &of_api, registry)?;
    let allowed = api.as_ref().and_then(|api| client.allowed_scope(&api.identifier)).cloned().unwrap_or_default();
    let excess = of_api.difference(&allowed);
    if !excess.is_empty() {
        return Err(OAuthError::invalid_scope(
            "scope_not_allowed",
            format!("this client may not ask for {excess}: it may ask for {allowed}"),
        ));
    }
    if asked.is_empty() {
        return Err(OAuthError::invalid_scope("scope_missing", "name at least one scope, such as openid"));
    }
    let scope = asked.filter(|name| name.as_str() != "offline_access" || allows_offline_access(client, api.as_deref()));
    Ok(Entitlement { api, scope })
}

fn choose_api(
    client: &Client,
    target: Option<&str>,
    of_api: &Scope,
    registry: &Registry,
) -> Result<Option<Arc<Api>>, OAuthError> {
    let known = |identifier: &str| {
        let api = registry.api(identifier).filter(|_| client.allowed_scopes.contains_key(identifier));
        api.cloned().ok_or_else(|| {
            OAuthError::invalid_target("target_not_allowed", "this client may not ask for tokens of the named API")
        })
    };
    if let Some(identifier) = target.or(client.default_audience.as_deref()) {
        return known(identifier).map(Some);
    }
    if of_api.is_empty() {
        return Ok(None);
    }
    let mut owners = client.allowed_scopes.iter().filter(|(_, allowed)| of_api.is_subset(allowed));
    match (owners.next(), owners.next()) {
        (Some((only, _)), None) => known(only).map(Some),
        (None, _) => Err(OAuthError::invalid_scope(
            "scope_not_allowed",
            "this client may not ask for these scopes, or not for all of them at one API",
        )),
        (Some(_), Some(_)) => Err(OAuthError::invalid_target(
            "target_missing",
            "several APIs have the asked scopes: name one in audience or resource",
        )),
    }
}

/// OpenID Connect Core section 11: where offline access is not possible, asking for it is ignored.
pub(super) fn allows_offline_access(client: &Client, api: Option<&Api>) -> bool {
    client.may_use(GrantType::RefreshToken) && api.is_none_or(|api| api.allow_offline_access)
}

/// What is left of a scope for a user: an API that enforces permissions gives no scope that its user lacks.
#[must_use]
pub fn of_user(scope: &Scope, api: Option<&Api>, user: &User) -> Scope {
    let Some(api) = api else { return scope.clone() };
    let permitted = user.permissions.get(&api.identifier).cloned().unwrap_or_default();
    scope.filter(|name| {
        let permitted = !api.enforce_permissions || permitted.contains(name.as_str());
        is_openid_connect(name) || (api.scopes.contains_key(name) && permitted)
    })
}

/// What is left of a scope that was granted earlier, by the client's registration as it is now.
#[must_use]
pub fn still_allowed(scope: &Scope, api: Option<&Api>, client: &Client) -> Scope {
    let allowed = api.and_then(|api| client.allowed_scope(&api.identifier)).cloned().unwrap_or_default();
    scope.filter(|name| match name.as_str() {
        "offline_access" => allows_offline_access(client, api),
        _ => is_openid_connect(name) || allowed.contains(name.as_str()),
    })
}
