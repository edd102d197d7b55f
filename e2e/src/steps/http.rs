//! The HTTP clients of the harness: every wait bounded, no redirect followed behind a test's back.

use std::time::Duration;

use reqwest::redirect::Policy;

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
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

/// A client that keeps cookies, as a person's browser does.
pub(crate) fn browser() -> reqwest::Result<reqwest::Client> {
    builder().cookie_store(true).build()
}

/// Whether `error` says that nobody answered at all, in contrast to a wrong answer.
#[must_use]
pub fn is_unreachable(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<reqwest::Error>()).any(|cause| {
        let proxied_away = cause.is_connect() || (cause.is_timeout() && cause.status().is_none());
        proxied_away && !cause.is_decode()
    })
}
