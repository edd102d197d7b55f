//! `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523) with `requested_token_use=on_behalf_of`: on behalf of
//! a user, in the dialect of Microsoft's libraries. The same decision as a token exchange.

use super::{AuthenticatedClient, GrantError, ProvenKey, TokenResponse, on_behalf_of};
use crate::protocol::{Parameters, jwt_bearer};
use crate::server::AuthServer;

pub(super) async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, GrantError> {
    on_behalf_of::grant(server, client, &jwt_bearer::read(parameters)?, key).await
}
