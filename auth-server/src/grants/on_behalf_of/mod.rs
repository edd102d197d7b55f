//! Step 4 of the flow: an API shows the token that it was called with and gets one for the API that it wants to call on
//! behalf of the same user. Both dialects (RFC 8693, and RFC 7523 as Microsoft's libraries write it) end here.
//!
//! The facts are gathered (`gathering`), the rules decide ([`crate::exchange`]), and the decision is made good (`tokens`).

pub mod explaining;
pub mod gathering;
mod renewal;
mod tokens;

use super::issue::context_of;
use super::{AuthenticatedClient, GrantError, ProvenKey, TokenResponse};
use crate::audit::Event;
use crate::exchange::{self, Asked, Granted, Refusal};
use crate::protocol::{Dialect, ExchangeRequest};
use crate::server::AuthServer;
use crate::store::UserId;
use gathering::{Gathered, Where};
pub(super) use renewal::{Renewal, renew};

pub(super) async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    request: &ExchangeRequest,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, GrantError> {
    let now = server.now();
    let (registry, keys) = (server.registry(), server.keys());
    let place = Where::of(server, &keys, &registry, now);
    let gathered = Gathered::from_request(&place, client, request).await?;
    let asked = Asked::from(request);
    let asker_key = key.map(ProvenKey::jkt);
    let granted = exchange::decide(&gathered.facts(&place, client, &asked, asker_key, server.exchange_limits))
        .map_err(|refusal| refusal.into_error(request.dialect))?;

    // From here on the request is granted.
    let Gathered { subject, .. } = &gathered;
    let grant = gathered.grant.as_ref().ok_or_else(|| Refusal::SubjectTokenRevoked.into_error(request.dialect))?;
    let context = context_of(grant);
    let access_token = tokens::access_token(server, client, &context, &granted, now)?;
    let id_token = tokens::id_token(server, client, &context, &granted, &access_token, now)?;
    let origin = renewal::origin(client, &gathered, request.dialect);
    let refresh_token = tokens::refresh_token(server, client, grant, origin, &granted, &access_token, now).await?;
    let actors: Vec<&str> = granted.actor.history().map(|actor| actor.sub.as_str()).collect();
    let asked_scope = asked.scope.as_ref().map(ToString::to_string);
    let (actors, scope) = (actors.join(" "), granted.scope.to_string());
    let issued = Event::Issued {
        grant_type: request.dialect.grant_type().as_str(),
        grant: &context.txn,
        jti: access_token.jti(),
        parent_jti: Some(&subject.jti),
        user: gathered.user_id.as_ref().map(UserId::as_str),
        client: client.id.as_str(),
        source: client.api.as_deref(),
        target: Some(&granted.target.identifier),
        actors: Some(&actors),
        asked: asked_scope.as_deref(),
        scope: &scope,
    };
    // Whoever shows a token here has used it: the refresh token that it came with was not lost on its way.
    let used = gathered.is_first_use.then_some(subject.jti.as_str());
    server.ledger.record_use(&issued, used).await?;
    server.own_tokens.note_use(&subject.jti);
    let response = TokenResponse::new(access_token, &response_scope(request, &granted))
        .with_refresh_token(refresh_token.as_ref())
        .with_id_token(id_token);
    Ok(match request.dialect {
        Dialect::TokenExchange => response.with_issued_token_type(request.requested_token_type.as_str()),
        Dialect::JwtBearer => response,
    })
}

/// The `scope` of the response (RFC 8693 section 2.2.1): what the token allows, and what came beside it.
fn response_scope(request: &ExchangeRequest, granted: &Granted) -> shared_claims::Scope {
    let spelt = match &request.spelling {
        Some(spelling) => spelling.of(&granted.scope, &granted.target.identifier),
        None => granted.scope.clone(),
    };
    spelt.union(&granted.scope_beside())
}
