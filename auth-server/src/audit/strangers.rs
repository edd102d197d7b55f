//! Refusals to callers who did not prove who they are: counted by address and reason, and put on record together, so that a
//! flood of them cannot fill the ledger.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// So many different ones are told apart between two writes; what comes beyond is counted without its address.
const TOLD_APART: usize = 1000;

/// What was refused, and from where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refused {
    pub endpoint: &'static str,
    pub error: &'static str,
    pub reason: &'static str,
    /// `None`: from many places.
    pub address: Option<IpAddr>,
}

/// How often each, since the last write.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<BTreeMap<Refused, u64>>);

impl Strangers {
    pub fn count(&self, mut refused: Refused, times: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= TOLD_APART && !counts.contains_key(&refused) {
            refused.address = None;
        }
        let known = counts.entry(refused).or_default();
        *known = known.saturating_add(times);
    }

    pub fn take(&self) -> BTreeMap<Refused, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: u32) -> Refused {
        let address = Some(IpAddr::from(address.to_be_bytes()));
        Refused { endpoint: "token", error: "invalid_client", reason: "client_unknown", address }
    }

    #[test]
    fn the_same_refusal_is_counted_and_taken_once() {
        let strangers = Strangers::default();
        for address in [1, 1, 2] {
            strangers.count(refused(address), 1);
        }
        assert_eq!(strangers.take(), [(refused(1), 2), (refused(2), 1)].into());
        assert!(strangers.take().is_empty());
    }

    #[test]
    fn a_flood_from_everywhere_takes_no_more_room_and_loses_no_count() {
        let strangers = Strangers::default();
        for address in 0..5000 {
            strangers.count(refused(address), 1);
        }
        let counts = strangers.take();
        assert_eq!((counts.len(), counts.values().sum::<u64>()), (TOLD_APART + 1, 5000));
    }
}
