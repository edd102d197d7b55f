//! Making tokens: claims become a signed JWT (RFC 7515), and the keys that sign them are made, sealed and rotated.

mod access_token;
pub mod dpop_nonce;
mod id_token;
mod key_ring;
mod master_key;
mod own_tokens;
mod rotation;
mod signing_key;
mod status_index;
mod status_list;

pub use access_token::{AccessTokenRequest, GrantContext, IssuedAccessToken, SignIn, SigningError, sign_access_token};
pub use id_token::{ID_TOKEN_LIFETIME, IdTokenHint, IdTokenRequest, sign_id_token};
pub use key_ring::{KeyRing, PublishedKey};
pub use master_key::{MasterKey, SealError};
pub use own_tokens::OwnTokens;
pub use rotation::{
    JWKS_MAX_AGE, LiveKeys, RotationError, SHORTEST_NOTICE, ensure_keys, list_keys, retire_key, rotate_key,
};
pub use signing_key::{KeyError, SigningKey};
pub use status_index::{STATUS_PATH, StatusIndex, StatusIndices, list_address};
pub use status_list::{Making, NoStatusList, StatusLists};
