//! A stack over https: the auth server with a certificate of a development CA, and an issuer that ends in a slash. So
//! Auth0's and Microsoft's client libraries want it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use auth_server::tls::DevelopmentCa;
use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shared_claims::{Clock, SystemClock};

use super::{Configuration, Ports, configuration};
use crate::steps::trust;

/// The certificates of a stack.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    ca: DevelopmentCa,
}

impl Tls {
    /// The certificates in `directory`, made where there are none. This process trusts them from now on.
    pub(super) fn in_directory(directory: &Path) -> Result<Self> {
        let directory = directory.join("certificates");
        let known = DevelopmentCa::at(&directory);
        let ca = if known.ca_certificate().exists() {
            known
        } else {
            DevelopmentCa::create(&directory, false, SystemClock.now())?
        };
        trust(&std::fs::read(ca.ca_certificate())?).context("the development CA")?;
        Ok(Self { ca })
    }

    /// The CA's certificate.
    pub(super) fn ca_certificate(&self) -> PathBuf {
        self.ca.ca_certificate()
    }

    /// SHA-256 of the public key in the auth server's certificate, as browsers name it (RFC 7469 section 2.4).
    pub(super) fn key_fingerprint(&self) -> Result<String> {
        let pem = std::fs::read_to_string(self.ca.key_of("auth-server"))?;
        let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &STANDARD.decode(base64)?)?;
        let public_key: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
        Ok(STANDARD.encode(digest::digest(&digest::SHA256, public_key.as_ref())))
    }

    pub(super) fn configure(&self, world: &mut Configuration, ports: Ports) {
        let path = |file: PathBuf| file.display().to_string();
        configuration::set(&mut world.auth_server, "tls.certificate", path(self.ca.certificate_of("auth-server")));
        configuration::set(&mut world.auth_server, "tls.key", path(self.ca.key_of("auth-server")));
        world.set_issuer(&format!("https://localhost:{}/", ports.auth_server));
    }
}
