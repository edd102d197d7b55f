//! Never weaker: a token that is bound to a key yields only a token that is bound to the ASKER's key, and an API or client may
//! demand that for all its tokens (RFC 9449 sections 5 and 6, RFC 8705 section 3).

use shared_claims::claims::Confirmation;

use super::target::Target;
use super::{Facts, Refusal};

/// What the new token is bound to. The subject's own `cnf` is never copied: the asker does not hold that key.
pub(super) fn of_the_new_token(target: &Target, facts: &Facts<'_>) -> Result<Option<Confirmation>, Refusal> {
    match facts.asker_key {
        Some(jkt) => Ok(Some(Confirmation { jkt: Some(jkt.to_owned()), x5t_s256: None })),
        None if facts.subject.cnf.is_some() => Err(Refusal::BindingWouldBeLost),
        None if target.api.dpop_bound_access_tokens_required || facts.asker.dpop_bound_access_tokens => {
            Err(Refusal::BindingRequired)
        }
        None => Ok(None),
    }
}
