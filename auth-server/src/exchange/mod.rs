//! The rules of acting on behalf of a user: RFC 8693 with every choice that it leaves open decided (docs/on-behalf-of.md).
//!
//! [`decide`] goes from [`Facts`] to what is [`Granted`] or to a [`Refusal`]. It is pure: facts, and the time, come in;
//! nothing is read, written or logged. Whatever a rule does not allow is refused. [`explain`] is the same decision with
//! every rule's verdict.

mod actor;
mod asker;
mod binding;
mod consent;
mod examiner;
mod explanation;
mod facts;
pub mod graph;
mod lifetime;
pub mod reach;
mod refusal;
mod report;
mod rule;
mod scope;
mod sign_in;
mod subject;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use shared_claims::claims::Confirmation;
use shared_claims::{Actor, Scope};
use time::OffsetDateTime;

pub use explanation::{Explanation, Outcome, Verdict};
pub use facts::{ActorToken, Asked, Consents, Facts, GrantStanding, Limits, OFFLINE_ACCESS, User};
pub use refusal::Refusal;
pub use report::Report;
pub use rule::Rule;
pub use subject::came_by_what_is_still_allowed;

use crate::registry::Api;
use examiner::{Examiner, FirstRefusal};

/// What an exchange gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The API that the new token is for.
    pub target: Arc<Api>,
    /// What the new token allows there.
    pub scope: Scope,
    /// The new token's `act`.
    pub actor: Actor,
    /// The new token's `cnf`.
    pub bound_to: Option<Confirmation>,
    /// The new token's `exp`.
    pub expires_at: OffsetDateTime,
    /// Whether the asking client also gets an ID token (`openid`).
    pub id_token: bool,
    /// Whether the asking client also gets a refresh token (`offline_access`).
    pub refresh_token: bool,
}

impl Granted {
    /// What came beside the token for the API: `openid` and `offline_access`, as far as they were granted.
    #[must_use]
    pub fn scope_beside(&self) -> Scope {
        let beside = [(self.id_token, facts::OPENID), (self.refresh_token, OFFLINE_ACCESS)];
        beside.into_iter().filter(|(given, _)| *given).filter_map(|(_, name)| name.parse().ok()).collect()
    }
}

/// Decides one exchange: the first rule that does not hold is the answer.
pub fn decide(facts: &Facts<'_>) -> Result<Granted, Refusal> {
    examine(facts, &mut FirstRefusal)
}

/// Decides the same, and tells each rule's verdict.
#[must_use]
pub fn explain(facts: &Facts<'_>) -> Explanation {
    Explanation::of(facts)
}

/// The rules in their order; each refuses by name.
fn examine(facts: &Facts<'_>, examiner: &mut impl Examiner) -> Result<Granted, Refusal> {
    let source = examiner.needs(Rule::WhoMayAsk, asker::own_api(facts))?;

    examiner.demands(Rule::AddressedToAsker, subject::is_addressed_to(source, facts))?;
    examiner.demands(Rule::SubjectNotRevoked, subject::is_alive(facts))?;
    examiner.demands(Rule::ChainStillAllowed, subject::chain_is_still_allowed(facts))?;
    examiner.demands(Rule::UserNotBlocked, subject::user_is_not_blocked(facts))?;
    let actor = examiner.needs(Rule::ActorToken, actor::who_acts(source, facts))?;
    examiner.demands(Rule::MayAct, actor::may_act_for_the_subject(&actor, facts))?;

    let target = examiner.needs(Rule::Target, target::choose(source, facts))?;
    examiner.demands(Rule::MachineSubject, subject::has_a_user_or_the_pairing_takes_machines(&target, facts))?;
    let bound_to = examiner.needs(Rule::Binding, binding::of_the_new_token(&target, facts))?;

    let in_pairing = examiner.needs(Rule::Scope, scope::within_pairing(source, &target, facts))?;
    let scope = examiner.needs(Rule::Permissions, scope::within_permissions(&in_pairing, &target, facts))?;
    let id_token = examiner.needs(Rule::Openid, scope::id_token_asked(facts))?;
    let refresh_token = examiner.needs(Rule::OfflineAccess, scope::refresh_token_asked(&target, facts))?;

    let actor = examiner.needs(Rule::ChainDepth, actor::extend_chain(actor, facts))?;
    examiner.demands(Rule::ChainLoops, actor::does_not_loop(source, &target, facts))?;

    // What the user can put right is asked for last: nobody is sent to a page for what would be refused all the same.
    examiner.demands(Rule::Consent, consent::covers(&scope, source, &target, facts))?;
    examiner.demands(Rule::SignInStrength, sign_in::is_strong_enough(&scope, &target, facts))?;
    let expires_at = examiner.needs(Rule::Lifetime, lifetime::of_the_new_token(&target, facts))?;

    Ok(Granted { target: target.api, scope, actor, bound_to, expires_at, id_token, refresh_token })
}
