//! From where the request at hand comes, for whatever it puts on record.

use std::net::IpAddr;

tokio::task_local! {
    static ADDRESS: IpAddr;
}

/// Runs a request's work as coming from `address`.
pub async fn coming_from<F: Future>(address: IpAddr, work: F) -> F::Output {
    ADDRESS.scope(address, work).await
}

/// `None`: this is no request's work.
pub(super) fn current() -> Option<IpAddr> {
    ADDRESS.try_with(|address| *address).ok()
}
