//! `grant_type=urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): on behalf of a user, in the standard's dialect.
//! The rules are in [`crate::exchange`].

use super::{AuthenticatedClient, GrantError, ProvenKey, TokenResponse, on_behalf_of};
use crate::protocol::{ExchangeRequest, Parameters};
use crate::server::AuthServer;

pub(super) async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, GrantError> {
    on_behalf_of::grant(server, client, &ExchangeRequest::read(parameters)?, key).await
}
