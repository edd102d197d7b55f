//! How long the new token lives. Computed here and nowhere else.

use time::{Duration, OffsetDateTime};

use super::target::Target;
use super::{Facts, GrantStanding, Refusal};

/// A token that ends sooner would be dead before the call that it is for.
const SHORTEST: Duration = Duration::seconds(10);

/// The target's token lifetime, never past the subject token's end (unless the pairing says so) nor past the grant's.
pub(super) fn of_the_new_token(target: &Target, facts: &Facts<'_>) -> Result<OffsetDateTime, Refusal> {
    let mut expires_at = facts.now + target.api.token_lifetime;
    if !target.pairing.may_outlive_subject {
        expires_at = expires_at.min(facts.subject.exp);
    }
    if let GrantStanding::Live { until } = facts.grant {
        expires_at = expires_at.min(until);
    }
    if expires_at - facts.now < SHORTEST { Err(Refusal::LifetimeTooShort) } else { Ok(expires_at) }
}
