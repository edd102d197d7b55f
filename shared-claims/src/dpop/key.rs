//! Making proofs (RFC 9449 section 4.2): a key of one's own, which never leaves the process.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::Url;

use super::access_token_hash;

/// The request that a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct ProofRequest<'a> {
    pub method: &'a str,
    pub url: &'a Url,
    /// The access token that it carries, if it does.
    pub access_token: Option<&'a str>,
    /// The one that the server gave last, where it gives any (RFC 9449 section 8).
    pub nonce: Option<&'a str>,
    pub now: OffsetDateTime,
}

/// A key for proofs, of P-256. Tokens that are bound to it are of use in this process alone, and die with it.
pub struct ProofKey {
    pair: EcdsaKeyPair,
    /// The first part of every proof.
    header: String,
    jkt: String,
}

impl ProofKey {
    pub fn generate() -> Result<Self, Unspecified> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        // An uncompressed point: 4, x, y (SEC 1 section 2.3.3).
        let (x, y) = pair.public_key().as_ref().get(1..65).ok_or(Unspecified)?.split_at(32);
        let jwk = json!({ "crv": "P-256", "kty": "EC", "x": encode(x), "y": encode(y) });
        // RFC 7638 section 3: these members, in this order, without white space.
        let jkt = encode(digest(&SHA256, jwk.to_string().as_bytes()));
        let header = encode(json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk }).to_string());
        Ok(Self { pair, header, jkt })
    }

    /// The thumbprint of the public key (RFC 7638, SHA-256), by which tokens are bound to it.
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.jkt
    }

    /// A proof for one request.
    pub fn proof(&self, request: &ProofRequest<'_>) -> Result<String, Unspecified> {
        let mut jti = [0; 16];
        fill(&mut jti)?;
        let mut htu = request.url.clone();
        htu.set_query(None);
        htu.set_fragment(None);
        let mut claims = json!({
            "jti": encode(jti), "htm": request.method, "htu": htu.as_str(), "iat": request.now.unix_timestamp(),
        });
        if let Some(token) = request.access_token {
            claims["ath"] = access_token_hash(token).into();
        }
        if let Some(nonce) = request.nonce {
            claims["nonce"] = nonce.into();
        }
        self.sign(&claims)
    }

    fn sign(&self, claims: &Value) -> Result<String, Unspecified> {
        let message = format!("{}.{}", self.header, encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes())?;
        Ok(format!("{message}.{}", encode(signature)))
    }
}

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProofKey").field("jkt", &self.jkt).finish_non_exhaustive()
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
impl ProofKey {
    /// Signs whatever a test wants signed.
    pub(crate) fn sign_claims(&self, claims: &Value) -> String {
        self.sign(claims).unwrap()
    }

    pub(crate) fn header(&self) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&self.header).unwrap()).unwrap()
    }

    pub(crate) fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encode(signature))
    }
}
