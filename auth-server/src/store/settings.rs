//! Where the database is, and how long to wait for it. Every wait has a bound.

use std::time::Duration;

use secrecy::SecretString;

/// What a committed transaction survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power loss: SQLite `synchronous=FULL`, PostgreSQL `synchronous_commit` as the server has it.
    #[default]
    PowerLoss,
    /// A crash of the process only; faster. SQLite `synchronous=NORMAL`, PostgreSQL `synchronous_commit=off`.
    ProcessCrash,
}

/// Settings of the store.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// `sqlite://path` or `postgres://user:password@host/database?sslmode=verify-full`.
    pub url: SecretString,
    /// How many connections, and so how many calls at once.
    pub pool_size: u32,
    /// How long a call waits for the calls before it, while the database works.
    pub queue_timeout: Duration,
    /// How long a call waits for a connection, or (SQLite) for a lock of another process.
    pub acquire_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    pub durability: Durability,
}

impl DatabaseSettings {
    /// The defaults for this URL.
    #[must_use]
    pub fn at(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            pool_size: 8,
            queue_timeout: Duration::from_secs(5),
            acquire_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(5),
            durability: Durability::default(),
        }
    }
}
