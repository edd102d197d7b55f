//! Unmodified client libraries, from their registries and pinned, against the auth server over https. Each test is a
//! promise of one library's script in `e2e/interop/`: its name says what the library checks there.

mod kit;
mod library;
mod msal;
mod node;
mod python;
mod rust;
mod single_page_app;
mod whole_world;
