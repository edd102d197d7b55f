//! The keys that are in use at a moment: which one signs, and which are published (RFC 7517 section 5).

use std::sync::Arc;

use serde_json::{Value, json};
use shared_claims::validator::{InvalidKeySet, KeySet};
use time::OffsetDateTime;

use super::SigningKey;
use crate::registry::SigningAlgorithm;

/// A key and the times of its life. It is published before it signs, so that every API has met it by then, and after it
/// has signed its last token, until that token has expired.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    pub key: Arc<SigningKey>,
    pub signs_from: OffsetDateTime,
    /// `None`: until a successor takes over.
    pub signs_until: Option<OffsetDateTime>,
    /// When it leaves the JWKS. `None`: not yet known.
    pub retires_at: Option<OffsetDateTime>,
}

impl PublishedKey {
    fn signs_at(&self, now: OffsetDateTime) -> bool {
        self.signs_from <= now && self.signs_until.is_none_or(|until| now < until) && self.is_published_at(now)
    }

    fn is_published_at(&self, now: OffsetDateTime) -> bool {
        self.retires_at.is_none_or(|retires| now < retires)
    }
}

/// The keys that are published at one moment. Immutable: a change makes a new one.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<PublishedKey>,
    verification: KeySet,
    jwks: String,
    stale_from: Option<OffsetDateTime>,
}

impl KeyRing {
    /// The keys of `all` that are published at `now`.
    pub fn at(now: OffsetDateTime, all: impl IntoIterator<Item = PublishedKey>) -> Result<Self, InvalidKeySet> {
        let keys: Vec<_> = all.into_iter().filter(|key| key.is_published_at(now)).collect();
        let members: Vec<&Value> = keys.iter().map(|published| published.key.public_jwk()).collect();
        let jwks = json!({ "keys": members }).to_string();
        let stale_from = keys.iter().filter_map(|published| published.retires_at).min();
        Ok(Self { verification: KeySet::from_jwks(&jwks)?, keys, jwks, stale_from })
    }

    /// The key that signs with `algorithm` now: of several, the one that began last.
    #[must_use]
    pub fn signer(&self, algorithm: SigningAlgorithm, now: OffsetDateTime) -> Option<&Arc<SigningKey>> {
        let of_algorithm = self.keys.iter().filter(|published| published.key.algorithm() == algorithm);
        of_algorithm
            .filter(|published| published.signs_at(now))
            .max_by_key(|published| published.signs_from)
            .map(|published| &published.key)
    }

    /// What verifies this server's own tokens.
    #[must_use]
    pub fn verification(&self) -> &KeySet {
        &self.verification
    }

    /// The JWKS document.
    #[must_use]
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// Whether a key has to leave since this ring was made.
    #[must_use]
    pub fn is_stale_at(&self, now: OffsetDateTime) -> bool {
        self.stale_from.is_some_and(|from| from <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn key(signs_from: Duration, signs_until: Option<Duration>, retires: Option<Duration>) -> PublishedKey {
        PublishedKey {
            key: Arc::new(SigningKey::generate(SigningAlgorithm::EdDSA).unwrap().0),
            signs_from: NOW + signs_from,
            signs_until: signs_until.map(|from_now| NOW + from_now),
            retires_at: retires.map(|from_now| NOW + from_now),
        }
    }

    #[test]
    fn a_new_key_is_published_before_it_signs() {
        let old = key(-Duration::DAY, Some(Duration::HOUR), Some(Duration::DAY));
        let new = key(Duration::HOUR, None, None);
        let (old_kid, new_kid) = (old.key.kid().to_owned(), new.key.kid().to_owned());
        let ring = KeyRing::at(NOW, [old, new]).unwrap();

        assert!(ring.jwks().contains(&new_kid));
        assert_eq!(ring.signer(SigningAlgorithm::EdDSA, NOW).unwrap().kid(), old_kid);
        assert_eq!(ring.signer(SigningAlgorithm::EdDSA, NOW + Duration::HOUR).unwrap().kid(), new_kid);
    }

    #[test]
    fn an_old_key_stays_published_until_it_retires() {
        let old = key(-Duration::DAY, Some(Duration::ZERO), Some(Duration::HOUR));
        let kid = old.key.kid().to_owned();
        let ring = KeyRing::at(NOW, [old.clone()]).unwrap();
        assert!(ring.verification().find(&kid).is_some());
        assert!(ring.signer(SigningAlgorithm::EdDSA, NOW).is_none());
        assert!(ring.is_stale_at(NOW + Duration::HOUR));
        assert!(KeyRing::at(NOW + Duration::HOUR, [old]).unwrap().verification().find(&kid).is_none());
    }

    #[test]
    fn no_key_signs_for_an_algorithm_that_has_none() {
        let ring = KeyRing::at(NOW, [key(Duration::ZERO, None, None)]).unwrap();
        assert!(ring.signer(SigningAlgorithm::RS256, NOW).is_none());
    }
}
