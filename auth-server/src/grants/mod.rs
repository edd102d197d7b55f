//! What the token endpoint gives: one file per `grant_type` (RFC 6749 section 4, RFC 8693). A grant takes an
//! [`AuthenticatedClient`], so it cannot be reached without client authentication.

mod abreast;
mod authenticated_client;
pub mod authorization_code;
mod client_credentials;
pub mod entitlement;
mod error;
pub mod introspection;
mod issue;
mod jwt_bearer;
pub mod on_behalf_of;
pub mod proof_of_possession;
mod refresh_document;
mod refresh_token;
mod response;
pub mod revocation;
mod token_exchange;

use abreast::abreast;
pub use authenticated_client::AuthenticatedClient;
pub use error::{GrantError, for_store};
pub use proof_of_possession::ProvenKey;
pub use response::TokenResponse;

use crate::protocol::{ErrorCode, GrantType, OAuthError, Parameters};
use crate::server::AuthServer;

/// Serves one token request. `key`: what the client has proved to hold with it.
pub async fn grant(
    server: &AuthServer,
    client: &AuthenticatedClient,
    parameters: &Parameters,
    key: Option<&ProvenKey>,
) -> Result<TokenResponse, GrantError> {
    let grant_type: GrantType = parameters.required("grant_type")?.parse()?;
    if GrantType::SUPPORTED.contains(&grant_type) && !client.may_use(grant_type) {
        return Err(unauthorized(grant_type).into());
    }
    let _here = server.store.announce();
    abreast().await;
    match grant_type {
        GrantType::AuthorizationCode => authorization_code::grant(server, client, parameters, key).await,
        GrantType::RefreshToken => refresh_token::grant(server, client, parameters, key).await,
        GrantType::ClientCredentials => client_credentials::grant(server, client, parameters, key).await,
        GrantType::TokenExchange => token_exchange::grant(server, client, parameters, key).await,
        GrantType::JwtBearer => jwt_bearer::grant(server, client, parameters, key).await,
        GrantType::DeviceCode => Err(unsupported(grant_type).into()),
    }
}

fn unauthorized(grant_type: GrantType) -> OAuthError {
    OAuthError::new(
        ErrorCode::UnauthorizedClient,
        "grant_type_not_allowed",
        format!("this client may not use the grant type {grant_type}: add it to the client's grant_types"),
    )
}

fn unsupported(grant_type: GrantType) -> OAuthError {
    let supported = GrantType::SUPPORTED.map(GrantType::as_str).join(", ");
    OAuthError::new(
        ErrorCode::UnsupportedGrantType,
        "grant_type_not_supported",
        format!("{grant_type} is not supported: use one of {supported}"),
    )
}
