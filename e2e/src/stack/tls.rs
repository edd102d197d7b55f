//! A stack over https: the auth server with a certificate of a development CA, and an issuer that ends in a slash. So
//! Auth0's and Microsoft's client libraries want it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use auth_server::tls::DevelopmentCa;
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

    /// The CA's private key.
    pub(super) fn ca_key(&self) -> PathBuf {
        self.ca.key_of("ca")
    }

    pub(super) fn issuer(ports: Ports) -> String {
        format!("https://localhost:{}/", ports.auth_server)
    }

    pub(super) fn configure(&self, world: &mut Configuration, ports: Ports) {
        let path = |file: PathBuf| file.display().to_string();
        configuration::set(&mut world.auth_server, "tls.certificate", path(self.ca.certificate_of("auth-server")));
        configuration::set(&mut world.auth_server, "tls.key", path(self.ca.key_of("auth-server")));
        for table in [&mut world.auth_server, &mut world.api_a, &mut world.api_b] {
            configuration::set(table, "issuer", Self::issuer(ports));
        }
    }
}
