//! The status lists, signed and kept for a moment (Token Status List section 5.1).

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared_claims::status_list::{List, StatusBits, StatusListClaims, TOKEN_TYPE};
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::status_index::{StatusIndex, list_address};
use super::{KeyRing, SigningError};
use crate::registry::SigningAlgorithm;
use crate::store::{LIST_SIZE, Store, StoreError};

/// How old a list may be that is served.
const KEPT_FOR: Duration = Duration::SECOND;

/// A list is good for so long, wherever it is kept.
const LIFETIME: Duration = Duration::minutes(10);

/// Even an unchanged list is signed anew after this, so that whoever asks by `ETag` never holds one that is about to expire.
const SIGNED_ANEW_AFTER: Duration = Duration::minutes(5);

/// The longest that an API goes without asking.
pub const TTL: Duration = Duration::seconds(5);

/// A list ready to be served.
#[derive(Debug)]
pub struct SignedList {
    pub token: String,
    pub etag: String,
    built_at: OffsetDateTime,
    signed_at: OffsetDateTime,
    fingerprint: Vec<u8>,
}

/// Why a list cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum NoStatusList {
    #[error("there is no such list")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// The lists of this server. However many ask, each is read from the database at most once a second.
#[derive(Debug, Default)]
pub struct StatusLists(Mutex<HashMap<i64, Arc<SignedList>>>);

/// What a list is made with.
pub struct Making<'a> {
    pub issuer: &'a str,
    pub store: &'a Store,
    pub keys: &'a KeyRing,
    pub algorithm: SigningAlgorithm,
    pub now: OffsetDateTime,
}

impl StatusLists {
    pub async fn get(&self, list: i64, making: &Making<'_>) -> Result<Arc<SignedList>, NoStatusList> {
        let mut lists = self.0.lock().await;
        let known = lists.get(&list);
        if let Some(known) = known.filter(|known| (making.now - known.built_at).abs() < KEPT_FOR) {
            return Ok(Arc::clone(known));
        }
        if !(0..making.store.count_status_lists().await?).contains(&list) {
            return Err(NoStatusList::Unknown);
        }
        let ended = making.store.ended_status_indices(list, making.now).await?;
        let signed = Arc::new(making.sign(list, &ended, known.map(AsRef::as_ref))?);
        lists.insert(list, Arc::clone(&signed));
        Ok(signed)
    }
}

impl Making<'_> {
    fn sign(&self, list: i64, ended: &[i64], known: Option<&SignedList>) -> Result<SignedList, SigningError> {
        let bits = bits_of(ended);
        let packed = bits.to_lst();
        let fingerprint = digest::digest(&digest::SHA256, packed.as_bytes()).as_ref().to_vec();
        let unchanged = known.filter(|known| known.fingerprint == fingerprint);
        let unchanged = unchanged.filter(|known| (self.now - known.signed_at).abs() < SIGNED_ANEW_AFTER);
        if let Some(known) = unchanged {
            let (token, etag) = (known.token.clone(), known.etag.clone());
            return Ok(SignedList { token, etag, built_at: self.now, signed_at: known.signed_at, fingerprint });
        }
        let key = self.keys.signer(self.algorithm, self.now).ok_or(SigningError::NoKey(self.algorithm))?;
        let claims = StatusListClaims {
            sub: list_address(self.issuer, list),
            iat: self.now,
            exp: self.now + LIFETIME,
            ttl: u32::try_from(TTL.whole_seconds()).unwrap_or(1),
            status_list: List { bits: 1, lst: packed },
        };
        let token = key.sign(TOKEN_TYPE, &claims)?;
        let etag = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()));
        Ok(SignedList { token, etag: format!("\"{etag}\""), built_at: self.now, signed_at: self.now, fingerprint })
    }
}

fn bits_of(ended: &[i64]) -> StatusBits {
    let mut bits = StatusBits::unset(usize::try_from(LIST_SIZE).unwrap_or_default());
    for index in ended {
        bits.set(StatusIndex(*index).place());
    }
    bits
}
