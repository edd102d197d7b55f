//! How a grant is made by itself, and how it ends.

use time::OffsetDateTime;

use super::change::Change;
use super::{GrantId, NewGrant, grants};

impl Change<()> {
    /// Makes a grant with which no refresh token comes: a machine's.
    #[must_use]
    pub fn new_grant(grant: NewGrant) -> Self {
        Self::at_once(move |connection| grants::insert(connection, grant))
    }
}

impl Change<bool> {
    /// Revokes a grant. False: there is none, or it was revoked before (then the first reason stays).
    #[must_use]
    pub fn revocation(id: &GrantId, reason: &str, now: OffsetDateTime) -> Self {
        let (id, reason) = (id.clone(), reason.to_owned());
        Self::by(move |connection| grants::revoke(connection, &id, &reason, now))
    }
}
