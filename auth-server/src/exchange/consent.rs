//! The user's consent to a pairing: where a target API asks its users, nobody calls it for them unless they agreed that
//! this app's calls may lead there, scope by scope.

use shared_claims::Scope;

use super::target::Target;
use super::{Facts, Refusal};
use crate::registry::Api;

/// Everything that would be granted has been agreed to. A machine has nobody to ask: its pairing says whether it may.
pub(super) fn covers(scope: &Scope, source: &Api, target: &Target, facts: &Facts<'_>) -> Result<(), Refusal> {
    if target.api.skip_consent || facts.user.is_none() {
        return Ok(());
    }
    let missing = scope.difference(&facts.consents.to(&source.identifier, &target.api.identifier));
    if missing.is_empty() { Ok(()) } else { Err(Refusal::ConsentMissing { missing }) }
}
