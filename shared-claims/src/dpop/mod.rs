//! Proof of possession (DPoP, RFC 9449): who uses a token that is bound to a key shows, request by request, that they hold
//! that key. A token that leaks is then of no use to whoever finds it.
//!
//! [`Proof`] is a proof that has been checked, [`ProofKey`] makes proofs. Pure but for [`SeenProofs`], what one process
//! remembers of the proofs that it has taken.

mod key;
mod proof;
mod seen;
#[cfg(test)]
mod tests;

pub use key::{ProofKey, ProofRequest};
pub use proof::{ACCEPTED_FOR, Demand, InvalidProof, Proof};
pub use seen::SeenProofs;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What a proof may be signed with (RFC 9449 section 5.1): `dpop_signing_alg_values_supported`.
pub const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "EdDSA", "PS256", "RS256"];

/// The header, and the scheme of `Authorization`, in their usual spelling.
pub const DPOP: &str = "DPoP";

/// `ath`: what ties a proof to one access token (RFC 9449 section 4.2).
#[must_use]
pub fn access_token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

/// Whether `text` can be the SHA-256 thumbprint of a key (RFC 7638, in base64url): a `jkt`.
#[must_use]
pub fn is_thumbprint(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}
