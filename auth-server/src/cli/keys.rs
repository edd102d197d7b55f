//! `keys`: list, rotate, retire.

use std::sync::Arc;

use anyhow::bail;
use clap::Subcommand;
use shared_claims::SystemClock;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::listing;
use crate::audit::{Event, Ledger};
use crate::config::Config;
use crate::registry::SigningAlgorithm;
use crate::store::Store;
use crate::tokens::{ID_TOKEN_LIFETIME, MasterKey, SHORTEST_NOTICE, list_keys, retire_key, rotate_key};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Show all keys and when they sign and retire.
    List,
    /// Make a new key; it is published at once and signs after a notice. Running servers follow within a second.
    Rotate {
        /// The algorithm. Default: the configured `keys.signing_alg`.
        #[arg(long)]
        alg: Option<SigningAlgorithm>,
        /// How long the new key is published before it signs, e.g. 20m.
        #[arg(long = "in", value_name = "TIME", default_value = "15m")]
        notice: humantime::Duration,
        /// Allow less than 15 minutes: APIs that have not met the key will refuse its tokens.
        #[arg(long)]
        force: bool,
    },
    /// Take a key out of the key set at once: every token that it signed dies. For a key that has leaked.
    Retire { kid: String },
}

impl Keys {
    pub(super) async fn run(self, config: &Config, now: OffsetDateTime) -> anyhow::Result<()> {
        let store = Store::open_alone(&config.database)?;
        store.migrate().await?;
        match self {
            Self::List => list(&store).await,
            Self::Rotate { alg, notice, force } => {
                let alg = alg.unwrap_or(config.signing_alg);
                rotate(config, &store, alg, Duration::try_from(*notice)?, force, now).await
            }
            Self::Retire { kid } => {
                retire_key(&store, &kid, now).await?;
                on_record(&store, &kid, "retired").await?;
                Ok(listing::print([format!("{kid} has retired")])?)
            }
        }
    }
}

async fn list(store: &Store) -> anyhow::Result<()> {
    let mut list = vec![format!("{:<34} {:<6} {:<26} {:<26} RETIRES", "KID", "ALG", "SIGNS FROM", "SIGNS UNTIL")];
    for key in list_keys(store).await? {
        let (from, until, retires) = (shown(Some(key.signs_from)), shown(key.signs_until), shown(key.retires_at));
        list.push(format!("{:<34} {:<6} {from:<26} {until:<26} {retires}", key.kid, key.alg));
    }
    Ok(listing::print(list)?)
}

fn shown(at: Option<OffsetDateTime>) -> String {
    at.and_then(|at| at.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()).unwrap_or_else(|| "-".to_owned())
}

async fn rotate(
    config: &Config,
    store: &Store,
    alg: SigningAlgorithm,
    notice: Duration,
    force: bool,
    now: OffsetDateTime,
) -> anyhow::Result<()> {
    if notice < SHORTEST_NOTICE && !force {
        bail!(
            "some clients look for new keys only every 10 minutes: give at least {} minutes, or use --force",
            SHORTEST_NOTICE.whole_minutes()
        );
    }
    let master = MasterKey::from_base64(&config.master_key)?;
    let longest = config.apis.iter().map(|api| api.token_lifetime).max().unwrap_or_default();
    let longest = Duration::try_from(longest)?.max(ID_TOKEN_LIFETIME);
    let kid = rotate_key(store, &master, alg, notice, longest, now).await?;
    on_record(store, &kid, "rotated").await?;
    Ok(listing::print([format!("{kid} is published, and signs from {}", shown(Some(now + notice)))])?)
}

async fn on_record(store: &Store, kid: &str, what: &'static str) -> anyhow::Result<()> {
    Ledger::record_once(store, Arc::new(SystemClock), &Event::KeyChanged { kid, what }).await
}
