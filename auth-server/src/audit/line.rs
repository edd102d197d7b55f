//! A row as one line of JSON, whole: whoever has the line can compute the row's hash again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::store::{ChainHead, LedgerRow};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    chain: String,
    seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    kind: String,
    /// The text as it was stored: the hash is over these very bytes.
    body: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grant_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    hash: String,
    /// The hash of the row before, where a chain continues that began elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

/// The line is JSON of the right shape, but a hash in it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is not base64url")]
pub(super) struct NoHash;

impl Line {
    /// `before`: the row before, if this is the first of its chain here.
    pub(super) fn of(row: LedgerRow, before: Option<&ChainHead>) -> Self {
        let LedgerRow { chain, seq, at, kind, body, hash, grant_id, user_id } = row;
        let before = before.map(|head| shown(&head.hash));
        Self { chain, seq, at, kind, body, grant_id, user_id, hash: shown(&hash), before }
    }

    /// The row, and the row before, if this line tells its hash.
    pub(super) fn read(self) -> Result<(LedgerRow, Option<ChainHead>), NoHash> {
        let Self { chain, seq, at, kind, body, grant_id, user_id, hash, before } = self;
        // Nothing is before the first row of a chain, whatever the line says.
        let before = before.filter(|_| seq > 0).map(|before| hash_of(&before)).transpose()?;
        let before = before.map(|hash| ChainHead { chain: chain.clone(), seq: seq - 1, hash });
        let hash = hash_of(&hash)?;
        Ok((LedgerRow { chain, seq, at, kind, body, hash, grant_id, user_id }, before))
    }
}

/// A hash as it is written wherever it is text.
pub(super) fn shown(hash: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(hash)
}

fn hash_of(text: &str) -> Result<Vec<u8>, NoHash> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NoHash)
}
