//! The certificate in use: shown to every client, and replaced when its files change, without a restart.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::files::{TlsError, TlsFiles, provider};

/// The certificate of now, and the files that it comes from. Clones share it.
#[derive(Clone, Debug)]
pub struct LiveCertificate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
    /// How the files looked when the current pair was read.
    seen: Mutex<Looks>,
}

/// What tells that a file is another one, without reading it.
type Looks = [Option<(SystemTime, u64)>; 2];

impl LiveCertificate {
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        // Looked at before they are read: what changes in between is noticed the next time.
        let seen = Mutex::new(looks(&files));
        let current = ArcSwap::new(files.load()?);
        Ok(Self(Arc::new(Shared { files, current, seen })))
    }

    /// Takes over what is in the files where they have changed; whether they had. A pair that cannot be used changes
    /// nothing, also while only one of the two files is new.
    pub fn refresh(&self) -> Result<bool, TlsError> {
        let now = looks(&self.0.files);
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Ok(false);
        }
        self.0.current.store(self.0.files.load()?);
        *seen = now;
        Ok(true)
    }

    /// A configuration for a listener: TLS 1.2 and 1.3, no client certificates.
    pub fn server_config(&self) -> Result<ServerConfig, rustls::Error> {
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        Ok(config.with_no_client_auth().with_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>))
    }
}

impl ResolvesServerCert for Shared {
    /// One certificate for every name: clients check that it is the issuer's.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn looks(files: &TlsFiles) -> Looks {
    // A link is followed: replacing its target (as Kubernetes does) counts as well.
    let of = |file: &Path| {
        let metadata = std::fs::metadata(file).ok()?;
        Some((metadata.modified().ok()?, std::os::unix::fs::MetadataExt::ino(&metadata)))
    };
    [of(&files.certificate), of(&files.key)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::DevelopmentCa;
    use rustls::pki_types::CertificateDer;

    fn renew(directory: &Path) -> TlsFiles {
        let ca = DevelopmentCa::create(directory, true, time::macros::datetime!(2030-01-01 0:00 UTC)).unwrap();
        TlsFiles { certificate: ca.certificate_of("auth-server"), key: ca.key_of("auth-server") }
    }

    fn shown(live: &LiveCertificate) -> CertificateDer<'static> {
        live.0.current.load().cert[0].clone()
    }

    #[test]
    fn a_renewed_pair_is_taken_over_once() {
        let directory = tempfile::tempdir().unwrap();
        let live = LiveCertificate::load(renew(directory.path())).unwrap();
        let first = shown(&live);
        assert!(!live.refresh().unwrap());
        renew(directory.path());
        assert!(live.refresh().unwrap());
        assert_ne!(shown(&live), first);
        assert!(!live.refresh().unwrap());
    }

    #[test]
    fn a_bad_renewal_keeps_the_pair_in_use_until_a_good_one_comes() {
        let directory = tempfile::tempdir().unwrap();
        let files = renew(directory.path());
        let live = LiveCertificate::load(files.clone()).unwrap();
        let first = shown(&live);

        // Half of a renewal: the new certificate with the old key.
        let (old_key, kept) = (std::fs::read(&files.key).unwrap(), directory.path().join("kept"));
        renew(directory.path());
        std::fs::rename(&files.key, &kept).unwrap();
        std::fs::write(&files.key, old_key).unwrap();
        assert!(matches!(live.refresh(), Err(TlsError::NoPair { .. })));
        assert_eq!(shown(&live), first);
        std::fs::remove_file(&files.key).unwrap();
        assert!(matches!(live.refresh(), Err(TlsError::Unreadable { setting: "tls.key", .. })));
        assert_eq!(shown(&live), first);

        std::fs::rename(&kept, &files.key).unwrap();
        assert!(live.refresh().unwrap());
        assert_ne!(shown(&live), first);
    }
}
