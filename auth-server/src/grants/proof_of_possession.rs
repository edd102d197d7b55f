//! Which key a client has proved to hold with a request (RFC 9449 section 5), and what its tokens are bound to because of it.

use shared_claims::claims::Confirmation;
use shared_claims::dpop::{Demand, InvalidProof, Proof};
use url::Url;

use super::GrantError;
use crate::protocol::{ErrorCode, OAuthError};
use crate::registry::{Api, Client};
use crate::server::AuthServer;
use crate::store::SecretHash;
use crate::tokens::dpop_nonce;

/// A key that the sender of a request has proved to hold: by a proof for that request, with a nonce of this server where it
/// demands one, and shown for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenKey(String);

impl ProvenKey {
    /// Checks the value of a `DPoP` header. `path`: of the endpoint, below the issuer.
    pub async fn prove(
        server: &AuthServer,
        proof: &str,
        method: &str,
        path: &str,
        access_token: Option<&str>,
    ) -> Result<Self, GrantError> {
        let now = server.now();
        let address = Url::parse(&server.issuer.endpoint(path)).map_err(|error| {
            log::error!("the own endpoint {path} has no address: {error}");
            OAuthError::server_error()
        })?;
        let demand = Demand { method, addresses: &[address], access_token, now };
        let proof = Proof::check(proof, &demand).map_err(refused)?;
        if server.require_dpop_nonce && !nonce_is_ours(server, &proof) {
            let description = "send the nonce of this answer's DPoP-Nonce in the proof";
            return Err(OAuthError::new(ErrorCode::UseDpopNonce, "proof_without_nonce", description).into());
        }
        let name = SecretHash::of(&format!("{}.{}", proof.jkt, proof.jti));
        if server.store.take_proof(name, proof.expires_at).await? {
            Ok(Self(proof.jkt))
        } else {
            Err(refused(InvalidProof::Replayed).into())
        }
    }

    /// Its thumbprint (RFC 7638).
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.0
    }
}

fn nonce_is_ours(server: &AuthServer, proof: &Proof) -> bool {
    proof.nonce.as_ref().is_some_and(|nonce| dpop_nonce::is_fresh(&server.master_key, nonce, server.now()))
}

fn refused(invalid: InvalidProof) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidDpopProof, invalid.reason(), invalid.to_string())
}

/// What an access token is bound to that is not from an exchange (that decides by its own rule, which demands the same).
pub(super) fn binding(
    client: &Client,
    api: Option<&Api>,
    key: Option<&ProvenKey>,
) -> Result<Option<Confirmation>, OAuthError> {
    let demanded = client.dpop_bound_access_tokens || api.is_some_and(|api| api.dpop_bound_access_tokens_required);
    match key {
        Some(key) => Ok(Some(Confirmation { jkt: Some(key.jkt().to_owned()), x5t_s256: None })),
        None if demanded => Err(proof_missing("this client or the API takes only tokens that are bound to a key")),
        None => Ok(None),
    }
}

/// What was given to the holder of a key is taken up by that holder alone: a code that was asked for with `dpop_jkt` (RFC 9449
/// section 10), a refresh token of a public client (section 5).
pub(super) fn is_held(jkt: Option<&str>, key: Option<&ProvenKey>) -> Result<(), OAuthError> {
    match (jkt, key) {
        (None, _) => Ok(()),
        (Some(jkt), Some(key)) if jkt == key.jkt() => Ok(()),
        (Some(_), Some(_)) => Err(OAuthError::new(
            ErrorCode::InvalidDpopProof,
            "proof_of_another_key",
            "the proof is of another key than the one that this was given to",
        )),
        (Some(_), None) => Err(proof_missing("this was given to the holder of a key")),
    }
}

fn proof_missing(why: &str) -> OAuthError {
    let description = format!("{why}: prove it in the header DPoP");
    OAuthError::new(ErrorCode::InvalidDpopProof, "proof_missing", description)
}
