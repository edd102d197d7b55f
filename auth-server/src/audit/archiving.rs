//! Archiving: old rows move to a file, and the ledger still verifies. Order matters, so that being cut short at any point loses
//! nothing: the file is whole and on the disk, then it is on record, and only then rows leave, a few at a time, each time
//! together with the place where their chain begins.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use shared_claims::Clock;
use time::OffsetDateTime;

use super::Event;
use super::archive_file::NewFile;
use super::archived::{ARCHIVED, CHAINS_IN_A_ROW, listed};
use super::chain::{Breach, Follower};
use super::ledger::{Ledger, NotRecorded};
use super::witnesses::named_by;
use crate::store::{ChainHead, Store, StoreError};

/// How many rows leave at once.
const BATCH: i64 = 1000;

/// Between two batches: a server that writes to the same database gets its turn.
const PAUSE: Duration = Duration::from_millis(10);

/// Rows stay where they are.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the ledger is not what was written, so nothing is archived: {0}")]
    Breach(#[from] Breach),
    #[error("{file}: {error}")]
    File { file: String, error: io::Error },
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    #[error(
        "nothing can be archived yet: chain {0} and others wait for the sink, which must have rows before they leave"
    )]
    Undelivered(String),
    #[error("chain {0} does not begin where it did: somebody else archives too")]
    Moved(String),
}

/// What is to be archived.
pub struct Archiving<'a> {
    pub store: &'a Store,
    pub clock: Arc<dyn Clock>,
    /// Rows from this moment on stay.
    pub before: OffsetDateTime,
    /// There is a sink: rows that it does not have yet stay.
    pub only_delivered: bool,
}

/// What one chain gives to the file.
struct Piece {
    /// Where it begins: behind this row. -1: with the first row.
    after: i64,
    last: ChainHead,
}

/// Rows that are in a file now, and still in the database.
pub struct Written<'a> {
    archiving: Archiving<'a>,
    file: String,
    pieces: Vec<Piece>,
    named: BTreeSet<String>,
    pub rows: u64,
    pub sha256: String,
    /// Chains of which rows stay that are old enough, but were not delivered yet, by the first such row.
    pub undelivered: BTreeMap<String, i64>,
}

impl<'a> Archiving<'a> {
    /// Writes the file: of every chain the rows up to the first that is not old enough. `None`: there are no such rows, and no
    /// file.
    pub async fn write(self, path: &Path) -> Result<Option<Written<'a>>, ArchiveError> {
        let mut beginnings: BTreeMap<_, _> =
            self.store.ledger_beginnings().await?.into_iter().map(|row| (row.chain.clone(), row)).collect();
        let delivered = if self.only_delivered { Some(self.store.ledger_deliveries().await?) } else { None };
        let mut out = Out { path, file: None, rows: 0, named: BTreeSet::new(), undelivered: BTreeMap::new() };
        let mut pieces = Vec::new();
        for head in self.store.ledger_heads().await? {
            let beginning = beginnings.remove(&head.chain);
            if beginning.as_ref().is_some_and(|row| row.seq == head.seq) {
                // Archived to its end, as most chains are after a while.
                continue;
            }
            let delivered = delivered.as_ref().map(|rows| rows.get(&head.chain).copied().unwrap_or(-1));
            pieces.extend(self.write_chain(&head.chain, beginning, delivered, &mut out).await?);
        }
        let Out { file, rows, named, mut undelivered, .. } = out;
        let Some(file) = file else {
            let first = undelivered.pop_first();
            return first.map_or(Ok(None), |(chain, _)| Err(ArchiveError::Undelivered(chain)));
        };
        let sha256 = file.finish().map_err(|error| of_file(path, error))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Some(Written { archiving: self, file: name, pieces, named, rows, sha256, undelivered }))
    }

    async fn write_chain(
        &self,
        chain: &str,
        beginning: Option<ChainHead>,
        delivered: Option<i64>,
        out: &mut Out<'_>,
    ) -> Result<Option<Piece>, ArchiveError> {
        let after = beginning.as_ref().map_or(-1, |row| row.seq);
        let mut follower = beginning.map_or_else(|| Follower::of(chain), Follower::behind);
        'chain: loop {
            let rows = self.store.read_ledger_chain(chain, follower.next_seq()).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                if row.at >= self.before || row.kind == ARCHIVED {
                    break 'chain;
                }
                if delivered.is_some_and(|delivered| delivered < row.seq) {
                    out.undelivered.insert(row.chain, row.seq);
                    break 'chain;
                }
                let before = follower.head().filter(|head| head.seq == after).cloned();
                follower.follow(&row)?;
                out.named.extend(named_by(&row).into_keys());
                out.file()?.write(row, before.as_ref()).map_err(|error| of_file(out.path, error))?;
                out.rows += 1;
            }
        }
        let last = follower.head().filter(|head| head.seq > after).cloned();
        Ok(last.map(|last| Piece { after, last }))
    }
}

