//! The life of signing keys: made at first start, rotated and retired by the operator, followed by every replica.
//!
//! A new key is published before it signs: APIs keep a key set for [`JWKS_MAX_AGE`], and some libraries look again only
//! every ten minutes, whatever the token says. An old key stays published until its last token has expired.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use shared_claims::validator::InvalidKeySet;
use time::{Duration, OffsetDateTime};
use tokio::task::spawn_blocking;

use super::{KeyError, KeyRing, MasterKey, PublishedKey, SealError, SigningKey};
use crate::registry::SigningAlgorithm;
use crate::store::{KeyTimes, Store, StoreError, StoredSigningKey};

/// How long clients may keep the key set.
pub const JWKS_MAX_AGE: Duration = Duration::minutes(5);

/// How long a new key must at least be published before it signs.
pub const SHORTEST_NOTICE: Duration = Duration::minutes(15);

/// A key could not be made, read, rotated or retired.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the key set cannot be read back: {0}")]
    KeySet(#[from] InvalidKeySet),
    #[error("key {kid}: {why}")]
    Unusable { kid: String, why: String },
    #[error("{0}")]
    Refused(String),
    #[error("making a key was interrupted")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Holds the current ring, and knows when it is out of date.
#[derive(Debug)]
pub struct LiveKeys {
    current: ArcSwap<KeyRing>,
    version: AtomicI64,
}

impl LiveKeys {
    /// Loads and unseals the keys.
    pub async fn load(store: &Store, master: &MasterKey, now: OffsetDateTime) -> Result<Self, RotationError> {
        let (version, keys) = store.list_signing_keys().await?;
        let ring = KeyRing::at(now, unseal(master, &keys, now)?)?;
        Ok(Self { current: ArcSwap::from_pointee(ring), version: AtomicI64::new(version) })
    }

    #[must_use]
    pub fn current(&self) -> Arc<KeyRing> {
        self.current.load_full()
    }

    /// Takes over what the operator changed, and lets go of keys that have retired. True: there was something.
    pub async fn refresh(
        &self,
        store: &Store,
        master: &MasterKey,
        now: OffsetDateTime,
    ) -> Result<bool, RotationError> {
        let unchanged = store.version("signing_keys").await? == self.version.load(Ordering::Acquire);
        if unchanged && !self.current().is_stale_at(now) {
            return Ok(false);
        }
        let (version, keys) = store.list_signing_keys().await?;
        let ring = KeyRing::at(now, unseal(master, &keys, now)?)?;
        self.current.store(Arc::new(ring));
        self.version.store(version, Ordering::Release);
        Ok(true)
    }
}

/// Makes the first key of each algorithm that has none. Of replicas that start together, one key wins.
pub async fn ensure_keys(
    store: &Store,
    master: &MasterKey,
    algorithms: impl IntoIterator<Item = SigningAlgorithm>,
    now: OffsetDateTime,
) -> Result<(), RotationError> {
    let (_, keys) = store.list_signing_keys().await?;
    let there: BTreeSet<_> =
        keys.iter().filter(|key| can_sign(key, now)).filter_map(|key| key.alg.parse().ok()).collect();
    for algorithm in algorithms.into_iter().collect::<BTreeSet<_>>().difference(&there) {
        let key = make(master, *algorithm, now, now).await?;
        let kid = key.kid.clone();
        if store.insert_first_signing_key(key).await? {
            log::info!("made signing key {kid}");
        }
    }
    Ok(())
}

/// All keys, oldest first.
pub async fn list_keys(store: &Store) -> Result<Vec<StoredSigningKey>, RotationError> {
    Ok(store.list_signing_keys().await?.1)
}

/// Makes a key that begins to sign after `notice`; the one that signs now stops then, and stays published until the
/// longest token that it can have signed has expired.
pub async fn rotate_key(
    store: &Store,
    master: &MasterKey,
    algorithm: SigningAlgorithm,
    notice: Duration,
    longest_token: Duration,
    now: OffsetDateTime,
) -> Result<String, RotationError> {
    let signs_from = now + notice;
    let new = make(master, algorithm, now, signs_from).await?;
    let kid = new.kid.clone();
    store.insert_signing_key(new).await?;
    for old in list_keys(store).await?.into_iter().filter(|key| key.alg == algorithm.name() && key.kid != kid) {
        if old.signs_until.is_none_or(|until| until > signs_from) && old.retires_at.is_none() {
            let times = KeyTimes {
                signs_from: old.signs_from,
                signs_until: Some(signs_from),
                retires_at: Some(signs_from + longest_token),
            };
            store.update_signing_key(&old.kid, times).await?;
        }
    }
    Ok(kid)
}

/// Takes a key out of the key set at once: every token that it signed dies. Refused for the only key that signs.
pub async fn retire_key(store: &Store, kid: &str, now: OffsetDateTime) -> Result<(), RotationError> {
    let keys = list_keys(store).await?;
    let key = keys
        .iter()
        .find(|key| key.kid == kid)
        .ok_or_else(|| RotationError::Refused(format!("there is no key {kid}: `keys list` shows those there are")))?;
    let successor = keys.iter().any(|other| other.kid != kid && other.alg == key.alg && can_sign(other, now));
    if can_sign(key, now) && !successor {
        return Err(RotationError::Refused(format!(
            "{kid} is the only key that signs with {}: make another first (`keys rotate --alg {} --in 0s --force`)",
            key.alg, key.alg
        )));
    }
    let times = KeyTimes { signs_from: key.signs_from, signs_until: Some(now), retires_at: Some(now) };
    store.update_signing_key(kid, times).await?;
    Ok(())
}

fn can_sign(key: &StoredSigningKey, now: OffsetDateTime) -> bool {
    let over = |end: Option<OffsetDateTime>| end.is_some_and(|end| end <= now);
    key.signs_from <= now && !over(key.signs_until) && !over(key.retires_at)
}

async fn make(
    master: &MasterKey,
    algorithm: SigningAlgorithm,
    now: OffsetDateTime,
    signs_from: OffsetDateTime,
) -> Result<StoredSigningKey, RotationError> {
    let (key, pkcs8) = spawn_blocking(move || SigningKey::generate(algorithm)).await??;
    Ok(StoredSigningKey {
        kid: key.kid().to_owned(),
        alg: algorithm.name().to_owned(),
        sealed_private: master.seal(key.kid(), &pkcs8)?,
        public_jwk: key.public_jwk().to_string(),
        created_at: now,
        published_at: now,
        signs_from,
        signs_until: None,
        retires_at: None,
    })
}

fn unseal(
    master: &MasterKey,
    keys: &[StoredSigningKey],
    now: OffsetDateTime,
) -> Result<Vec<PublishedKey>, RotationError> {
    keys.iter().filter(|key| key.retires_at.is_none_or(|end| end > now)).map(|key| unseal_one(master, key)).collect()
}

fn unseal_one(master: &MasterKey, stored: &StoredSigningKey) -> Result<PublishedKey, RotationError> {
    let unusable = |why: &str| RotationError::Unusable { kid: stored.kid.clone(), why: why.to_owned() };
    let algorithm = stored.alg.parse().map_err(|why: String| unusable(&why))?;
    let pkcs8 = master.open(&stored.kid, &stored.sealed_private)?;
    let key = SigningKey::from_pkcs8(algorithm, &pkcs8)?;
    if key.kid() != stored.kid {
        return Err(unusable("the private key is that of another kid"));
    }
    Ok(PublishedKey {
        key: Arc::new(key),
        signs_from: stored.signs_from,
        signs_until: stored.signs_until,
        retires_at: stored.retires_at,
    })
}
