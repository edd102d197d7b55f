//! `dev-ca`: certificates for development, and how to make clients trust them.

use std::path::PathBuf;

use clap::Args;
use time::OffsetDateTime;

use super::listing;
use crate::tls::DevelopmentCa;

#[derive(Args)]
pub(super) struct Options {
    /// Where the files go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the files that are there. Clients must trust the new CA then.
    #[arg(long)]
    force: bool,
}

impl Options {
    pub(super) fn run(&self, now: OffsetDateTime) -> anyhow::Result<()> {
        let made = DevelopmentCa::create(&self.out, self.force, now)?;
        Ok(listing::print_text(&how_to_use(&made))?)
    }
}

fn how_to_use(made: &DevelopmentCa) -> String {
    let absolute = |file: PathBuf| std::path::absolute(&file).unwrap_or(file).display().to_string();
    let ca = absolute(made.ca_certificate());
    let (certificate, key) = (made.certificate_of("auth-server"), made.key_of("auth-server"));
    [
        &format!("The CA: {ca}"),
        "",
        "Serve with it, here with the demo's configuration:",
        &format!(
            "  AUTH_SERVER_TLS__CERTIFICATE='{}' AUTH_SERVER_TLS__KEY='{}' \\",
            absolute(certificate),
            absolute(key)
        ),
        "  DEPUTY_ISSUER=https://localhost:9000/ auth-server --config demo/auth-server.toml",
        "",
        "Trust it, for development only:",
        &format!("  curl    curl --cacert '{ca}' https://localhost:9000/healthz"),
        &format!("  Node    export NODE_EXTRA_CA_CERTS='{ca}'"),
        &format!("  Python  export SSL_CERT_FILE='{ca}' REQUESTS_CA_BUNDLE='{ca}'"),
        &format!(
            "  Java    keytool -importcert -noprompt -trustcacerts -cacerts -storepass changeit -alias deputy-dev-ca \
             -file '{ca}'"
        ),
    ]
    .join("\n")
}
