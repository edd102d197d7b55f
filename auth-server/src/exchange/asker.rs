//! Who may ask (design: "who may ask"). The client's authentication came before.

use super::{Facts, Refusal};
use crate::registry::Api;

/// The asker is the client identity of an API, with the grant type enabled. Returns that API, the source.
pub(super) fn own_api<'a>(facts: &Facts<'a>) -> Result<&'a Api, Refusal> {
    if !facts.asker.may_use(facts.asked.dialect.grant_type()) || facts.asker.is_public() {
        return Err(Refusal::NotAnApiClient);
    }
    let own = facts.asker.api.as_deref().ok_or(Refusal::NotAnApiClient)?;
    facts.registry.api(own).map(AsRef::as_ref).ok_or(Refusal::NotAnApiClient)
}
