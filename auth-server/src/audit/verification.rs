//! Whether the ledger is what was written: every chain is followed from where it begins, and what chains saw of each other is
//! compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::archive_verification::{ArchiveBreach, verify_files};
use super::archived::OnRecord;
use super::chain::{ANCHOR, Breach, Follower};
use super::witnesses::Witnesses;
use crate::store::{ChainHead, LedgerFilter, Store, StoreError};

/// A ledger without a breach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub chains: usize,
    pub rows: usize,
    /// Rows in files, those that are still in the database as well included.
    pub archived: usize,
}

/// The ledger cannot be read, or is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum VerificationError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Breach(#[from] Breach),
    #[error(transparent)]
    Archive(#[from] ArchiveBreach),
    #[error("rows are being archived at this moment: verify again when that is done")]
    BeingArchived,
}

/// Follows every chain, through `archives` and the database. The first breach is the answer. What was archived into files that
/// are not given is taken to be as it was.
pub async fn verify(store: &Store, archives: &[PathBuf]) -> Result<Verified, VerificationError> {
    let beginnings = store.ledger_beginnings().await?;
    let verified = follow_all(store, archives, &beginnings).await;
    let breached = matches!(verified, Err(VerificationError::Breach(_) | VerificationError::Archive(_)));
    // Rows that went to a file meanwhile are no breach.
    if breached && store.ledger_beginnings().await? != beginnings {
        return Err(VerificationError::BeingArchived);
    }
    verified
}

async fn follow_all(
    store: &Store,
    archives: &[PathBuf],
    beginnings: &[ChainHead],
) -> Result<Verified, VerificationError> {
    let mut beginnings: BTreeMap<_, _> = beginnings.iter().map(|row| (row.chain.clone(), row.clone())).collect();
    let mut witnesses = what_chains_saw(store).await?;
    let on_record = OnRecord::read(store, &mut witnesses).await?;
    let in_files = verify_files(archives, &beginnings, &on_record, &mut witnesses)?;

    let mut verified = Verified { archived: in_files, ..Verified::default() };
    let heads = store.ledger_heads().await?;
    for head in &heads {
        let beginning = beginnings.remove(&head.chain);
        verified.rows += follow(store, &head.chain, beginning, Some(head.seq), &on_record, &witnesses).await?;
        verified.chains += 1;
    }
    if let Some((chain, beginning)) = beginnings.pop_first() {
        return Err(Breach::Missing { chain, seq: beginning.seq + 1 }.into());
    }
    // Chains that others saw and that are not there any more.
    let here: BTreeSet<&str> = heads.iter().map(|head| head.chain.as_str()).collect();
    for chain in witnesses.chains().filter(|chain| !here.contains(chain)) {
        follow(store, chain, None, None, &on_record, &witnesses).await?;
    }
    Ok(verified)
}

async fn what_chains_saw(store: &Store) -> Result<Witnesses, StoreError> {
    let filter = LedgerFilter { kind: Some(ANCHOR.to_owned()), ..LedgerFilter::default() };
    let (mut witnesses, mut after) = (Witnesses::default(), None);
    loop {
        let rows = store.read_ledger(&filter, after.take()).await?;
        let Some(last) = rows.last() else { return Ok(witnesses) };
        after = Some((last.at, last.chain.clone(), last.seq));
        for row in &rows {
            witnesses.add_anchor(row);
        }
    }
}

/// `beginning`: the row behind which the chain begins here. `last`: the row that it should end with. Returns how many rows
/// it has.
async fn follow(
    store: &Store,
    chain: &str,
    beginning: Option<ChainHead>,
    last: Option<i64>,
    on_record: &OnRecord,
    witnesses: &Witnesses,
) -> Result<usize, VerificationError> {
    let mut follower = match beginning {
        Some(row) if !on_record.has(&row) => {
            return Err(Breach::NotArchived { chain: row.chain, seq: row.seq }.into());
        }
        Some(row) => {
            witnesses.confirm(chain, row.seq, &row.hash)?;
            Follower::behind(row)
        }
        None => Follower::of(chain),
    };
    let mut count = 0;
    loop {
        let first = follower.next_seq();
        let rows = store.read_ledger_chain(chain, first).await?;
        let Some(last) = rows.last() else { break };
        for row in &rows {
            follower.follow(row)?;
            witnesses.confirm(chain, row.seq, &row.hash)?;
            count += 1;
        }
        if let Some(seq) = store.ledger_row_not_found(chain, first, last.seq).await? {
            return Err(Breach::Hidden { chain: chain.to_owned(), seq }.into());
        }
    }
    let next = follower.next_seq();
    witnesses.confirm_end(chain, next)?;
    match last {
        Some(last) if last >= next => Err(Breach::Missing { chain: chain.to_owned(), seq: next }.into()),
        _ => Ok(count),
    }
}
