//! How rows hang together: each row's hash covers the row and the hash before it, so that one that is removed, altered or
//! moved breaks the chain where it was.

use aws_lc_rs::digest::{Context, SHA256};

use crate::store::{ChainHead, LedgerRow};

/// What the first row of a chain is linked to.
const BEGINNING: [u8; 32] = [0; 32];

/// The kind of a row that names the last rows of other chains: what was there cannot be cut off unseen.
pub(super) const ANCHOR: &str = "anchor";

/// The hash of a row behind the row whose hash is `before`. Every part goes in with its length.
#[must_use]
pub(super) fn link(before: &[u8], row: &LedgerRow) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    let micros = row.at.unix_timestamp_nanos() / 1000;
    for part in [
        before,
        row.chain.as_bytes(),
        &row.seq.to_be_bytes(),
        &micros.to_be_bytes(),
        row.kind.as_bytes(),
        row.body.as_bytes(),
        row.grant_id.as_deref().unwrap_or_default().as_bytes(),
        row.user_id.as_deref().unwrap_or_default().as_bytes(),
    ] {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().to_vec()
}

/// Numbers and links rows behind a head.
pub(super) fn append(
    chain: &str,
    mut head: Option<ChainHead>,
    mut rows: Vec<LedgerRow>,
) -> (Vec<LedgerRow>, Option<ChainHead>) {
    for row in &mut rows {
        chain.clone_into(&mut row.chain);
        row.seq = head.as_ref().map_or(0, |head| head.seq + 1);
        row.hash = link(head.as_ref().map_or(BEGINNING.as_slice(), |head| &head.hash), row);
        head = Some(ChainHead { chain: chain.to_owned(), seq: row.seq, hash: row.hash.clone() });
    }
    (rows, head)
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    #[error("chain {chain}: row {seq} is missing")]
    Missing { chain: String, seq: i64 },
    #[error("chain {chain}: row {seq} is not what was written")]
    Altered { chain: String, seq: i64 },
    #[error("chain {chain}: the rows from {seq} on are gone, and chain {witness} saw them")]
    CutOff { chain: String, seq: i64, witness: String },
    #[error("chain {chain}: row {seq} is not found by its grant or its user: somebody changed where rows are found")]
    Hidden { chain: String, seq: i64 },
    #[error("chain {chain}: the rows up to {seq} are gone, and no row of the ledger says that they were archived")]
    NotArchived { chain: String, seq: i64 },
}

/// Follows one chain, row after row.
#[derive(Debug)]
pub struct Follower {
    chain: String,
    head: Option<ChainHead>,
}

impl Follower {
    #[must_use]
    pub fn of(chain: &str) -> Self {
        Self { chain: chain.to_owned(), head: None }
    }

    /// From behind a row that is elsewhere on.
    #[must_use]
    pub fn behind(row: ChainHead) -> Self {
        Self { chain: row.chain.clone(), head: Some(row) }
    }

    /// The last row that was followed.
    #[must_use]
    pub fn head(&self) -> Option<&ChainHead> {
        self.head.as_ref()
    }

    /// The row that comes next.
    #[must_use]
    pub fn next_seq(&self) -> i64 {
        self.head.as_ref().map_or(0, |head| head.seq.saturating_add(1))
    }

    /// Takes the next row, if it is the one that was written here.
    pub fn follow(&mut self, row: &LedgerRow) -> Result<(), Breach> {
        let (chain, seq) = (self.chain.clone(), self.next_seq());
        if row.seq != seq {
            return Err(Breach::Missing { chain, seq });
        }
        let before = self.head.as_ref().map_or(BEGINNING.as_slice(), |head| &head.hash);
        if row.hash != link(before, row) {
            return Err(Breach::Altered { chain, seq });
        }
        self.head = Some(ChainHead { chain, seq, hash: row.hash.clone() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    fn row(body: &str) -> LedgerRow {
        LedgerRow {
            chain: String::new(),
            seq: 0,
            at: datetime!(2026-01-01 12:00 UTC),
            kind: "issued".into(),
            body: body.into(),
            hash: Vec::new(),
            grant_id: Some("grt_1".into()),
            user_id: None,
        }
    }

    fn chain_of(bodies: &[&str]) -> Vec<LedgerRow> {
        append("chn_1", None, bodies.iter().map(|body| row(body)).collect()).0
    }

    fn verify(rows: &[LedgerRow]) -> Result<(), Breach> {
        let mut follower = Follower::of("chn_1");
        rows.iter().try_for_each(|row| follower.follow(row))
    }

    #[test]
    fn a_chain_that_was_left_alone_holds_however_it_was_written() {
        assert_eq!(verify(&chain_of(&["a", "b", "c"])), Ok(()));
        let (mut rows, head) = append("chn_1", None, vec![row("a")]);
        rows.extend(append("chn_1", head, vec![row("b"), row("c")]).0);
        assert_eq!(rows, chain_of(&["a", "b", "c"]));
    }

    type Change = fn(&mut LedgerRow);

    #[test]
    fn a_removed_a_moved_and_an_altered_row_are_named() {
        let whole = chain_of(&["a", "b", "c", "d"]);
        let mut removed = whole.clone();
        removed.remove(1);
        assert_eq!(verify(&removed), Err(Breach::Missing { chain: "chn_1".into(), seq: 1 }));
        let mut moved = whole.clone();
        (moved[1].body, moved[2].body) = (whole[2].body.clone(), whole[1].body.clone());
        assert_eq!(verify(&moved), Err(Breach::Altered { chain: "chn_1".into(), seq: 1 }));
        let changes: [Change; 5] = [
            |row| row.body.push(' '),
            |row| row.kind = "refused".into(),
            |row| row.at += time::Duration::MICROSECOND,
            |row| row.grant_id = None,
            |row| row.user_id = Some("usr_1".into()),
        ];
        for change in changes {
            let mut altered = whole.clone();
            change(&mut altered[2]);
            assert_eq!(verify(&altered), Err(Breach::Altered { chain: "chn_1".into(), seq: 2 }));
        }
    }

    #[test]
    fn parts_cannot_lend_each_other_bytes() {
        let (mut one, mut other) = (row("x"), row("x"));
        (one.kind, one.body) = ("ab".into(), "c".into());
        (other.kind, other.body) = ("a".into(), "bc".into());
        assert_ne!(link(&BEGINNING, &one), link(&BEGINNING, &other));
    }

    proptest! {
        #[test]
        fn no_row_can_be_changed_without_a_trace(bodies in proptest::collection::vec(".{0,20}", 1..12), at: prop::sample::Index, change in ".{1,5}") {
            let mut rows = chain_of(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(verify(&rows), Ok(()));
            let place = at.index(rows.len());
            rows[place].body.push_str(&change);
            let altered = Breach::Altered { chain: "chn_1".into(), seq: i64::try_from(place).unwrap() };
            prop_assert_eq!(verify(&rows), Err(altered));
        }
    }
}
