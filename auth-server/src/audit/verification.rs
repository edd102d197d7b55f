//! Whether the ledger is what was written: every chain is followed from its first row, and what chains saw of each other is
//! compared.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::chain::{ANCHOR, Breach, Follower};
use crate::store::{LedgerFilter, LedgerRow, Store, StoreError};

/// A ledger without a breach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    pub chains: usize,
    pub rows: usize,
}

/// The ledger cannot be read, or is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum VerificationError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Breach(#[from] Breach),
}

/// What an anchor row says: by chain, its last row then, and that row's hash.
#[derive(Deserialize)]
struct Anchor {
    chains: BTreeMap<String, (i64, String)>,
}

/// What other chains saw of one chain: by row, its hash and who saw it.
type Seen = BTreeMap<i64, (String, String)>;

/// Follows every chain. The first breach is the answer.
pub async fn verify(store: &Store) -> Result<Verified, VerificationError> {
    let mut seen = what_chains_saw(store).await?;
    let mut verified = Verified::default();
    for head in store.ledger_heads().await? {
        let seen = seen.remove(&head.chain).unwrap_or_default();
        verified.rows += follow(store, &head.chain, Some(head.seq), &seen).await?;
        verified.chains += 1;
    }
    // A chain that others saw and that is not there any more.
    for (chain, seen) in seen {
        follow(store, &chain, None, &seen).await?;
    }
    Ok(verified)
}

async fn what_chains_saw(store: &Store) -> Result<BTreeMap<String, Seen>, VerificationError> {
    let mut seen = BTreeMap::<String, Seen>::new();
    let filter = LedgerFilter { kind: Some(ANCHOR.to_owned()), ..LedgerFilter::default() };
    let mut after = None;
    loop {
        let rows = store.read_ledger(&filter, after.take()).await?;
        let Some(last) = rows.last() else { return Ok(seen) };
        after = Some((last.at, last.chain.clone(), last.seq));
        for row in rows {
            // A body that cannot be read was altered, which following its own chain will tell.
            let Ok(anchor) = serde_json::from_str::<Anchor>(&row.body) else { continue };
            for (chain, (seq, hash)) in anchor.chains {
                seen.entry(chain).or_default().insert(seq, (hash, row.chain.clone()));
            }
        }
    }
}

/// `last`: the row that the chain should end with. Returns how many rows it has.
async fn follow(store: &Store, chain: &str, last: Option<i64>, seen: &Seen) -> Result<usize, VerificationError> {
    let mut follower = Follower::of(chain);
    let mut count = 0;
    loop {
        let rows = store.read_ledger_chain(chain, follower.next_seq()).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            follower.follow(row)?;
            as_it_was_seen(row, seen)?;
            count += 1;
        }
    }
    let next = follower.next_seq();
    if let Some((_, (_, witness))) = seen.range(next..).next() {
        let (chain, witness) = (chain.to_owned(), witness.clone());
        return Err(Breach::CutOff { chain, seq: next, witness }.into());
    }
    match last {
        Some(last) if last >= next => Err(Breach::Missing { chain: chain.to_owned(), seq: next }.into()),
        _ => Ok(count),
    }
}

/// A chain that was written anew from some row on is not the one that others saw.
fn as_it_was_seen(row: &LedgerRow, seen: &Seen) -> Result<(), Breach> {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    match seen.get(&row.seq) {
        Some((hash, _)) if *hash != URL_SAFE_NO_PAD.encode(&row.hash) => {
            Err(Breach::Altered { chain: row.chain.clone(), seq: row.seq })
        }
        _ => Ok(()),
    }
}
