//! `grants`: list, show, revoke.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use shared_claims::SystemClock;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::listing;
use crate::audit::Ledger;
use crate::config::Config;
use crate::store::{Grant, GrantFilter, GrantId, Store};

#[derive(Subcommand)]
pub(super) enum Grants {
    /// Show the grants that have not ended.
    List(Filter),
    /// Show one grant: what it gave, to whom, and whether it lives.
    Show { grant: String },
    /// End grants: every token that came from them dies at every API within seconds.
    Revoke {
        /// The grants, by the `txn` of their tokens.
        grants: Vec<String>,
        #[command(flatten)]
        filter: Filter,
    },
}

/// Which grants are meant.
#[derive(Args, Clone)]
pub(super) struct Filter {
    /// Of this user.
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Of this client.
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
}

/// Why a grant ends here.
const REVOKED_BY_ADMIN: &str = "revoked_by_admin";

impl Grants {
    pub(super) async fn run(self, config: &Config, now: OffsetDateTime) -> anyhow::Result<()> {
        let store = Store::open_alone(&config.database)?;
        store.migrate().await?;
        match self {
            Self::List(filter) => list(&store, &filter.read(&store).await?, now).await,
            Self::Show { grant } => show(&store, &grant, now).await,
            Self::Revoke { grants, filter } => revoke(&store, grants, &filter, now).await,
        }
    }
}

impl Filter {
    fn names_nothing(&self) -> bool {
        self.user.is_none() && self.client.is_none()
    }

    async fn read(&self, store: &Store) -> anyhow::Result<GrantFilter> {
        let user = match &self.user {
            Some(username) => {
                let user = store.find_user_by_username(username).await?;
                Some(
                    user.with_context(|| format!("there is no user {username}: `users list` shows those there are"))?
                        .id,
                )
            }
            None => None,
        };
        Ok(GrantFilter { user, client_id: self.client.clone() })
    }
}

async fn list(store: &Store, filter: &GrantFilter, now: OffsetDateTime) -> anyhow::Result<()> {
    let head = format!("{:<36}  {:<36}  {:<20}  {:<20}  SCOPE", "GRANT", "USER", "CLIENT", "SINCE");
    let line = |Grant { id, user_id, client_id, created_at, scope, .. }: Grant| {
        let user = user_id.as_ref().map_or("-", |user| user.as_str());
        format!("{id:<36}  {user:<36}  {client_id:<20}  {:<20}  {scope}", shown(created_at))
    };
    let grants = store.list_live_grants(filter, now).await?;
    Ok(listing::print([head].into_iter().chain(grants.into_iter().map(line)))?)
}

async fn show(store: &Store, id: &str, now: OffsetDateTime) -> anyhow::Result<()> {
    let grant = store.find_grant(&GrantId::from(id)).await?.with_context(|| unknown(id))?;
    let user = match &grant.user_id {
        Some(user) => store.find_user(user).await?.map_or_else(|| user.to_string(), |user| user.username),
        None => "none: a machine's".to_owned(),
    };
    Ok(listing::print([
        format!("grant    {}", grant.id),
        format!("state    {}", state(&grant, now)),
        format!("user     {user}"),
        format!("client   {}", grant.client_id),
        format!("for      {}", grant.audience.as_deref().unwrap_or("userinfo")),
        format!("scope    {}", grant.scope),
        format!("since    {}", shown(grant.created_at)),
        format!("until    {}", shown(grant.expires_at)),
    ])?)
}

fn state(grant: &Grant, now: OffsetDateTime) -> String {
    match (grant.revoked_at, grant.revoked_reason.as_deref()) {
        (Some(at), why) => format!("revoked at {} ({})", shown(at), why.unwrap_or("no reason")),
        (None, _) if grant.is_live(now) => "live".to_owned(),
        (None, _) => "expired".to_owned(),
    }
}

async fn revoke(store: &Store, named: Vec<String>, filter: &Filter, now: OffsetDateTime) -> anyhow::Result<()> {
    if named.is_empty() && filter.names_nothing() {
        bail!("name grants, or --user or --client: nothing is revoked by saying nothing");
    }
    let mut grants: Vec<GrantId> = named.iter().map(|id| GrantId::from(id.as_str())).collect();
    if !filter.names_nothing() {
        let filter = filter.read(store).await?;
        grants.extend(store.list_live_grants(&filter, now).await?.into_iter().map(|grant| grant.id));
    }
    // All or none: an id that was mistyped is told before anything ends.
    for grant in &grants {
        store.find_grant(grant).await?.with_context(|| unknown(grant.as_str()))?;
    }
    let ledger = Ledger::open(store.clone(), Arc::new(SystemClock)).await?;
    let mut list = Vec::with_capacity(grants.len());
    for grant in grants {
        let revoked = ledger.revoke(&grant, REVOKED_BY_ADMIN).await?;
        list.push(if revoked { format!("{grant} is revoked") } else { format!("{grant} was revoked before") });
    }
    Ok(listing::print(list)?)
}

fn unknown(id: &str) -> String {
    format!("there is no grant {id}: `grants list` shows those that live, and `txn` names it in a token")
}

fn shown(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| at.to_string())
}
