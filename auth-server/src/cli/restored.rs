//! `restored`: what a database that comes from a backup has forgotten must not come back to life.
//!
//! Since the backup codes were redeemed, refresh tokens used and grants revoked, of which it knows nothing: each could be used a
//! second time. So all of it ends, and whoever was signed in signs in again. Status lists then hold every bit that they ever held.

use std::sync::Arc;

use shared_claims::SystemClock;
use time::OffsetDateTime;

use super::listing;
use crate::audit::{Event, Ledger};
use crate::config::Config;
use crate::store::{GrantsOf, Store};

/// Why grants end that a backup has brought back.
const RESTORED: &str = "restored_from_backup";

pub(super) async fn run(config: &Config, now: OffsetDateTime) -> anyhow::Result<()> {
    let store = Store::open_alone(&config.database)?;
    store.migrate().await?;
    store.forget_sign_ins().await?;
    let ended = store.revoke_grants(&GrantsOf::Everybody, RESTORED, now).await?;
    let ledger = Ledger::open(store, Arc::new(SystemClock)).await?;
    ledger.record(&Event::Restored { ended: ended.len() }).await?;
    ledger.record_revoked(&ended, RESTORED).await?;
    Ok(listing::print([format!("{} grants have ended: everybody signs in again", ended.len())])?)
}
