//! What may be asked of the server, by name.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Scenario {
    /// Token exchange (RFC 8693) of API A for API B. The process that issued the subject tokens is gone, so that the server
    /// has nothing to know them by but their signature.
    Exchange,
    /// The same with subject tokens that this very process issued not long ago.
    Recognised,
    /// The first exchange of each grant, whose user has just signed in. Their signatures are verified too.
    FirstExchange,
    /// From `/authorize` over the form to a code, three requests and a new session, by a password whose hash takes next to nothing.
    SignIn,
    /// From `/authorize` to a code, in a browser in which somebody has signed in.
    SignedIn,
    Redemption,
    Refresh,
    ClientCredentials,
    Introspection,
    /// The key set, as APIs fetch it.
    Jwks,
}

impl Scenario {
    /// Whether each request can be made only once, so that each load needs its own.
    #[must_use]
    pub fn is_single_use(self) -> bool {
        matches!(self, Self::FirstExchange | Self::Redemption)
    }

    /// Whether its CPU time is compared with that of exchanges right before and after: an exchange itself is not, nor what stands on
    /// tokens that the server made lately, which those of exchanges would push out.
    pub(super) fn is_compared(self) -> bool {
        !matches!(self, Self::Exchange | Self::Recognised | Self::Introspection)
    }

    /// By how many connections it is asked for at once, of `all` numbers of them: what takes long to make ready is measured at full
    /// load alone.
    pub(super) fn connections(self, all: &[usize]) -> &[usize] {
        if self == Self::FirstExchange { &all[all.len().saturating_sub(1)..] } else { all }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Recognised => "exchange, recognised",
            Self::FirstExchange => "exchange, the first",
            Self::SignIn => "sign-in by the form",
            Self::SignedIn => "sign-in, signed in",
            Self::Redemption => "code redemption",
            Self::Refresh => "refresh",
            Self::ClientCredentials => "client credentials",
            Self::Introspection => "introspection",
            Self::Jwks => "JWKS",
        }
    }
}
