//! Proving that this client holds its key (RFC 9449): to the auth server, so that the new token is bound to it, and to the API
//! that the token is for.

use std::sync::Arc;

use moka::sync::Cache;
use reqwest::header::{HeaderMap, HeaderValue};
use url::Url;

use super::ExchangeError;
use crate::Clock;
use crate::dpop::{ProofKey, ProofRequest};

/// Nonces are kept for so many servers.
const SERVERS: u64 = 100;

/// The key of one client, and the nonces that servers gave it last.
pub(super) struct Prover {
    key: ProofKey,
    /// By origin (RFC 9449 section 8.2).
    nonces: Cache<String, String>,
    clock: Arc<dyn Clock>,
}

impl Prover {
    pub fn new(key: ProofKey, clock: Arc<dyn Clock>) -> Self {
        Self { key, nonces: Cache::new(SERVERS), clock }
    }

    pub fn jkt(&self) -> &str {
        self.key.jkt()
    }

    /// The `DPoP` header of one request.
    pub fn proof(&self, method: &str, url: &Url, access_token: Option<&str>) -> Result<HeaderValue, ExchangeError> {
        let nonce = self.nonces.get(&origin(url));
        let request = ProofRequest { method, url, access_token, nonce: nonce.as_deref(), now: self.clock.now() };
        let proof = self.key.proof(&request);
        let proof = proof.ok().and_then(|proof| HeaderValue::from_str(&proof).ok());
        proof.ok_or_else(|| ExchangeError::Fault("a proof cannot be made".to_owned()))
    }

    /// Keeps the nonce of an answer for the next proof.
    pub fn learn(&self, url: &Url, headers: &HeaderMap) {
        if let Some(nonce) = headers.get("dpop-nonce").and_then(|nonce| nonce.to_str().ok()) {
            self.nonces.insert(origin(url), nonce.to_owned());
        }
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
