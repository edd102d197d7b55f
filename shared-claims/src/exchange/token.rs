//! The token that an exchange gives (RFC 8693 section 2.2.1).

use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;

use crate::Scope;

/// A token for another API, on behalf of the same user. It tells nothing of itself in debug output.
#[derive(Clone)]
pub struct ExchangedToken {
    pub(super) text: SecretString,
    /// Whether it is bound to the own key.
    pub(super) bound: bool,
    pub scope: Scope,
    pub expires_at: OffsetDateTime,
}

impl ExchangedToken {
    /// What goes behind `Authorization: Bearer`; behind `Authorization: DPoP`, with a proof, where it is bound.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.expose_secret()
    }

    /// Whether it takes a proof to use it (RFC 9449). A [`Call`](super::Call) sends one.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.bound
    }
}

impl std::fmt::Debug for ExchangedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangedToken")
            .field("scope", &self.scope.to_string())
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
