//! API A over HTTP, between a test issuer that exchanges tokens and stand-ins for the APIs that it calls.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod calls;
mod demo_app;
mod demo_mode;
mod failures;
#[path = "../../../api-b/tests/support/issuer.rs"]
mod issuer;
mod world;
