//! Access tokens of this server that come back to it: as subjects, actors, and to be introspected or revoked.

use shared_claims::validator::{AccessTokenVerifier, InvalidExpectation};

/// Checks them without any leeway, since both ends of the comparison are this server's clock.
pub fn verifier_of_own_tokens(issuer: &str) -> Result<AccessTokenVerifier, InvalidExpectation> {
    Ok(AccessTokenVerifier::new(issuer)?.with_leeway(std::time::Duration::ZERO))
}
