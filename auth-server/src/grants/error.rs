//! Why nothing is granted: the request is refused, or the server cannot do it now.

use crate::audit::NotRecorded;
use crate::protocol::OAuthError;
use crate::store::StoreError;
use crate::tokens::SigningError;

/// A request that ends without a grant.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    #[error("{0}")]
    Refused(#[from] OAuthError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
}

impl GrantError {
    /// What the client gets to see. The cause of anything that is not the client's doing goes to the log.
    #[must_use]
    pub fn public(self) -> OAuthError {
        match self {
            Self::Refused(error) => error,
            Self::Store(error) => for_store(&error),
            // The cause is in the log already.
            Self::NotRecorded(NotRecorded) => OAuthError::temporarily_unavailable(),
            Self::Signing(error) => {
                log::error!("a token could not be signed: {error}");
                OAuthError::server_error()
            }
        }
    }
}

/// 503 where trying again may help, 500 where it cannot.
#[must_use]
pub fn for_store(error: &StoreError) -> OAuthError {
    if error.is_unavailable() {
        log::warn!("{error}");
        OAuthError::temporarily_unavailable()
    } else {
        log::error!("{error}");
        OAuthError::server_error()
    }
}
