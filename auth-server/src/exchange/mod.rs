//! The rules of acting on behalf of a user: RFC 8693 with every choice that it leaves open decided (docs/exchange-rules.md).
//!
//! [`decide`] goes from [`Facts`] to what is [`Granted`] or to a [`Refusal`]. It is pure: facts, and the time, come in;
//! nothing is read, written or logged. Whatever a rule does not allow is refused.

mod actor;
mod asker;
mod facts;
mod lifetime;
mod refusal;
mod scope;
mod subject;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use shared_claims::{Actor, Scope};
use time::OffsetDateTime;

pub use facts::{Asked, Facts, GrantStanding, Limits, User};
pub use refusal::Refusal;

use crate::registry::Api;

/// What an exchange gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The API that the new token is for.
    pub target: Arc<Api>,
    /// What the new token allows there.
    pub scope: Scope,
    /// The new token's `act`.
    pub actor: Actor,
    /// The new token's `exp`.
    pub expires_at: OffsetDateTime,
    /// Whether the asking client also gets an ID token (`openid`).
    pub id_token: bool,
    /// Whether the asking client also gets a refresh token (`offline_access`).
    pub refresh_token: bool,
}

impl Granted {
    /// The `scope` of the response (RFC 8693 section 2.2.1): what the token allows, and what came beside it.
    #[must_use]
    pub fn response_scope(&self) -> Scope {
        let beside = [(self.id_token, facts::OPENID), (self.refresh_token, facts::OFFLINE_ACCESS)];
        let beside = beside.into_iter().filter(|(given, _)| *given).filter_map(|(_, name)| name.parse().ok());
        self.scope.union(&beside.collect())
    }
}

/// Decides one exchange. The rules in their order; each refuses by name.
pub fn decide(facts: &Facts<'_>) -> Result<Granted, Refusal> {
    let source = asker::own_api(facts)?;

    subject::is_addressed_to(source, facts)?;
    subject::is_alive(facts)?;
    subject::is_held_by_registered_clients(facts)?;
    subject::user_is_not_blocked(facts)?;
    subject::is_not_bound_to_a_key(facts)?;
    subject::may_be_acted_for_by_the_asker(facts)?;

    let target = target::choose(source, facts)?;
    subject::has_a_user_or_the_pairing_takes_machines(&target, facts)?;
    target::needs_no_consent(&target)?;

    let scope = scope::grant(source, &target, facts)?;
    let id_token = scope::id_token_asked(facts)?;
    let refresh_token = scope::refresh_token_asked(&target, facts)?;

    let actor = actor::extend_chain(facts)?;
    actor::does_not_loop(source, &target, facts)?;
    let expires_at = lifetime::of_the_new_token(&target, facts)?;

    Ok(Granted { target: target.api, scope, actor, expires_at, id_token, refresh_token })
}
