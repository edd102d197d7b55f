//! Requests that a thread has at the same time go from one stage to the next side by side.
//!
//! Reading a request, verifying and deciding, and signing are each more code than a processor's first cache holds, and a signature
//! reads a table of 150 KB besides. A request that goes through all of it at one go finds none of it where the one before left it,
//! and waits for memory as long as it computes. When all that are there do one thing, and then all the next, they find it there
//! (docs/decisions/0012).

/// Lets the other requests of this thread come as far as this one. Where there are none, goes on at once.
pub(super) async fn abreast() {
    tokio::task::yield_now().await;
}
