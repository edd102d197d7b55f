//! Clients, APIs and pairings: who may ask, for what, and which API may call which on behalf of a user.
//!
//! Every request reads them, so they are held in memory as one immutable [`Registry`], swapped whole when the database
//! has a new version (`live`). An entry is validated when it is read: what is in a registry is right.

mod api;
mod client;
mod live;
mod pairing;
mod sign_in_strength;
mod snapshot;

pub use api::{Api, SigningAlgorithm};
pub use client::{ApplicationType, Client, ClientId};
pub use live::{LiveRegistry, RegistryError, apply};
pub use pairing::{OnExcess, PairedScope, Pairing};
pub use sign_in_strength::{ACR_PASSWORD, SignInStrength};
pub use snapshot::{InvalidRegistry, Registry};
