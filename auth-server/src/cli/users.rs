//! `users`: list, block, unblock.

use std::sync::Arc;

use anyhow::Context as _;
use clap::Subcommand;
use shared_claims::SystemClock;
use time::OffsetDateTime;

use super::listing;
use crate::audit::{Event, Ledger};
use crate::config::Config;
use crate::store::{Store, User};

#[derive(Subcommand)]
pub(super) enum Users {
    /// Show all users.
    List,
    /// Nobody signs in as this user, and nobody acts for them, from now on.
    Block { username: String },
    /// Let the user in again.
    Unblock { username: String },
}

impl Users {
    pub(super) async fn run(self, config: &Config, now: OffsetDateTime) -> anyhow::Result<()> {
        let store = Store::open_alone(&config.database)?;
        store.migrate().await?;
        match self {
            Self::List => {
                let line = |User { id, username, blocked, .. }: User| {
                    format!("{id}  {username}{}", if blocked { "  (blocked)" } else { "" })
                };
                Ok(listing::print(store.list_users().await?.into_iter().map(line))?)
            }
            Self::Block { username } => set_blocked(&store, &username, true, now).await,
            Self::Unblock { username } => set_blocked(&store, &username, false, now).await,
        }
    }
}

async fn set_blocked(store: &Store, username: &str, blocked: bool, now: OffsetDateTime) -> anyhow::Result<()> {
    let user = store.find_user_by_username(username).await?;
    let user = user.with_context(|| format!("there is no user {username}: `users list` shows those there are"))?;
    store.set_blocked(&user.id, blocked, now).await?;
    if blocked {
        store.delete_sessions_of_user(&user.id).await?;
    }
    let what = if blocked { "blocked" } else { "unblocked" };
    let event = Event::UserChanged { user: user.id.as_str(), what };
    Ledger::record_once(store, Arc::new(SystemClock), &event).await?;
    Ok(listing::print([format!("{username} is {}", if blocked { "blocked" } else { "not blocked" })])?)
}
