//! Following the ledger: each row goes to a webhook or to syslog, at least once, and those of a chain in their order.
//!
//! A server delivers its own chain, and those of servers and commands that are gone ([`Delivery`]). Whatever the receiver does,
//! requests do not wait for it: the ledger is in the database, and rows wait there.

mod delivery;
mod syslog;
mod webhook;

use secrecy::SecretString;
use shared_claims::Clock;

pub use delivery::Delivery;
use syslog::Syslog;
use webhook::Webhook;

use crate::store::{LedgerRow, StoreError};

/// Where rows go.
#[derive(Clone, Debug)]
pub struct Sink(Receiver);

#[derive(Clone, Debug)]
enum Receiver {
    Webhook(Webhook),
    Syslog(Syslog),
}

/// The rows are not known to have arrived, and are to be sent again.
#[derive(Debug, thiserror::Error)]
enum NotDelivered {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the webhook answers {0}")]
    Refused(reqwest::StatusCode),
    /// Without the address, which may hold what is nobody's business.
    #[error("the webhook cannot be reached: {0}")]
    Http(String),
    #[error("syslog cannot be reached: {0}")]
    Syslog(#[from] std::io::Error),
}

impl Sink {
    /// Requests signed by Standard Webhooks. The error tells what would be right.
    pub fn webhook(address: &str, secret: &SecretString) -> Result<Self, String> {
        Ok(Self(Receiver::Webhook(Webhook::new(address, secret)?)))
    }

    /// Messages by RFC 5424 from `host`. The error tells what would be right.
    pub fn syslog(address: &str, host: &str) -> Result<Self, String> {
        Ok(Self(Receiver::Syslog(Syslog::new(address, host)?)))
    }

    /// Returns once the rows, which are of one chain, are taken over by the receiver.
    async fn deliver(&self, rows: Vec<LedgerRow>, clock: &dyn Clock) -> Result<(), NotDelivered> {
        match &self.0 {
            Receiver::Webhook(webhook) => webhook.deliver(rows, clock.now()).await,
            Receiver::Syslog(syslog) => syslog.deliver(rows).await,
        }
    }
}
