//! Which API the new token is for (RFC 8693 section 2.1 `audience` and `resource`, RFC 8707).

use std::sync::Arc;

use shared_claims::Scope;

use super::{Facts, Refusal};
use crate::registry::{Api, Pairing};

/// A target API, and the pairing that opens it to the asker's API.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub api: Arc<Api>,
    pub pairing: Arc<Pairing>,
}

/// The target that is asked for, or the only one that can be meant. An unknown target and an unpaired one get the same
/// answer, so that nothing can be probed.
pub(super) fn choose(source: &Api, facts: &Facts<'_>) -> Result<Target, Refusal> {
    let pairing = match &facts.asked.target {
        Some(identifier) => {
            facts.registry.pairing(&source.identifier, identifier).ok_or_else(|| not_paired(source, facts))?
        }
        None => only_one_that_owns_the_scope(source, facts)?,
    };
    let api = facts.registry.api(&pairing.target).ok_or_else(|| not_paired(source, facts))?;
    Ok(Target { api: Arc::clone(api), pairing: Arc::clone(pairing) })
}

/// Some clients name scopes and no target (Spring Security): the one paired API that owns them all is meant.
fn only_one_that_owns_the_scope<'a>(source: &Api, facts: &Facts<'a>) -> Result<&'a Arc<Pairing>, Refusal> {
    let asked = facts.asked.scope_of_an_api();
    if asked.is_empty() {
        return Err(missing(source, facts));
    }
    let owns_them_all = |pairing: &&Arc<Pairing>| owned(facts, pairing).is_some_and(|owned| asked.is_subset(&owned));
    let mut candidates = facts.registry.pairings_of(&source.identifier).filter(owns_them_all);
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(missing(source, facts)),
    }
}

fn missing(source: &Api, facts: &Facts<'_>) -> Refusal {
    Refusal::TargetMissing { paired: paired_with(source, facts) }
}

fn not_paired(source: &Api, facts: &Facts<'_>) -> Refusal {
    let asked = facts.asked.target.clone().unwrap_or_default();
    Refusal::TargetNotPaired { asked, paired: paired_with(source, facts) }
}

/// What the asker may name: its own pairings, which are no secret to it.
fn paired_with(source: &Api, facts: &Facts<'_>) -> Vec<String> {
    facts.registry.pairings_of(&source.identifier).map(|pairing| pairing.target.clone()).collect()
}

fn owned(facts: &Facts<'_>, pairing: &Pairing) -> Option<Scope> {
    facts.registry.api(&pairing.target).map(|api| api.scope())
}
