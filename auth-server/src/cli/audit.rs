//! `audit`: verify, show, export, archive.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared_claims::{Clock, SystemClock};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::listing;
use crate::audit::{Archiving, verify};
use crate::config::Config;
use crate::store::{LedgerFilter, LedgerRow, Store};

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Say whether the ledger is what was written: 0 yes; 1 no, with the row that was removed, altered or moved.
    Verify {
        /// A file of archived rows, to be looked at as well. May be given many times.
        #[arg(long = "archive", value_name = "FILE")]
        archives: Vec<PathBuf>,
    },
    /// Show who acted for whom: the rows of a chain, each token below the one that it came from.
    Show(Wanted),
    /// Write rows as JSON lines.
    Export {
        /// From this moment on, such as 2026-01-01T00:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<OffsetDateTime>,
    },
    /// Move old rows to a file, as JSON lines; `verify` still holds, and looks into the file when it is given.
    Archive {
        /// Rows from this moment on stay, such as 2026-01-01T00:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        before: OffsetDateTime,
        /// The file: a new one.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
}

#[derive(Args)]
pub(super) struct Wanted {
    /// The chain, by the `txn` of its tokens.
    #[arg(long, visible_alias = "grant", value_name = "TXN")]
    txn: Option<String>,
    /// All that concerns this user.
    #[arg(long, value_name = "USERNAME", conflicts_with = "txn")]
    user: Option<String>,
}

impl Audit {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let store = Store::open_alone(&config.database)?;
        store.migrate().await?;
        match self {
            Self::Verify { archives } => {
                let verified = verify(&store, &archives).await?;
                let rows =
                    format!("the ledger is what was written: {} rows in {} chains", verified.rows, verified.chains);
                let files = format!("so are the files: {} rows", verified.archived);
                Ok(listing::print([rows].into_iter().chain((!archives.is_empty()).then_some(files)))?)
            }
            Self::Archive { before, to } => {
                let clock: Arc<dyn Clock> = Arc::new(SystemClock);
                let only_delivered = config.ledger_sink.is_some();
                archive(Archiving { store: &store, clock, before, only_delivered }, &to).await
            }
            Self::Show(wanted) => show(&store, &wanted.read(&store).await?).await,
            Self::Export { since } => export(&store, LedgerFilter { since, ..LedgerFilter::default() }).await,
        }
    }
}

impl Wanted {
    async fn read(&self, store: &Store) -> anyhow::Result<LedgerFilter> {
        match (&self.txn, &self.user) {
            (Some(txn), _) => Ok(LedgerFilter { grant: Some(txn.clone()), ..LedgerFilter::default() }),
            (None, Some(username)) => {
                let user = store.find_user_by_username(username).await?;
                let user =
                    user.with_context(|| format!("there is no user {username}: `users list` shows those there are"))?;
                Ok(LedgerFilter { user: Some(user.id.to_string()), ..LedgerFilter::default() })
            }
            (None, None) => bail!("say whose rows: --txn or --user"),
        }
    }
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "write it like 2026-01-01T00:00:00Z".to_owned())
}

async fn all(store: &Store, filter: &LedgerFilter) -> anyhow::Result<Vec<LedgerRow>> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let more = store.read_ledger(filter, after.take()).await?;
        let Some(last) = more.last() else { return Ok(rows) };
        after = Some((last.at, last.chain.clone(), last.seq));
        rows.extend(more);
    }
}

async fn archive(archiving: Archiving<'_>, to: &Path) -> anyhow::Result<()> {
    let before = archiving.before;
    if before > archiving.clock.now() {
        bail!("--before is in the future: rows that are still to come cannot be archived");
    }
    let Some(written) = archiving.write(to).await? else {
        let nothing = format!("nothing to archive: no chain begins with a row from before {}", shown(before));
        return Ok(listing::print([nothing])?);
    };
    let file = to.display();
    let kept =
        || format!("{file} is whole, and its rows are still in the ledger, all or some: archive again to another file");
    written.record().await.with_context(kept)?;
    written.remove().await.with_context(kept)?;
    let moved =
        format!("{} rows of {} chains are in {file} now, SHA-256 {}", written.rows, written.chains(), written.sha256);
    let stays = |(chain, seq): (&_, &_)| {
        format!("chain {chain}: the rows from {seq} on stay, since the sink does not have them yet")
    };
    Ok(listing::print([moved].into_iter().chain(written.undelivered.iter().map(stays)))?)
}

async fn export(store: &Store, filter: LedgerFilter) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut after = None;
    loop {
        let rows = store.read_ledger(&filter, after.take()).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some((last.at, last.chain.clone(), last.seq));
        for row in rows {
            writeln!(out, "{}", json_of(&row))?;
        }
    }
}

fn json_of(row: &LedgerRow) -> Value {
    let body: Value = serde_json::from_str(&row.body).unwrap_or_else(|_| row.body.clone().into());
    json!({ "chain": row.chain, "seq": row.seq, "at": shown(row.at), "kind": row.kind, "body": body })
}

async fn show(store: &Store, filter: &LedgerFilter) -> anyhow::Result<()> {
    let rows = all(store, filter).await?;
    if rows.is_empty() {
        bail!("the ledger has no such rows");
    }
    let bodies: Vec<(LedgerRow, Value)> = rows
        .into_iter()
        .map(|row| (serde_json::from_str(&row.body).unwrap_or_default(), row))
        .map(|(body, row)| (row, body))
        .collect();
    // How deep each token lies: below the one that it was exchanged for.
    let mut depths = BTreeMap::<String, usize>::new();
    let mut list = Vec::with_capacity(bodies.len());
    for (row, body) in &bodies {
        let of = |key: &str| body.get(key).and_then(Value::as_str);
        let depth = of("parent_jti").and_then(|parent| depths.get(parent)).map_or(0, |depth| depth + 1);
        if let Some(jti) = of("jti") {
            depths.insert(jti.to_owned(), depth);
        }
        list.push(format!("{}  {}{}  {}", shown(row.at), "   ".repeat(depth), row.kind, in_words(body)));
    }
    Ok(listing::print(list)?)
}

/// The fields that say who, what and where; ids of requests are for `export`.
fn in_words(body: &Value) -> String {
    const LEFT_OUT: [&str; 5] = ["jti", "parent_jti", "request_id", "trace_id", "grant"];
    let fields = body.as_object().into_iter().flatten().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()));
    let fields =
        fields.map(|(key, value)| format!("{key}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    fields.collect::<Vec<_>>().join(" ")
}

fn shown(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}
