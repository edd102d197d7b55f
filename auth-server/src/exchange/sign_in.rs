//! How the user signed in, where a scope of the target demands more than that they did (RFC 9470).

use shared_claims::Scope;
use time::Duration;

use super::target::Target;
use super::{Facts, Refusal};
use crate::protocol::SignInChallenge;
use crate::registry::SignInStrength;

/// Every scope that would be granted is content with how, and how long ago, the user signed in. A machine never did.
pub(super) fn is_strong_enough(scope: &Scope, target: &Target, facts: &Facts<'_>) -> Result<(), Refusal> {
    let unmet = target.api.sign_in.iter().filter(|(name, _)| scope.contains(name.as_str()));
    let unmet: Vec<_> = unmet.map(|(_, demanded)| demanded).filter(|demanded| !is_met(demanded, facts)).collect();
    if unmet.is_empty() { Ok(()) } else { Err(Refusal::SignInTooWeak { challenge: challenge(&unmet) }) }
}

fn is_met(demanded: &SignInStrength, facts: &Facts<'_>) -> bool {
    let acr = facts.subject.acr.as_ref();
    let acr_holds = demanded.acr.is_empty() || acr.is_some_and(|acr| demanded.acr.contains(acr));
    let age = facts.subject.auth_time.map(|auth_time| facts.now - auth_time);
    let age_holds = demanded.max_age.is_none_or(|max_age| age.is_some_and(|age| age <= max_age));
    acr_holds && age_holds
}

/// What a sign-in must be like to meet all demands: any of the first list, and as fresh as the strictest wants it.
fn challenge(unmet: &[&SignInStrength]) -> SignInChallenge {
    let acr_values = unmet.iter().map(|demanded| &demanded.acr).find(|acr| !acr.is_empty()).cloned();
    let max_age = unmet.iter().filter_map(|demanded| demanded.max_age).min();
    SignInChallenge {
        acr_values: acr_values.unwrap_or_default(),
        max_age: max_age.and_then(|max_age| Duration::try_from(max_age).ok()),
    }
}