/// The file, made with its first row.
struct Out<'a> {
    path: &'a Path,
    file: Option<NewFile>,
    rows: u64,
    /// The chains that archived rows have named.
    named: BTreeSet<String>,
    undelivered: BTreeMap<String, i64>,
}

impl Out<'_> {
    fn file(&mut self) -> Result<&mut NewFile, ArchiveError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => NewFile::create(self.path).map_err(|error| of_file(self.path, error))?,
        };
        Ok(self.file.insert(file))
    }
}

fn of_file(path: &Path, error: io::Error) -> ArchiveError {
    ArchiveError::File { file: PathBuf::from(path).display().to_string(), error }
}

impl Written<'_> {
    #[must_use]
    pub fn chains(&self) -> usize {
        self.pieces.len()
    }

    /// Puts the archive on record. Chains that were named only by rows which leave are named once more.
    pub async fn record(&self) -> Result<(), ArchiveError> {
        let mut ends: BTreeMap<String, i64> =
            self.archiving.store.ledger_beginnings().await?.into_iter().map(|row| (row.chain, row.seq)).collect();
        ends.extend(self.pieces.iter().map(|piece| (piece.last.chain.clone(), piece.last.seq)));
        for head in self.archiving.store.ledger_heads().await? {
            let rows_stay = ends.get(&head.chain).is_none_or(|end| *end < head.seq);
            if rows_stay && self.named.contains(&head.chain) {
                self.archiving.store.forget_who_saw(&head.chain).await?;
            }
        }
        let ledger = Ledger::open(self.archiving.store.clone(), Arc::clone(&self.archiving.clock)).await?;
        let ends: Vec<ChainHead> = self.pieces.iter().map(|piece| piece.last.clone()).collect();
        for ends in ends.chunks(CHAINS_IN_A_ROW) {
            let (file, sha256, chains) = (&self.file, &self.sha256, &listed(ends));
            ledger.record(&Event::Archived { file, rows: self.rows, sha256, chains }).await?;
        }
        Ok(())
    }

    /// Removes the rows from the database.
    pub async fn remove(&self) -> Result<(), ArchiveError> {
        for Piece { after, last } in &self.pieces {
            let mut after = *after;
            while after < last.seq {
                let upto = last.seq.min(after + BATCH);
                self.remove_batch(&last.chain, after, upto).await?;
                after = upto;
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// A server that writes may hold the database for a moment.
    async fn remove_batch(&self, chain: &str, after: i64, last: i64) -> Result<(), ArchiveError> {
        let store = self.archiving.store;
        let remove = || store.remove_archived(chain, after, last);
        if remove.retry(ExponentialBuilder::default().with_jitter()).when(StoreError::is_unavailable).await? {
            return Ok(());
        }
        // A try of which nobody knew how it ended has done it, or somebody else is here.
        let beginnings = store.ledger_beginnings().await?;
        match beginnings.iter().find(|row| row.chain == chain) {
            Some(row) if row.seq == last => Ok(()),
            _ => Err(ArchiveError::Moved(chain.to_owned())),
        }
    }
}
