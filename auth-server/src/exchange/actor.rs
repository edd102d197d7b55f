//! Who acts (RFC 8693 section 4.1): `act` is always written, and a chain never gets shorter.

use shared_claims::Actor;

use super::target::Target;
use super::{ActorToken, Facts, GrantStanding, Refusal};
use crate::registry::Api;

/// The new current actor: the asking client, or the agent inside it whose token it shows (RFC 8693 section 2.1).
pub(super) fn who_acts(source: &Api, facts: &Facts<'_>) -> Result<Actor, Refusal> {
    let asker = facts.asker.id.as_str();
    match &facts.actor {
        None => Ok(Actor::client(asker)),
        Some(shown) => {
            belongs_to_the_asker(shown, source, facts)?;
            Ok(Actor { sub: shown.claims.sub.clone(), client_id: Some(asker.to_owned()), act: None })
        }
    }
}

/// An actor token names a machine that acts inside the asker. One that carries a user or a chain of its own would splice
/// two chains into one.
fn belongs_to_the_asker(shown: &ActorToken<'_>, source: &Api, facts: &Facts<'_>) -> Result<(), Refusal> {
    let (token, asker) = (shown.claims, facts.asker.id.as_str());
    if token.jti == facts.subject.jti {
        return Err(Refusal::ActorIsTheSubject);
    }
    if token.has_user() || token.sub != token.client_id || token.act.is_some() {
        return Err(Refusal::ActorNotAMachine);
    }
    // What an agent's token is bound to must be shown with it, and the one who shows it is the asker.
    if token.cnf.as_ref().is_some_and(|bound_to| bound_to.jkt.is_none() || bound_to.jkt.as_deref() != facts.asker_key) {
        return Err(Refusal::ActorBoundToAnotherKey);
    }
    let agent = facts.registry.client(&token.client_id);
    let is_agent = agent.is_some_and(|agent| agent.agent_of.as_deref() == Some(asker));
    let shown_here = token.aud.contains(&source.identifier);
    if token.client_id != asker && !(is_agent && shown_here) {
        return Err(Refusal::ActorNotOfAsker);
    }
    match shown.grant {
        GrantStanding::Live { until } if until > facts.now => Ok(()),
        GrantStanding::Live { .. } | GrantStanding::Ended => Err(Refusal::ActorTokenRevoked),
    }
}

/// `may_act`, where there, names who acts (RFC 8693 section 4.4). One that names nobody allows nobody; its absence
/// allows nothing by itself.
pub(super) fn may_act_for_the_subject(actor: &Actor, facts: &Facts<'_>) -> Result<(), Refusal> {
    let Some(may_act) = &facts.subject.may_act else { return Ok(()) };
    let sub_holds = may_act.sub.as_ref().is_none_or(|sub| *sub == actor.sub);
    let client_holds = may_act.client_id.as_ref().is_none_or(|client| client == facts.asker.id.as_str());
    let names_somebody = may_act.sub.is_some() || may_act.client_id.is_some();
    if names_somebody && sub_holds && client_holds { Ok(()) } else { Err(Refusal::MayActNamesAnother) }
}

/// The new token's `act`: who acts now, around the SUBJECT token's chain. On the first hop the app that the user signed
/// in to becomes the innermost actor.
pub(super) fn extend_chain(actor: Actor, facts: &Facts<'_>) -> Result<Actor, Refusal> {
    let earlier = facts.subject.act.clone().unwrap_or_else(|| Actor::client(&facts.subject.client_id));
    let chain = actor.after(Some(earlier));
    let max_actors = facts.limits.max_actors;
    if chain.depth() <= max_actors { Ok(chain) } else { Err(Refusal::ChainTooDeep { max_actors }) }
}

/// The target is neither the source nor an API that the chain has passed through, unless the pairing allows it.
pub(super) fn does_not_loop(source: &Api, target: &Target, facts: &Facts<'_>) -> Result<(), Refusal> {
    let identifier = target.api.identifier.as_str();
    let passed_through = |actor: &Actor| {
        facts.registry.client(client_of(actor)).is_some_and(|client| client.api.as_deref() == Some(identifier))
    };
    let loops =
        source.identifier == identifier || facts.subject.act.iter().flat_map(Actor::history).any(passed_through);
    if loops && !target.pairing.may_loop { Err(Refusal::ChainLoops) } else { Ok(()) }
}

/// The client that an actor acted as: an agent's is the one inside which it acted.
pub(super) fn client_of(actor: &Actor) -> &str {
    actor.client_id.as_deref().unwrap_or(&actor.sub)
}
