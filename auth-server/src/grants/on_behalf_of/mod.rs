//! Step 4 of the flow: an API shows the token that it was called with and gets one for the API that it wants to call on
//! behalf of the same user. Both dialects (RFC 8693, and RFC 7523 as Microsoft's libraries write it) end here.
//!
//! The facts are gathered (`gathering`), the rules decide ([`crate::exchange`]), and the decision is made good (`tokens`).

pub mod explaining;
pub mod gathering;
mod renewal;
mod tokens;

use time::OffsetDateTime;

use super::issue::context_of;
use super::{AuthenticatedClient, GrantError, ProvenKey, TokenResponse};
use crate::audit::{Event, Use};
use crate::exchange::{self, Asked, Granted, OFFLINE_ACCESS, Refusal};
use crate::protocol::{Dialect, ExchangeRequest, GrantType};
use crate::server::AuthServer;
use crate::store::{StoreError, UserId};
use gathering::{Gathered, Look, Where};
pub(super) use renewal::{Renewal, renew};

pub(super) async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    request: &ExchangeRequest<'_>,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, GrantError> {
    if !may_get_refresh_token(client, request)
        && let Some(response) = attempt(server, client, request, key, Look::Memory).await?
    {
        return Ok(response);
    }
    // Apart from the way that all take, which would carry it along.
    let again = Box::pin(attempt(server, client, request, key, Look::Anew));
    let never = || StoreError::Bug("what was looked up anew was taken for remembered".into());
    Ok(again.await?.ok_or_else(never)?)
}

/// A refresh token is stored before the ledger's row tells whether all is still so.
fn may_get_refresh_token(client: &AuthenticatedClient, request: &ExchangeRequest<'_>) -> bool {
    let asked = request.scope.as_ref().is_some_and(|scope| scope.contains(OFFLINE_ACCESS));
    asked && client.may_use(GrantType::RefreshToken)
}

/// `None`: what was remembered is or may be wrong, and nothing was done. What was looked up anew never gives that.
async fn attempt(
    server: &AuthServer,
    client: &AuthenticatedClient,
    request: &ExchangeRequest<'_>,
    key: Option<&ProvenKey>,
    look: Look,
) -> Result<Option<TokenResponse>, GrantError> {
    let now = server.now();
    let (registry, keys) = (server.registry(), server.keys());
    let place = Where::of(server, &keys, &registry, now);
    let gathered = Gathered::from_request(&place, client, request, look).await?;
    let asked = Asked::from(request);
    let asker_key = key.map(ProvenKey::jkt);
    let decision = exchange::decide(&gathered.facts(&place, client, &asked, asker_key, server.exchange_limits));
    match decision {
        Ok(granted) => make_good(server, client, request, &Decided { gathered, asked, granted, now }).await,
        Err(_) if gathered.found.is_remembered => {
            gathered.grant().inspect(|grant| server.store.forget_standing(&grant.id));
            Ok(None)
        }
        Err(refusal) => Err(refusal.into_error(request.dialect).into()),
    }
}

/// An exchange that is granted.
struct Decided {
    gathered: Gathered,
    asked: Asked,
    granted: Granted,
    now: OffsetDateTime,
}

async fn make_good(
    server: &AuthServer,
    client: &AuthenticatedClient,
    request: &ExchangeRequest<'_>,
    decided: &Decided,
) -> Result<Option<TokenResponse>, GrantError> {
    let Decided { gathered, asked, granted, now } = decided;
    let Gathered { subject, found, .. } = gathered;
    let grant = gathered.grant().ok_or_else(|| Refusal::SubjectTokenRevoked.into_error(request.dialect))?;
    let context = context_of(grant);
    let access_token = tokens::access_token(server, client, &context, granted, *now).await?;
    let id_token = tokens::id_token(server, client, &context, granted, &access_token, *now)?;
    let refresh_token = if granted.refresh_token {
        let origin = renewal::origin(client, gathered, request.dialect);
        Some(tokens::refresh_token(server, client, grant, origin, granted, &access_token, *now).await?)
    } else {
        None
    };
    let actors: Vec<&str> = granted.actor.history().map(|actor| actor.sub.as_str()).collect();
    let asked_scope = asked.scope.as_ref().map(ToString::to_string);
    let (actors, scope) = (actors.join(" "), granted.scope.to_string());
    let issued = Event::Issued {
        grant_type: request.dialect.grant_type().as_str(),
        grant: &context.txn,
        jti: access_token.jti(),
        parent_jti: Some(&subject.jti),
        user: gathered.user_id().map(UserId::as_str),
        client: client.id.as_str(),
        source: client.api.as_deref(),
        target: Some(&granted.target.identifier),
        actors: Some(&actors),
        asked: asked_scope.as_deref(),
        scope: &scope,
    };
    // Whoever shows a token here has used it: the refresh token that it came with was not lost on its way.
    let first_of = found.is_first_use.then_some(subject.jti.as_str());
    let stands_on = found.is_to_be_checked.then_some(&found.standing);
    if !server.ledger.record_use(&issued, Use { first_of, stands_on }).await? {
        return Ok(None);
    }
    server.own_tokens.note_use(&subject.jti);
    let response = TokenResponse::new(access_token, &response_scope(request, granted))
        .with_refresh_token(refresh_token.as_ref())
        .with_id_token(id_token);
    Ok(Some(match request.dialect {
        Dialect::TokenExchange => response.with_issued_token_type(request.requested_token_type.as_str()),
        Dialect::JwtBearer => response,
    }))
}

/// The `scope` of the response (RFC 8693 section 2.2.1): what the token allows, and what came beside it.
fn response_scope(request: &ExchangeRequest<'_>, granted: &Granted) -> shared_claims::Scope {
    let spelt = match &request.spelling {
        Some(spelling) => spelling.of(&granted.scope, &granted.target.identifier),
        None => granted.scope.clone(),
    };
    spelt.union(&granted.scope_beside())
}
