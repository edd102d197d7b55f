//! What the new token allows (RFC 8693 section 2.1 `scope`): within the pairing, within what the subject token opens, and
//! within what the user may do at the target now. Rights are computed anew, never copied.

use shared_claims::Scope;

use super::facts::{OFFLINE_ACCESS, OPENID};
use super::target::Target;
use super::{Facts, Refusal};
use crate::protocol::{Dialect, GrantType};
use crate::registry::{Api, OnExcess};

/// What of the asked scope the pairing gives to this subject token.
pub(super) fn within_pairing(source: &Api, target: &Target, facts: &Facts<'_>) -> Result<Scope, Refusal> {
    let open = target.pairing.scope_open_to(&effective_subject_scope(source, facts));
    let asked = asked_of_the_target(target, &open, facts);
    match target.pairing.on_excess {
        OnExcess::Trim => Ok(asked.intersection(&open)),
        OnExcess::Refuse => nothing_in_excess(asked, &open, target, facts),
    }
}

/// What of it the user may do at the target, where the target enforces permissions: the scope of the new token.
pub(super) fn within_permissions(scope: &Scope, target: &Target, facts: &Facts<'_>) -> Result<Scope, Refusal> {
    let still_owned = target.api.known_of(scope);
    let permitted = match facts.user {
        Some(user) if target.api.enforce_permissions => {
            still_owned.intersection(user.permissions_at(&target.api.identifier))
        }
        _ => still_owned,
    };
    if permitted.is_empty() { Err(Refusal::NothingLeft { asked: scope.clone() }) } else { Ok(permitted) }
}

/// What the request names; where it names none, the pairing's defaults, never everything.
fn asked_of_the_target(target: &Target, open: &Scope, facts: &Facts<'_>) -> Scope {
    let named = facts.asked.scope_of_an_api();
    if named.is_empty() { target.pairing.default_scope().intersection(open) } else { named }
}

/// The subject token's scope as far as its user still holds it at the source API: a right that was taken away opens
/// nothing further down the chain.
fn effective_subject_scope(source: &Api, facts: &Facts<'_>) -> Scope {
    let held = source.known_of(&facts.subject.scope);
    match facts.user {
        Some(user) if source.enforce_permissions => held.intersection(user.permissions_at(&source.identifier)),
        _ => held,
    }
}

fn nothing_in_excess(asked: Scope, open: &Scope, target: &Target, facts: &Facts<'_>) -> Result<Scope, Refusal> {
    let outside = target.pairing.excess_of(&asked);
    if !outside.is_empty() {
        return Err(Refusal::ScopeOutsidePairing { excess: outside, allowed: open.clone() });
    }
    let not_open = asked.difference(open);
    if not_open.is_empty() { Ok(asked) } else { Err(requires_more(&not_open, target, facts)) }
}

fn requires_more(not_open: &Scope, target: &Target, facts: &Facts<'_>) -> Refusal {
    let missing = target
        .pairing
        .scopes
        .iter()
        .filter(|paired| not_open.contains(paired.scope.as_str()))
        .filter_map(|paired| paired.requires.clone())
        .filter(|required| !facts.subject.scope.contains(required.as_str()))
        .collect::<Scope>();
    // Empty where the token names the scope but its user has lost the permission for it.
    if missing.is_empty() {
        Refusal::NothingLeft { asked: not_open.clone() }
    } else {
        Refusal::ScopeRequiresMore { asked: not_open.clone(), missing }
    }
}

/// Whether the asking client is to get an ID token.
pub(super) fn id_token_asked(facts: &Facts<'_>) -> Result<bool, Refusal> {
    match facts.user {
        _ if !names(facts, OPENID) => Ok(false),
        Some(_) => Ok(true),
        None => only_a_wish(facts, Refusal::NoUserToIdentify),
    }
}

/// Whether the asking client is to get a refresh token.
pub(super) fn refresh_token_asked(target: &Target, facts: &Facts<'_>) -> Result<bool, Refusal> {
    if !names(facts, OFFLINE_ACCESS) {
        return Ok(false);
    }
    if facts.user.is_none() {
        return only_a_wish(facts, Refusal::NoUserToIdentify);
    }
    if target.api.allow_offline_access && facts.asker.may_use(GrantType::RefreshToken) {
        return Ok(true);
    }
    only_a_wish(facts, Refusal::OfflineAccessNotAllowed)
}

/// Microsoft's libraries always add these names, wanted or not: in their dialect they are granted or dropped.
fn only_a_wish(facts: &Facts<'_>, refusal: Refusal) -> Result<bool, Refusal> {
    match facts.asked.dialect {
        Dialect::TokenExchange => Err(refusal),
        Dialect::JwtBearer => Ok(false),
    }
}

fn names(facts: &Facts<'_>, name: &str) -> bool {
    facts.asked.scope.as_ref().is_some_and(|asked| asked.contains(name))
}
