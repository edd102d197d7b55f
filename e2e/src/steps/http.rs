//! The HTTP clients of the harness: every wait bounded, no redirect followed behind a test's back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Certificate;
use reqwest::cookie::Jar;
use reqwest::redirect::Policy;

/// CAs that the clients of this process trust beside the machine's own.
static TRUSTED: Mutex<Vec<Certificate>> = Mutex::new(Vec::new());

/// Lets every client that is made from now on trust the CA in `pem`.
pub fn trust(pem: &[u8]) -> reqwest::Result<()> {
    let ca = Certificate::from_pem(pem)?;
    TRUSTED.lock().unwrap_or_else(PoisonError::into_inner).push(ca);
    Ok(())
}

fn builder() -> reqwest::ClientBuilder {
    let trusted = TRUSTED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    reqwest::Client::builder()
        .tls_certs_merge(trusted)
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(20))
        .no_proxy()
        .user_agent(concat!("deputy-e2e/", env!("CARGO_PKG_VERSION")))
}

/// A client without a memory, as apps and APIs use it.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    builder().build()
}

/// A client that keeps cookies in `jar`, as a person's browser does.
pub(crate) fn browser(jar: Arc<Jar>) -> reqwest::Result<reqwest::Client> {
    builder().cookie_provider(jar).build()
}

/// Whether `error` says that nobody answered at all, in contrast to a wrong answer.
#[must_use]
pub fn is_unreachable(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<reqwest::Error>()).any(|cause| {
        let proxied_away = cause.is_connect() || (cause.is_timeout() && cause.status().is_none());
        proxied_away && !cause.is_decode()
    })
}
