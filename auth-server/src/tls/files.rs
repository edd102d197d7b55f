//! The two PEM files: a certificate with its chain, and its private key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::Deserialize;

/// Where the certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The server's own certificate first, then those between it and the CA's.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The files cannot be used. The text names the setting, the file, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{setting}: {} cannot be read: {error}", file.display())]
    Unreadable { setting: &'static str, file: PathBuf, error: std::io::Error },
    #[error("{setting}: {} is not a PEM file with a {expected}: {why}", file.display())]
    NotPem { setting: &'static str, file: PathBuf, expected: &'static str, why: String },
    #[error("tls.certificate: {} and tls.key: {} are no pair: {error}", certificate.display(), key.display())]
    NoPair { certificate: PathBuf, key: PathBuf, error: rustls::Error },
}

impl TlsFiles {
    /// Reads both files and checks that they belong together.
    pub(super) fn load(&self) -> Result<Arc<CertifiedKey>, TlsError> {
        let chain = self.chain()?;
        let key = self.private_key()?;
        let pair = CertifiedKey::from_der(chain, key, &provider());
        let no_pair = |error| TlsError::NoPair { certificate: self.certificate.clone(), key: self.key.clone(), error };
        pair.map(Arc::new).map_err(no_pair)
    }

    /// What is wrong with the files, if anything is.
    pub fn check(&self) -> Result<(), TlsError> {
        self.load().map(drop)
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        const SETTING: &str = "tls.certificate";
        let file = &self.certificate;
        let not_pem = |why: &dyn std::fmt::Display| not_pem(SETTING, file, "certificate", why);
        let certificates = CertificateDer::pem_slice_iter(&read(SETTING, file)?).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| not_pem(&error))?;
        if certificates.is_empty() { Err(not_pem(&"no CERTIFICATE block in it")) } else { Ok(certificates) }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        const SETTING: &str = "tls.key";
        let bytes = zeroize::Zeroizing::new(read(SETTING, &self.key)?);
        PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
            let why = match error {
                pem::Error::NoItemsFound => "no PRIVATE KEY block in it (an encrypted one cannot be used)".to_owned(),
                error => error.to_string(),
            };
            not_pem(SETTING, &self.key, "private key", &why)
        })
    }
}

/// AWS-LC, named here so that no other crate of the process can choose another.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(setting: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|error| TlsError::Unreadable { setting, file: file.to_owned(), error })
}

fn not_pem(setting: &'static str, file: &Path, expected: &'static str, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::NotPem { setting, file: file.to_owned(), expected, why: why.to_string() }
}
