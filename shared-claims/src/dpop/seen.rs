//! What one process remembers of proofs (RFC 9449 section 11.1): each is good for one request. Another process of the same API
//! remembers its own; whoever needs more than that gives nonces.

use std::sync::Arc;

use moka::Entry;
use moka::sync::Cache;

use super::{ACCEPTED_FOR, InvalidProof, Proof};

/// So many proofs are remembered, at about a hundred bytes each. At more in a minute than this the oldest are forgotten early.
const REMEMBERED: u64 = 200_000;

/// The proofs that were taken in the last minutes. Clones share them.
#[derive(Clone, Debug)]
pub struct SeenProofs(Cache<Arc<str>, ()>);

impl Default for SeenProofs {
    fn default() -> Self {
        // Longer than a proof can be accepted, clocks that run apart included.
        let kept = ACCEPTED_FOR.unsigned_abs() * 2;
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_live(kept).build())
    }
}

impl SeenProofs {
    /// Remembers a proof; refuses one that was there already. Of many at once with the same proof, one passes.
    pub fn take(&self, proof: &Proof) -> Result<(), InvalidProof> {
        let name: Arc<str> = format!("{}.{}", proof.jkt, proof.jti).into();
        let entry: Entry<_, ()> = self.0.entry(name).or_insert(());
        if entry.is_fresh() { Ok(()) } else { Err(InvalidProof::Replayed) }
    }
}
