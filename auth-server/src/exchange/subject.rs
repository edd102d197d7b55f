//! What must hold for the subject token (RFC 8693 sections 2.1 and 4.4) beyond its own validity.

use shared_claims::{AccessTokenClaims, Actor};

use super::actor::client_of;
use super::target::Target;
use super::{Facts, GrantStanding, Refusal};
use crate::registry::{Api, Registry};

/// The subject token was issued for the API that now asks. Without this rule any client could exchange any token it
/// got hold of (CVE-2022-1245 and its kin).
pub(super) fn is_addressed_to(source: &Api, facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.subject.aud.contains(&source.identifier) {
        Ok(())
    } else {
        Err(Refusal::NotAddressedToAsker { own_api: source.identifier.clone() })
    }
}

/// The grant that the subject token derives from stands: a revoked chain cannot be extended.
pub(super) fn is_alive(facts: &Facts<'_>) -> Result<(), Refusal> {
    match facts.grant {
        GrantStanding::Live { until } if until > facts.now => Ok(()),
        GrantStanding::Live { .. } | GrantStanding::Ended => Err(Refusal::SubjectTokenRevoked),
    }
}

/// Every client that the subject token came through is still registered, every agent still belongs to its client, and
/// every hop of the chain is still paired: what was removed from the configuration cannot be extended with tokens that are
/// still about.
///
/// `called`: the API that the token is for.
#[must_use]
pub fn came_by_what_is_still_allowed(registry: &Registry, token: &AccessTokenClaims, called: Option<&str>) -> bool {
    if registry.client(&token.client_id).is_none() {
        return false;
    }
    let mut called = called;
    token.act.iter().flat_map(Actor::history).all(|actor| {
        let Some(client) = registry.client(client_of(actor)) else { return false };
        let target = std::mem::replace(&mut called, client.api.as_deref());
        let paired = match (client.api.as_deref(), target) {
            (Some(source), Some(target)) => registry.pairing(source, target).is_some(),
            _ => true,
        };
        paired && is_itself_or_its_agent(actor, registry)
    })
}

fn is_itself_or_its_agent(actor: &Actor, registry: &Registry) -> bool {
    let client_id = client_of(actor);
    let agent = || registry.client(&actor.sub).is_some_and(|agent| agent.agent_of.as_deref() == Some(client_id));
    actor.sub == client_id || agent()
}

pub(super) fn chain_is_still_allowed(facts: &Facts<'_>) -> Result<(), Refusal> {
    let called = facts.asker.api.as_deref();
    let allowed = came_by_what_is_still_allowed(facts.registry, facts.subject, called);
    if allowed { Ok(()) } else { Err(Refusal::ChainNoLongerAllowed) }
}

/// Nobody acts for a blocked user.
pub(super) fn user_is_not_blocked(facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.user.is_some_and(|user| user.blocked) { Err(Refusal::UserBlocked) } else { Ok(()) }
}

/// On behalf of a user: a machine's token is exchanged only where the pairing says so.
pub(super) fn has_a_user_or_the_pairing_takes_machines(target: &Target, facts: &Facts<'_>) -> Result<(), Refusal> {
    if facts.user.is_some() || target.pairing.machine_subjects { Ok(()) } else { Err(Refusal::MachineSubject) }
}
