//! Places in the status lists (Token Status List section 6.1): one for each grant, so that one bit ends every token of a
//! chain.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::rand;
use shared_claims::claims::{Status, StatusListReference};
use time::OffsetDateTime;

use crate::store::{BLOCK_AGE, BLOCK_SIZE, LIST_SIZE, Store, StoreError};

/// Where a list is served, below the issuer.
pub const STATUS_PATH: &str = "/oauth/status";

/// The index of a grant, as the database has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusIndex(pub i64);

impl StatusIndex {
    /// The list that it is in.
    #[must_use]
    pub fn list(self) -> i64 {
        self.0.div_euclid(LIST_SIZE)
    }

    /// Its place within the list. The bits of the index are reversed: the run of indices that a server took together is
    /// spread over the whole list, so that places tell nothing of who came when (Token Status List section 12.5).
    #[must_use]
    pub fn place(self) -> u64 {
        let within = u64::try_from(self.0.rem_euclid(LIST_SIZE)).unwrap_or_default();
        within.reverse_bits() >> (u64::BITS - LIST_SIZE.trailing_zeros())
    }

    /// The claim `status`.
    #[must_use]
    pub fn claim(self, issuer: &str) -> Status {
        Status { status_list: StatusListReference { idx: self.place(), uri: list_address(issuer, self.list()) } }
    }
}

/// The address of a list.
#[must_use]
pub fn list_address(issuer: &str, list: i64) -> String {
    [issuer.trim_end_matches('/'), STATUS_PATH, "/", &list.to_string()].concat()
}

/// Gives each new grant an index that no other has.
#[derive(Debug, Default)]
pub struct StatusIndices {
    left: Mutex<Left>,
    /// Whoever holds it takes the next block.
    turn: tokio::sync::Mutex<()>,
}

/// What is left of this server's block, in random order.
#[derive(Debug, Default)]
struct Left {
    indices: Vec<i64>,
    good_until: Option<OffsetDateTime>,
}

impl StatusIndices {
    /// The next index. Asks the database once in a thousand times.
    pub async fn next(&self, store: &Store, now: OffsetDateTime) -> Result<StatusIndex, StoreError> {
        loop {
            if let Some(index) = self.take(now) {
                return Ok(StatusIndex(index));
            }
            let _turn = self.turn.lock().await;
            if self.is_empty(now) {
                let block = store.reserve_status_block(random(), now).await?;
                let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
                *left = Left { indices: shuffled(block), good_until: Some(now + BLOCK_AGE) };
            }
        }
    }

    fn take(&self, now: OffsetDateTime) -> Option<i64> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.good_until.is_some_and(|until| now < until) { left.indices.pop() } else { None }
    }

    fn is_empty(&self, now: OffsetDateTime) -> bool {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.indices.is_empty() || left.good_until.is_none_or(|until| until <= now)
    }
}

fn shuffled(block: i64) -> Vec<i64> {
    let mut indices: Vec<i64> = (block * BLOCK_SIZE..(block + 1) * BLOCK_SIZE).collect();
    for last in (1..indices.len()).rev() {
        let other = usize::try_from(random() % (last as u64 + 1)).unwrap_or_default();
        indices.swap(last, other);
    }
    indices
}

/// For the order of indices: nothing is secret by it. Without randomness they come in a plain order.
fn random() -> u64 {
    let mut bytes = [0; 8];
    let _ = rand::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_index_of_a_list_has_its_own_place() {
        let places: BTreeSet<u64> = (0..LIST_SIZE).map(|index| StatusIndex(index).place()).collect();
        assert_eq!(places.len(), usize::try_from(LIST_SIZE).unwrap());
        assert_eq!(places.last().copied(), u64::try_from(LIST_SIZE - 1).ok());
    }

    #[test]
    fn neighbours_lie_far_apart() {
        let apart = StatusIndex(0).place().abs_diff(StatusIndex(1).place());
        assert_eq!(apart, u64::try_from(LIST_SIZE / 2).unwrap());
    }

    #[test]
    fn a_claim_names_the_list_below_the_issuer() {
        let claim = StatusIndex(LIST_SIZE + 1).claim("https://issuer.example/tenant/");
        assert_eq!(claim.status_list.uri, "https://issuer.example/tenant/oauth/status/1");
        assert_eq!(claim.status_list.idx, StatusIndex(1).place());
    }

    #[test]
    fn a_block_is_given_out_whole_and_out_of_order() {
        let indices = shuffled(3);
        let all: BTreeSet<i64> = indices.iter().copied().collect();
        assert_eq!(all, (3 * BLOCK_SIZE..4 * BLOCK_SIZE).collect());
        assert!(indices.windows(2).filter(|pair| pair[1] == pair[0] + 1).count() < 100);
    }
}
