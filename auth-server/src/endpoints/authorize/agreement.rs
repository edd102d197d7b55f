//! What a person is asked to agree to: what the app may do, and what APIs may do for them behind it, when the app calls.

use shared_claims::Scope;

use crate::exchange::reach::hops_from;
use crate::registry::{Api, Registry};
use crate::store::{PairingConsent, User};

/// Names that the app gets, and pairings that its calls may lead through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    pub scope: Scope,
    pub pairings: Vec<PairingConsent>,
}

impl Agreement {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scope.is_empty() && self.pairings.is_empty()
    }

    /// What of this has not been agreed to yet.
    #[must_use]
    pub fn without(&self, given: &Self) -> Self {
        let still_open = self.pairings.iter().map(|asked| PairingConsent {
            scope: asked.scope.difference(&given.scope_of(&asked.source, &asked.target)),
            ..asked.clone()
        });
        Self {
            scope: self.scope.difference(&given.scope),
            pairings: still_open.filter(|pairing| !pairing.scope.is_empty()).collect(),
        }
    }

    fn scope_of(&self, source: &str, target: &str) -> Scope {
        let of_pairing = self.pairings.iter().filter(|pairing| pairing.source == source && pairing.target == target);
        of_pairing.fold(Scope::empty(), |all, pairing| all.union(&pairing.scope))
    }
}

/// The pairings that a token for `api` with `scope` can lead through, as far as their targets ask the user and the user
/// may do what they give.
#[must_use]
pub fn pairings_behind(
    registry: &Registry,
    api: &Api,
    scope: &Scope,
    user: &User,
    max_actors: usize,
) -> Vec<PairingConsent> {
    let hops = hops_from(registry, &api.identifier, scope, max_actors);
    let asked = hops.into_iter().filter_map(|hop| {
        let target = registry.api(&hop.target).filter(|target| !target.skip_consent)?;
        let scope = match user.permissions.get(&target.identifier) {
            _ if !target.enforce_permissions => hop.scope,
            Some(permitted) => hop.scope.intersection(permitted),
            None => Scope::empty(),
        };
        Some(PairingConsent { source: hop.source, target: hop.target, scope })
    });
    asked.filter(|pairing| !pairing.scope.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairing(target: &str, scope: &str) -> PairingConsent {
        PairingConsent { source: "a".into(), target: target.into(), scope: scope.parse().unwrap() }
    }

    #[test]
    fn what_was_agreed_to_is_not_asked_again_scope_by_scope() {
        let asked =
            Agreement { scope: "openid x".parse().unwrap(), pairings: vec![pairing("b", "r w"), pairing("c", "r")] };
        let given =
            Agreement { scope: "openid".parse().unwrap(), pairings: vec![pairing("b", "r"), pairing("c", "r")] };
        let missing = asked.without(&given);
        assert_eq!(missing, Agreement { scope: "x".parse().unwrap(), pairings: vec![pairing("b", "w")] });
        assert!(asked.without(&asked).is_empty());
    }
}
