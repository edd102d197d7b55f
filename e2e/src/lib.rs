//! The harness of Deputy: starts the stack, drives it as a person, an app and an API would, and checks any deployment
//! from outside.
//!
//! - [`stack`]: the services on free ports, in process or as processes, on `SQLite` or `PostgreSQL`.
//! - [`steps`]: one client for each of the six steps, so that a test reads like them.
//! - [`checks`]: what `e2e run` asks of a deployment, one line a step.
//! - [`mod@bench`]: `e2e bench`, what an exchange costs.
//! - [`demo`]: `e2e demo`, the demo world without Docker.
//! - [`browser`]: a real browser.
//! - [`world`]: the names of the demo world.

pub mod bench;
pub mod browser;
pub mod checks;
pub mod cli;
pub mod demo;
pub mod stack;
pub mod steps;
pub mod suite;
pub mod world;
