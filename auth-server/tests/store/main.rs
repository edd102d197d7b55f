//! What the store promises, on SQLite and on PostgreSQL: one suite, run on both.
#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

mod access;
mod attempts;
mod authorization;
mod batch;
mod codes;
mod expiry;
mod grants;
mod keys;
mod ledger;
mod ledger_archive;
mod ledger_deliveries;
mod ledger_places;
mod outages;
mod refresh_tokens;
mod registry;
mod settings;
mod sign_in;
mod standing;
mod status_indices;
mod users;
mod world;

#[path = "../support/postgres.rs"]
mod postgres;
