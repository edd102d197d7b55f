//! What the ledger itself says about rows that were archived: which file they are in, and where each chain went on. Rows that
//! say so are never archived, so a chain whose first rows just vanished is always found out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::line::shown;
use super::witnesses::Witnesses;
use crate::store::{ChainHead, LedgerFilter, LedgerRow, Store, StoreError};

/// The kind of a row that says what was archived.
pub(super) const ARCHIVED: &str = "archived";

/// So many chains are named by one row at most: no row grows with the number of servers that there were.
pub(super) const CHAINS_IN_A_ROW: usize = 50;

/// The last archived rows of chains, as text: `chn_1:99:HASH chn_2:5:HASH`.
pub(super) fn listed(ends: &[ChainHead]) -> String {
    let ends = ends.iter().map(|end| format!("{}:{}:{}", end.chain, end.seq, shown(&end.hash)));
    ends.collect::<Vec<_>>().join(" ")
}

#[derive(Deserialize)]
struct Body {
    sha256: String,
    chains: String,
}

/// All that is on record about archived rows.
#[derive(Debug, Default)]
pub(super) struct OnRecord {
    files: BTreeSet<String>,
    /// By chain: the last row that was archived.
    ends: BTreeMap<String, i64>,
}

impl OnRecord {
    /// Reads it, and adds what it says to what is known of the rows.
    pub(super) async fn read(store: &Store, witnesses: &mut Witnesses) -> Result<Self, StoreError> {
        let filter = LedgerFilter { kind: Some(ARCHIVED.to_owned()), ..LedgerFilter::default() };
        let (mut on_record, mut after) = (Self::default(), None);
        loop {
            let rows = store.read_ledger(&filter, after.take()).await?;
            let Some(last) = rows.last() else { return Ok(on_record) };
            after = Some((last.at, last.chain.clone(), last.seq));
            for row in &rows {
                on_record.add(row, witnesses);
            }
        }
    }

    /// A body that cannot be read was altered, which following its own chain will tell.
    fn add(&mut self, row: &LedgerRow, witnesses: &mut Witnesses) {
        let Ok(body) = serde_json::from_str::<Body>(&row.body) else { return };
        self.files.insert(body.sha256);
        for end in body.chains.split(' ') {
            let mut parts = end.splitn(3, ':');
            let (chain, seq, hash) = (parts.next(), parts.next().and_then(|seq| seq.parse().ok()), parts.next());
            if let (Some(chain), Some(seq), Some(hash)) = (chain, seq, hash) {
                witnesses.insert(chain.to_owned(), seq, hash.to_owned(), &row.chain);
                let end = self.ends.entry(chain.to_owned()).or_insert(seq);
                *end = seq.max(*end);
            }
        }
    }

    /// Whether a file with this hash was written.
    pub(super) fn has_file(&self, sha256: &str) -> bool {
        self.files.contains(sha256)
    }

    /// Whether the rows of a chain up to this one were archived. Archiving that was cut short may have stopped before the row
    /// that is on record.
    pub(super) fn has(&self, last: &ChainHead) -> bool {
        self.ends.get(&last.chain).is_some_and(|end| *end >= last.seq)
    }
}
