//! A certification authority for development: one CA certificate to trust, and certificates for loopback and for the
//! services' names in compose.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

/// Chromium and Apple's clients refuse certificates that live longer than 398 days.
const LIFETIME: Duration = Duration::days(397);
/// Clocks of containers and of other machines may be behind.
const CLOCK_SKEW: Duration = Duration::hours(1);

const CA: &str = "ca";
/// The services of docker-compose.yml, each with a certificate of its own.
const SERVICES: [&str; 3] = ["auth-server", "api-a", "api-b"];

/// The files of a development CA in one directory.
#[derive(Clone, Debug)]
pub struct DevelopmentCa {
    directory: PathBuf,
}

/// The files could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentCaError {
    #[error("{} is there already: choose another directory, or replace everything in it with --force", .0.display())]
    Exists(PathBuf),
    #[error("{}: {error}", file.display())]
    Io { file: PathBuf, error: std::io::Error },
    #[error("the certificates cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl DevelopmentCa {
    /// What was made in `directory` before.
    #[must_use]
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Makes everything anew in `directory`. Only `replace` overwrites what is there.
    pub fn create(directory: &Path, replace: bool, now: OffsetDateTime) -> Result<Self, DevelopmentCaError> {
        let made = Self::at(directory);
        if let Some(file) = made.files().into_iter().find(|file| file.exists()).filter(|_| !replace) {
            return Err(DevelopmentCaError::Exists(file));
        }
        fs::create_dir_all(directory).map_err(|error| DevelopmentCaError::Io { file: directory.to_owned(), error })?;
        let ca = CertifiedIssuer::self_signed(authority(now), KeyPair::generate()?)?;
        made.write(CA, &ca.pem(), ca.key())?;
        for service in SERVICES {
            let key = KeyPair::generate()?;
            let certificate = leaf(service, now)?.signed_by(&key, &ca)?;
            made.write(service, &certificate.pem(), &key)?;
        }
        Ok(made)
    }

    /// The certificate that clients are to trust.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        self.certificate_of(CA)
    }

    /// The certificate of a service. It is good for loopback as well.
    #[must_use]
    pub fn certificate_of(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.pem"))
    }

    #[must_use]
    pub fn key_of(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.key.pem"))
    }

    fn files(&self) -> Vec<PathBuf> {
        let names = std::iter::once(CA).chain(SERVICES);
        names.flat_map(|name| [self.certificate_of(name), self.key_of(name)]).collect()
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> Result<(), DevelopmentCaError> {
        write(&self.key_of(name), 0o600, &zeroize::Zeroizing::new(key.serialize_pem()))?;
        write(&self.certificate_of(name), 0o644, certificate)
    }
}

/// Writes beside the file and renames: a server that watches it never sees half of it, and an old file's mode is not kept.
fn write(file: &Path, mode: u32, text: &str) -> Result<(), DevelopmentCaError> {
    let unfinished = file.with_extension("unfinished");
    let written = (|| {
        let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&unfinished)?;
        open.set_permissions(fs::Permissions::from_mode(mode))?;
        open.write_all(text.as_bytes())?;
        fs::rename(&unfinished, file)
    })();
    written.map_err(|error| DevelopmentCaError::Io { file: file.to_owned(), error })
}

fn authority(now: OffsetDateTime) -> CertificateParams {
    let mut ca = valid_from(now);
    ca.distinguished_name = named("Deputy development CA");
    // It signs servers' certificates, and no further CA.
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca
}

fn leaf(service: &str, now: OffsetDateTime) -> Result<CertificateParams, rcgen::Error> {
    let mut leaf = valid_from(now);
    leaf.distinguished_name = named(service);
    leaf.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::DnsName(service.try_into()?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    // Python 3.13 and later refuse a certificate that does not name its issuer's key.
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(leaf)
}

fn valid_from(now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = params.not_before + LIFETIME;
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Deputy development");
    name.push(DnType::CommonName, common_name);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2030-01-01 0:00 UTC);

    #[test]
    fn keys_are_their_owner_s_alone_also_where_they_replace_others() {
        let directory = tempfile::tempdir().unwrap();
        let made = DevelopmentCa::create(directory.path(), false, NOW).unwrap();
        fs::set_permissions(made.key_of(CA), fs::Permissions::from_mode(0o644)).unwrap();
        DevelopmentCa::create(directory.path(), true, NOW).unwrap();
        for name in SERVICES.into_iter().chain([CA]) {
            assert_eq!(fs::metadata(made.key_of(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn what_is_there_is_replaced_by_force_only() {
        let directory = tempfile::tempdir().unwrap();
        let made = DevelopmentCa::create(directory.path(), false, NOW).unwrap();
        let before = fs::read(made.ca_certificate()).unwrap();
        // One old file is enough.
        fs::remove_file(made.key_of(CA)).unwrap();
        let refused = DevelopmentCa::create(directory.path(), false, NOW).unwrap_err().to_string();
        assert!(refused.contains("ca.pem") && refused.contains("--force"), "{refused}");
        assert_eq!(fs::read(made.ca_certificate()).unwrap(), before);
        DevelopmentCa::create(directory.path(), true, NOW).unwrap();
        assert_ne!(fs::read(made.ca_certificate()).unwrap(), before);
    }
}
