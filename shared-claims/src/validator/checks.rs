//! What the claims of a token must say, one rule a function (RFC 9068 section 4, RFC 7519 section 4.1). The signature has
//! been verified before any of these looks.

use time::{Duration, OffsetDateTime};

use super::InvalidToken;
use crate::AccessTokenClaims;

/// More actors inside each other than any chain of ours has.
const MAX_ACTORS: usize = 10;

/// The issuer, character by character (RFC 9068 section 4; RFC 8414 section 3.3 for how to compare).
pub(super) fn issued_by(claims: &AccessTokenClaims, issuer: &str) -> Result<(), InvalidToken> {
    if claims.iss == issuer { Ok(()) } else { Err(InvalidToken::WrongIssuer) }
}

/// One member of the audience is this API (RFC 9068 section 4, RFC 7519 section 4.1.3).
pub(super) fn addressed_to(claims: &AccessTokenClaims, audience: &str) -> Result<(), InvalidToken> {
    if claims.aud.contains(audience) { Ok(()) } else { Err(InvalidToken::WrongAudience) }
}

/// The time is before `exp` (RFC 7519 section 4.1.4). The leeway is taken from the time, since an `exp` at the end of
/// all dates has no room to add to.
pub(super) fn not_expired(
    claims: &AccessTokenClaims,
    now: OffsetDateTime,
    leeway: Duration,
) -> Result<(), InvalidToken> {
    if now.saturating_sub(leeway) < claims.exp { Ok(()) } else { Err(InvalidToken::Expired) }
}

/// The time is not before `nbf` (RFC 7519 section 4.1.5).
pub(super) fn begun(claims: &AccessTokenClaims, now: OffsetDateTime, leeway: Duration) -> Result<(), InvalidToken> {
    let latest = now.saturating_add(leeway);
    if claims.nbf.is_none_or(|begin| begin <= latest) { Ok(()) } else { Err(InvalidToken::NotYetValid) }
}

/// `iat` is not in the future (RFC 7519 section 4.1.6): a clock is wrong or the token is made up.
pub(super) fn issued_in_the_past(
    claims: &AccessTokenClaims,
    now: OffsetDateTime,
    leeway: Duration,
) -> Result<(), InvalidToken> {
    if claims.iat <= now.saturating_add(leeway) { Ok(()) } else { Err(InvalidToken::IssuedInFuture) }
}

/// What RFC 9068 section 2.2 requires is not only there but says something.
pub(super) fn nothing_empty(claims: &AccessTokenClaims) -> Result<(), InvalidToken> {
    let empty = claims.sub.is_empty() || claims.jti.is_empty() || claims.client_id.is_empty();
    if empty { Err(InvalidToken::Claims) } else { Ok(()) }
}

/// A chain of actors has an end, and each of them a name (RFC 8693 section 4.1). Walks, does not recurse.
pub(super) fn actors_are_named(claims: &AccessTokenClaims) -> Result<(), InvalidToken> {
    let Some(current) = &claims.act else { return Ok(()) };
    if current.history().nth(MAX_ACTORS).is_some() {
        return Err(InvalidToken::TooManyActors);
    }
    if current.history().any(|actor| actor.sub.is_empty()) { Err(InvalidToken::Claims) } else { Ok(()) }
}

/// A token is bound to one key in one way (RFC 7800 section 3.1): with two, a checker of one would miss the other.
pub(super) fn bound_at_most_once(claims: &AccessTokenClaims) -> Result<(), InvalidToken> {
    let Some(confirmation) = &claims.cnf else { return Ok(()) };
    match (&confirmation.jkt, &confirmation.x5t_s256) {
        (Some(value), None) | (None, Some(value)) if !value.is_empty() => Ok(()),
        _ => Err(InvalidToken::Claims),
    }
}
