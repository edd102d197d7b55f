//! An access token: as a request carries it, and validated, with its claims and the text that it came as.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;

use crate::{AccessTokenClaims, Scope};

/// A token as a request carries it. Nothing of it is checked yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentedToken<'a> {
    pub token: &'a str,
    /// The proof that came with it (RFC 9449). None: it came as a bearer token.
    pub proof: Option<&'a str>,
}

/// An access token whose signature, issuer, audience and times have been checked. Only validation makes one.
///
/// The text is kept for one purpose: to be exchanged for a token of another API. It must never be forwarded.
#[derive(Clone)]
pub struct AccessToken {
    pub claims: Arc<AccessTokenClaims>,
    text: SecretString,
}

impl AccessToken {
    pub(crate) fn validated(claims: impl Into<Arc<AccessTokenClaims>>, text: &str) -> Self {
        Self { claims: claims.into(), text: text.into() }
    }

    /// The token as it came, for the exchange.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.expose_secret()
    }

    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.claims.scope
    }

    /// When it ends.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.claims.exp
    }
}

impl std::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}
