//! What is known of a row from elsewhere: chains name each other's last rows, and a file of archived rows ends where its
//! continuation begins. A chain that was written anew from some row on is not the one that they saw.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::chain::{ANCHOR, Breach};
use super::line::shown;
use crate::store::{ChainHead, LedgerRow};

/// What an anchor row says: by chain, its last row then, and that row's hash.
#[derive(Deserialize)]
struct Anchor {
    chains: BTreeMap<String, (i64, String)>,
}

/// The chains that a row names, if it is an anchor. A body that cannot be read was altered, which following its own chain
/// will tell.
pub(super) fn named_by(row: &LedgerRow) -> BTreeMap<String, (i64, String)> {
    let anchor = (row.kind == ANCHOR).then(|| serde_json::from_str::<Anchor>(&row.body).ok()).flatten();
    anchor.map(|anchor| anchor.chains).unwrap_or_default()
}

/// By chain and row: the row's hash, and who saw it.
#[derive(Debug, Default)]
pub(super) struct Witnesses(BTreeMap<String, BTreeMap<i64, Vec<(String, String)>>>);

impl Witnesses {
    /// `witness` saw a row.
    pub(super) fn add(&mut self, row: &ChainHead, witness: &str) {
        self.insert(row.chain.clone(), row.seq, shown(&row.hash), witness);
    }

    /// Takes the testimony of a row, if it is an anchor.
    pub(super) fn add_anchor(&mut self, row: &LedgerRow) {
        for (chain, (seq, hash)) in named_by(row) {
            self.insert(chain, seq, hash, &row.chain);
        }
    }

    pub(super) fn insert(&mut self, chain: String, seq: i64, hash: String, witness: &str) {
        let of_row = self.0.entry(chain).or_default().entry(seq).or_default();
        if !of_row.iter().any(|(known, _)| *known == hash) {
            of_row.push((hash, witness.to_owned()));
        }
    }

    /// The chains that somebody saw.
    pub(super) fn chains(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether a row is the one that others saw.
    pub(super) fn confirm(&self, chain: &str, seq: i64, hash: &[u8]) -> Result<(), Breach> {
        let saw = self.0.get(chain).and_then(|rows| rows.get(&seq));
        let hash = shown(hash);
        match saw.into_iter().flatten().find(|(seen, _)| *seen != hash) {
            Some(_) => Err(Breach::Altered { chain: chain.to_owned(), seq }),
            None => Ok(()),
        }
    }

    /// Whether nobody saw a row of this chain at `next` or behind it.
    pub(super) fn confirm_end(&self, chain: &str, next: i64) -> Result<(), Breach> {
        let later = self.0.get(chain).and_then(|rows| rows.range(next..).next());
        match later.and_then(|(_, saw)| saw.first()) {
            Some((_, witness)) => Err(Breach::CutOff { chain: chain.to_owned(), seq: next, witness: witness.clone() }),
            None => Ok(()),
        }
    }
}
