//! One public key, and the one algorithm that it verifies with (RFC 8725 section 3.1): parsed once, and kept so.
//!
//! jsonwebtoken reads the key's JWK, and would parse it anew at every signature (docs/decisions/0005).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};

/// A key and the one algorithm that it verifies.
#[derive(Clone, Debug)]
pub struct VerificationKey {
    algorithm: Algorithm,
    decoding_key: DecodingKey,
    public_key: ParsedPublicKey,
}

impl VerificationKey {
    /// `None`: it is not a key of that algorithm.
    pub(super) fn of(algorithm: Algorithm, jwk: &Jwk) -> Option<Self> {
        let decoding_key = DecodingKey::from_jwk(jwk).ok()?;
        let public_key = parsed(algorithm, decoding_key.kind())?;
        Some(Self { algorithm, decoding_key, public_key })
    }

    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The same key, for who reads tokens by jsonwebtoken.
    #[must_use]
    pub fn decoding_key(&self) -> &DecodingKey {
        &self.decoding_key
    }

    /// Whether `signature` is one of `message` by this key.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public_key.verify_sig(message, signature).is_ok()
    }
}

fn parsed(algorithm: Algorithm, key: &DecodingKeyKind) -> Option<ParsedPublicKey> {
    match (how(algorithm)?, key) {
        (How::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
            RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).ok()
        }
        (How::Curve(verification), DecodingKeyKind::SecretOrDer(point)) => {
            ParsedPublicKey::new(verification, point).ok()
        }
        _ => None,
    }
}

enum How {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

/// RSA keys have 2048 bits at least (RFC 7518 section 3.3); a signature by a smaller one holds for nothing.
fn how(algorithm: Algorithm) -> Option<How> {
    Some(match algorithm {
        Algorithm::RS256 => How::Rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => How::Rsa(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => How::Rsa(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => How::Rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => How::Rsa(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => How::Rsa(&RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => How::Curve(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => How::Curve(&ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => How::Curve(&ED25519),
        _ => return None,
    })
}
