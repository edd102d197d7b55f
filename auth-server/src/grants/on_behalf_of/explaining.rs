//! Why a request would be granted or refused: the same reading, verification and decision as for a token, up to the moment in
//! which it would be issued. Nothing is signed, stored or put on record.

use super::gathering::{Gathered, Look, Where};
use crate::exchange::{self, Asked, Explanation, Limits, Report};
use crate::grants::{AuthenticatedClient, GrantError, ProvenKey, unauthorized};
use crate::protocol::{Dialect, ErrorCode, ExchangeRequest, GrantType, OAuthError, Parameters, jwt_bearer};
use crate::registry::Client;
use crate::server::AuthServer;

/// The request, in its dialect.
pub fn read(dialect: Dialect, parameters: &Parameters) -> Result<ExchangeRequest<'_>, OAuthError> {
    match dialect {
        Dialect::TokenExchange => ExchangeRequest::read(parameters),
        Dialect::JwtBearer => jwt_bearer::read(parameters),
    }
}

/// What each rule says; an error where request or tokens are such that no rule can be judged.
pub async fn explain(
    place: &Where<'_>,
    client: &Client,
    request: Result<ExchangeRequest<'_>, OAuthError>,
    asker_key: Option<&str>,
    limits: Limits,
) -> Result<Result<Explanation, OAuthError>, GrantError> {
    let request = match request {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    match Gathered::from_request(place, client, &request, Look::Anew).await {
        Ok(gathered) => {
            let asked = Asked::from(&request);
            Ok(Ok(exchange::explain(&gathered.facts(place, client, &asked, asker_key, limits))))
        }
        Err(GrantError::Refused(error)) => Ok(Err(error)),
        Err(other) => Err(other),
    }
}

/// The answer to an API that asks about a request of its own.
pub async fn for_the_asker(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    key: Option<&ProvenKey>,
) -> Result<Report, GrantError> {
    let dialect = dialect_of(client, parameters)?;
    let (registry, keys) = (server.registry(), server.keys());
    let place = Where::of(server, &keys, &registry, server.now());
    let request = read(dialect, parameters);
    let outcome = explain(&place, client, request, key.map(ProvenKey::jkt), server.exchange_limits).await?;
    Ok(Report::of(&outcome.map(Explanation::for_the_asker), dialect))
}

fn dialect_of(client: &Client, parameters: &Parameters) -> Result<Dialect, OAuthError> {
    let grant_type: GrantType = parameters.required("grant_type")?.parse()?;
    let dialect = match grant_type {
        GrantType::TokenExchange => Dialect::TokenExchange,
        GrantType::JwtBearer => Dialect::JwtBearer,
        other => {
            let description = format!("{other} is no exchange: only exchanges are explained");
            return Err(OAuthError::new(ErrorCode::UnsupportedGrantType, "grant_type_not_explained", description));
        }
    };
    if client.may_use(grant_type) { Ok(dialect) } else { Err(unauthorized(grant_type)) }
}
