//! The demo world's names (`demo/*.toml`): who is in it, which client has which secret, what is called how.
//!
//! The secrets are public on purpose: a server refuses to start with them on an issuer that is not loopback.

use crate::steps::Credentials;

/// API A "Reports": the source API of the pairing.
pub const API_A: &str = "https://api-a.example";
/// API B "Receipts": the target API.
pub const API_B: &str = "https://api-b.example";
/// API C "Archive": a target API that asks its users first.
pub const API_C: &str = "https://api-c.example";
/// API A2 "Reports, second API": between API A and API B in a longer chain.
pub const API_A2: &str = "https://api-a2.example";

/// The demo app, which people sign in to.
pub const DEMO_APP: &str = "demo-app";
/// API A's client identity, which exchanges tokens.
pub const API_A_CLIENT: &str = "api-a";
pub const API_A_SECRET: &str = "api-a-demo-secret-0123456789abcdefghijklmnopqrstuv";
/// API A2's client identity.
pub const API_A2_CLIENT: &str = "api-a2";
pub const API_A2_SECRET: &str = "api-a2-demo-secret-0123456789abcdefghijklmnopqrstu";
/// A confidential web app.
pub const DEMO_WEB: &str = "demo-web";
pub const DEMO_WEB_SECRET: &str = "demo-web-secret-0123456789abcdefghijklmnopqrstuvwx";
pub const DEMO_WEB_REDIRECT_URI: &str = "http://localhost:9100/callback";
/// A machine without a user.
pub const DEMO_MACHINE: &str = "demo-machine";
pub const DEMO_MACHINE_SECRET: &str = "demo-machine-secret-0123456789abcdefghijklmnopqrst";

/// Has every permission.
pub const ALICE: &str = "alice";
/// May not write receipts.
pub const BOB: &str = "bob";
/// Is blocked.
pub const CAROL: &str = "carol";

/// The demo password of `username`.
#[must_use]
pub fn password_of(username: &str) -> String {
    format!("{username}-password")
}

/// API A's own credentials, by HTTP Basic.
#[must_use]
pub fn api_a_credentials() -> Credentials {
    Credentials::basic(API_A_CLIENT, API_A_SECRET)
}

/// API A2's own credentials, by HTTP Basic.
#[must_use]
pub fn api_a2_credentials() -> Credentials {
    Credentials::basic(API_A2_CLIENT, API_A2_SECRET)
}

/// The confidential web app's credentials, by HTTP Basic.
#[must_use]
pub fn demo_web_credentials() -> Credentials {
    Credentials::basic(DEMO_WEB, DEMO_WEB_SECRET)
}

/// The machine's credentials, by HTTP Basic.
#[must_use]
pub fn demo_machine_credentials() -> Credentials {
    Credentials::basic(DEMO_MACHINE, DEMO_MACHINE_SECRET)
}
