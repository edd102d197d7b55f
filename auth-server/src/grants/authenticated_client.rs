//! Client authentication (RFC 6749 section 2.3): the only way to an [`AuthenticatedClient`].

use std::ops::Deref;
use std::sync::Arc;

use secrecy::ExposeSecret as _;

use crate::protocol::{ClientAuthenticationFailure, ClientCredentials};
use crate::registry::{Client, Registry};

/// A client that has proved who it is; a public one has only said so (RFC 6749 section 2.1).
#[derive(Clone, Debug)]
pub struct AuthenticatedClient(Arc<Client>);

impl Deref for AuthenticatedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl AuthenticatedClient {
    /// Checks credentials against the registry. Unknown clients and wrong secrets get the same answer.
    pub fn authenticate(
        credentials: &ClientCredentials,
        registry: &Registry,
    ) -> Result<Self, ClientAuthenticationFailure> {
        let client = registry.client(credentials.client_id()).ok_or_else(|| credentials.refused())?;
        let proved = match (&client.secret_sha256, credentials.secret()) {
            (None, None) => true,
            (Some(hash), Some(secret)) => hash.is_of(secret.expose_secret()),
            // A confidential client without its secret; a public one that sends some secret has mistaken its kind.
            (Some(_), None) | (None, Some(_)) => false,
        };
        if proved { Ok(Self(Arc::clone(client))) } else { Err(credentials.refused()) }
    }
}
