//! What one process remembers of proofs (RFC 9449 section 11.1): each is good for one request. Another process of the same API
//! remembers its own; whoever needs more than that gives nonces.

use std::sync::Arc;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{ACCEPTED_FOR, InvalidProof, Proof};

/// So many proofs are remembered, at about a hundred bytes each. At more in a minute than this the oldest are forgotten early.
const REMEMBERED: u64 = 200_000;

/// The proofs that were taken in the last minutes. Clones share them.
#[derive(Clone, Debug)]
pub struct SeenProofs(Cache<Arc<str>, ()>);

impl Default for SeenProofs {
    fn default() -> Self {
        Self::of_at_most(REMEMBERED)
    }
}

impl SeenProofs {
    fn of_at_most(remembered: u64) -> Self {
        // Longer than a proof can be accepted, clocks that run apart included.
        let kept = ACCEPTED_FOR.unsigned_abs() * 2;
        // By its own policy the cache would keep what was asked for often, and let the new go.
        let oldest_go_first = EvictionPolicy::lru();
        Self(Cache::builder().max_capacity(remembered).time_to_live(kept).eviction_policy(oldest_go_first).build())
    }

    /// Remembers a proof; refuses one that was there already. Of many at once with the same proof, one passes.
    pub fn take(&self, proof: &Proof) -> Result<(), InvalidProof> {
        let name: Arc<str> = format!("{}.{}", proof.jkt, proof.jti).into();
        // `or_insert` looks and inserts in two steps, between which another may look; of the closures of many at once, one runs.
        let entry = self.0.entry(name).or_insert_with(|| ());
        if entry.is_fresh() { Ok(()) } else { Err(InvalidProof::Replayed) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use time::OffsetDateTime;

    use super::*;

    fn proof(jkt: &str, jti: usize) -> Proof {
        let expires_at = OffsetDateTime::UNIX_EPOCH;
        Proof { jkt: jkt.to_owned(), jti: jti.to_string(), nonce: None, expires_at }
    }

    #[test]
    fn a_proof_passes_once_and_keeps_no_other_from_passing() {
        let seen = SeenProofs::default();
        assert_eq!(seen.take(&proof("key", 1)), Ok(()));
        assert_eq!(seen.take(&proof("key", 2)), Ok(()));
        assert_eq!(seen.take(&proof("another key", 1)), Ok(()));
        assert_eq!(seen.take(&proof("key", 1)), Err(InvalidProof::Replayed));
        let later = Proof { expires_at: OffsetDateTime::UNIX_EPOCH + ACCEPTED_FOR, ..proof("key", 2) };
        assert_eq!(seen.take(&later), Err(InvalidProof::Replayed));
    }

    /// Two that look at the same moment are rare, so there are many rounds.
    #[test]
    fn of_many_who_show_the_same_proof_at_once_one_passes() {
        const ROUNDS: usize = 2_000;
        const AT_ONCE: usize = 4;
        let (seen, start) = (SeenProofs::default(), Barrier::new(AT_ONCE));
        let each_round = || -> Vec<bool> {
            let round = |jti| {
                start.wait();
                seen.take(&proof("key", jti)).is_ok()
            };
            (0..ROUNDS).map(round).collect()
        };
        let passed = std::thread::scope(|threads| {
            let shown: Vec<_> = (0..AT_ONCE).map(|_| threads.spawn(each_round)).collect();
            shown.into_iter().map(|shown| shown.join().unwrap()).collect::<Vec<_>>()
        });
        for round in 0..ROUNDS {
            assert_eq!(passed.iter().filter(|passed| passed[round]).count(), 1, "round {round}");
        }
    }

    #[test]
    fn where_more_come_than_are_remembered_the_newest_are_not_forgotten() {
        let seen = SeenProofs::of_at_most(10);
        for jti in 0..1_000 {
            assert_eq!(seen.take(&proof("key", jti)), Ok(()));
            seen.0.run_pending_tasks();
            assert_eq!(seen.take(&proof("key", jti)), Err(InvalidProof::Replayed), "{jti}");
        }
        assert!(seen.0.entry_count() <= 10);
    }
}
