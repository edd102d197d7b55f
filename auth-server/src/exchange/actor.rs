//! Who acts (RFC 8693 section 4.1): `act` is always written, and a chain never gets shorter.

use shared_claims::Actor;

use super::target::Target;
use super::{Facts, Refusal};
use crate::registry::Api;

/// The new token's `act`: the asker, around the subject token's chain. On the first hop the app that the user signed in
/// to becomes the innermost actor.
pub(super) fn extend_chain(facts: &Facts<'_>) -> Result<Actor, Refusal> {
    let earlier = facts.subject.act.clone().unwrap_or_else(|| Actor::client(&facts.subject.client_id));
    let chain = Actor::client(facts.asker.id.as_str()).after(Some(earlier));
    let max_actors = facts.limits.max_actors;
    if chain.depth() <= max_actors { Ok(chain) } else { Err(Refusal::ChainTooDeep { max_actors }) }
}

/// The target is neither the source nor an API that the chain has passed through, unless the pairing allows it.
pub(super) fn does_not_loop(source: &Api, target: &Target, facts: &Facts<'_>) -> Result<(), Refusal> {
    let identifier = target.api.identifier.as_str();
    let passed_through = |actor: &Actor| {
        facts.registry.client(&actor.sub).is_some_and(|client| client.api.as_deref() == Some(identifier))
    };
    let loops =
        source.identifier == identifier || facts.subject.act.iter().flat_map(Actor::history).any(passed_through);
    if loops && !target.pairing.may_loop { Err(Refusal::ChainLoops) } else { Ok(()) }
}
