//! Token Status List (draft-ietf-oauth-status-list): a signed list of bits, one for each grant, that ends every token of a
//! chain at every API with one bit.
//!
//! [`StatusBits`] and [`StatusListToken`] are pure; [`StatusLists`] fetches and keeps.

mod bits;
mod keeper;
mod token;

pub use bits::StatusBits;
pub use keeper::{StalePolicy, StatusLists, StatusRefusal, WhenStale};
pub use token::{List, MEDIA_TYPE, StatusListClaims, StatusListToken, TOKEN_TYPE};

/// A status list that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStatusList {
    #[error("it is no status list token of this issuer: {0}")]
    Token(#[from] crate::validator::InvalidToken),
    #[error("its list cannot be read")]
    Malformed,
    #[error("its list is larger than this service takes")]
    TooLarge,
    #[error("it has {0} bits for each token, and this service reads one")]
    Bits(u8),
    #[error("it is the list of another address")]
    OfAnotherAddress,
    #[error("it has expired")]
    Expired,
    #[error("it was issued in the future")]
    FromTheFuture,
}

#[cfg(test)]
mod tests;
