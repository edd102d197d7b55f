//! The secrets of the demo world are public: they are refused wherever others could reach the server.

use secrecy::ExposeSecret as _;

use super::settings::Settings;

/// The master key of `demo/auth-server.toml`.
const DEMO_MASTER_KEY: &str = "ZGVtbyBtYXN0ZXIga2V5LCBrbm93biB0byBhbGwhISE=";

/// SHA-256 of each client secret of the demo world, since clients keep no more than that.
const DEMO_CLIENT_SECRETS: [&str; 4] = [
    "api-a-demo-secret-0123456789abcdefghijklmnopqrstuv",
    "api-a2-demo-secret-0123456789abcdefghijklmnopqrstu",
    "demo-web-secret-0123456789abcdefghijklmnopqrstuvwx",
    "demo-machine-secret-0123456789abcdefghijklmnopqrst",
];

const DEMO_PASSWORDS: [&str; 3] = ["alice-password", "bob-password", "carol-password"];

/// Demo secrets go with a loopback issuer only.
pub(super) fn are_confined(settings: &Settings) -> Result<(), String> {
    if settings.issuer.is_loopback() {
        return Ok(());
    }
    let refused = |key: String| {
        Err(format!(
            "{key} is the public one of the demo: make your own (`openssl rand -base64 32`) for {}",
            settings.issuer
        ))
    };
    if settings.keys.master_key.expose_secret().trim() == DEMO_MASTER_KEY {
        return refused("keys.master_key".to_owned());
    }
    let demo_hashes = DEMO_CLIENT_SECRETS.map(crate::store::SecretHash::of);
    for client in &settings.clients {
        if client.secret_sha256.as_ref().is_some_and(|hash| demo_hashes.contains(hash)) {
            return refused(format!("the secret of client {}", client.id));
        }
    }
    for user in &settings.users {
        if user.password.as_ref().is_some_and(|password| DEMO_PASSWORDS.contains(&password.expose_secret())) {
            return refused(format!("the password of user {}", user.username));
        }
    }
    Ok(())
}
