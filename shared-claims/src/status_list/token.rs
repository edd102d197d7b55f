//! The list as a signed token (Token Status List section 5.1).

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{InvalidStatusList, StatusBits};
use crate::validator::{self, KeySet};

/// The header's `typ`.
pub const TOKEN_TYPE: &str = "statuslist+jwt";

/// As which it is served and asked for.
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// A longer token is not looked at.
const MAX_TOKEN_BYTES: usize = 512 * 1024;

/// A list inflates to no more.
const MAX_LIST_BYTES: usize = 256 * 1024;

/// How far the issuer's clock may be ahead.
const SKEW: Duration = Duration::seconds(5);

/// The claims of a status list token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusListClaims {
    /// The list's own address.
    pub sub: String,
    #[serde(with = "time::serde::timestamp")]
    pub iat: OffsetDateTime,
    #[serde(with = "time::serde::timestamp")]
    pub exp: OffsetDateTime,
    /// How many seconds until a newer one should be fetched.
    pub ttl: u32,
    pub status_list: List,
}

/// The list within the claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    pub bits: u8,
    pub lst: String,
}

/// A list that its issuer's key has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusListToken {
    pub bits: StatusBits,
    pub issued_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
    pub ttl: Duration,
}

impl StatusListToken {
    /// Checks the token of the list at `uri`.
    pub fn verify(token: &str, uri: &str, keys: &KeySet, now: OffsetDateTime) -> Result<Self, InvalidStatusList> {
        let claims: StatusListClaims = validator::verify_signed(token, TOKEN_TYPE, MAX_TOKEN_BYTES, keys)?;
        if claims.sub != uri {
            return Err(InvalidStatusList::OfAnotherAddress);
        }
        if claims.exp <= now {
            return Err(InvalidStatusList::Expired);
        }
        if claims.iat > now + SKEW {
            return Err(InvalidStatusList::FromTheFuture);
        }
        if claims.status_list.bits != 1 {
            return Err(InvalidStatusList::Bits(claims.status_list.bits));
        }
        Ok(Self {
            bits: StatusBits::from_lst(&claims.status_list.lst, MAX_LIST_BYTES)?,
            issued_at: claims.iat,
            expires_at: claims.exp,
            ttl: Duration::seconds(i64::from(claims.ttl)),
        })
    }
}
