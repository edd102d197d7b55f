//! The key that seals signing keys at rest (AES-256-GCM) and from which the server's other symmetric keys derive (HKDF,
//! RFC 5869). It comes from a file or the environment and is never stored.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// 256 bits that seal the signing keys.
pub struct MasterKey {
    sealing: RandomizedNonceKey,
    forms: hmac::Key,
    nonces: hmac::Key,
    configured_passwords: hmac::Key,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Sealing or unsealing went wrong.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the master key must be 32 bytes in base64: `openssl rand -base64 32` makes one")]
    NotAMasterKey,
    #[error("key {kid} does not open with this master key: start with the one that it was sealed with")]
    WrongMasterKey { kid: String },
    #[error("sealing failed")]
    Failed,
}

impl MasterKey {
    /// Reads 32 bytes in base64.
    pub fn from_base64(text: &SecretString) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose_secret().trim()).map_err(|_| SealError::NotAMasterKey)?);
        if bytes.len() != 32 {
            return Err(SealError::NotAMasterKey);
        }
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"deputy auth-server").extract(&bytes);
        let sealing = derive(&root, b"signing keys at rest")?;
        let forms = derive(&root, b"forgery protection of forms")?;
        let nonces = derive(&root, b"nonces for proofs of possession")?;
        let configured_passwords = derive(&root, b"salts of configured passwords")?;
        Ok(Self {
            sealing: RandomizedNonceKey::new(&AES_256_GCM, sealing.as_ref()).map_err(|_| SealError::Failed)?,
            forms: hmac::Key::new(hmac::HMAC_SHA256, forms.as_ref()),
            nonces: hmac::Key::new(hmac::HMAC_SHA256, nonces.as_ref()),
            configured_passwords: hmac::Key::new(hmac::HMAC_SHA256, configured_passwords.as_ref()),
        })
    }

    /// The key that protects forms against forgery.
    #[must_use]
    pub fn forms(&self) -> &hmac::Key {
        &self.forms
    }

    /// The key that nonces for proofs of possession are made with.
    #[must_use]
    pub fn nonces(&self) -> &hmac::Key {
        &self.nonces
    }

    /// The key that the salts of passwords are made with that stand in the configuration.
    #[must_use]
    pub fn configured_passwords(&self) -> &hmac::Key {
        &self.configured_passwords
    }

    /// Seals a private key: nonce, then ciphertext with its tag. Bound to `kid`, so that rows cannot be swapped.
    pub fn seal(&self, kid: &str, private_key: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut text = private_key.to_vec();
        let nonce = self
            .sealing
            .seal_in_place_append_tag(Aad::from(kid.as_bytes()), &mut text)
            .map_err(|_| SealError::Failed)?;
        Ok([nonce.as_ref().as_slice(), &text].concat())
    }

    /// Opens what [`MasterKey::seal`] sealed for the same `kid`.
    pub fn open(&self, kid: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let wrong = || SealError::WrongMasterKey { kid: kid.to_owned() };
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = Zeroizing::new(text.to_vec());
        let length =
            self.sealing.open_in_place(nonce, Aad::from(kid.as_bytes()), &mut text).map_err(|_| wrong())?.len();
        text.truncate(length);
        Ok(text)
    }
}

fn derive(root: &hkdf::Prk, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut key = Zeroizing::new([0_u8; 32]);
    let info = [purpose];
    let output = root.expand(&info, hkdf::HKDF_SHA256).map_err(|_| SealError::Failed)?;
    output.fill(key.as_mut()).map_err(|_| SealError::Failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::from_base64(&STANDARD.encode([byte; 32]).into()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_kid_only() {
        let sealed = master(1).seal("kid", b"private").unwrap();
        assert_eq!(master(1).open("kid", &sealed).unwrap().as_slice(), b"private");
        assert!(master(2).open("kid", &sealed).is_err());
        assert!(master(1).open("other", &sealed).is_err());
    }

    #[test]
    fn a_changed_or_cut_row_does_not_open() {
        let mut sealed = master(1).seal("kid", b"private").unwrap();
        sealed[14] ^= 1;
        assert!(master(1).open("kid", &sealed).is_err());
        assert!(master(1).open("kid", &sealed[..5]).is_err());
    }

    #[test]
    fn a_master_key_of_another_size_is_refused() {
        for text in ["", "c2hvcnQ=", "not base64!"] {
            assert_eq!(MasterKey::from_base64(&text.into()).unwrap_err(), SealError::NotAMasterKey);
        }
    }
}
