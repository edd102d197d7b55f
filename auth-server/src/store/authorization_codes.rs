//! Authorization codes (RFC 6749 section 4.1.2): redeemed once, and remembered after that, so that a replay is noticed.

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::{MaybeUtc, Utc};
use super::connection::{AnyConnection, on_backend};
use super::schema::authorization_codes as codes;
use super::{GrantId, SecretHash, Store, StoreError};

/// A code to be handed out.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = codes)]
pub struct NewAuthorizationCode {
    pub hash: SecretHash,
    pub client_id: String,
    pub redirect_uri: String,
    /// JSON; its shape is its owner's.
    pub document: String,
    #[diesel(serialize_as = Utc)]
    pub created_at: OffsetDateTime,
    #[diesel(serialize_as = Utc)]
    pub expires_at: OffsetDateTime,
}

/// A code, redeemed or not.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct AuthorizationCode {
    pub hash: SecretHash,
    pub client_id: String,
    pub redirect_uri: String,
    pub document: String,
    #[diesel(deserialize_as = Utc)]
    pub created_at: OffsetDateTime,
    #[diesel(deserialize_as = Utc)]
    pub expires_at: OffsetDateTime,
    #[diesel(deserialize_as = MaybeUtc)]
    pub consumed_at: Option<OffsetDateTime>,
    pub grant_id: Option<GrantId>,
}

impl Store {
    pub async fn insert_authorization_code(&self, code: NewAuthorizationCode) -> Result<(), StoreError> {
        self.write(move |connection| {
            on_backend!(connection, c => diesel::insert_into(codes::table).values(code).execute(c)).map(drop)
        })
        .await
    }

    /// Finds a code, expired and redeemed ones included: who presents it is checked before it is redeemed.
    pub async fn find_authorization_code(&self, hash: SecretHash) -> Result<Option<AuthorizationCode>, StoreError> {
        if self.0.backend.is_sqlite() {
            return self.look(move |connection| find(connection, hash)).await;
        }
        self.ask(&self.0.questions.codes, hash, find_all).await
    }
}

fn find(connection: &mut AnyConnection, hash: SecretHash) -> QueryResult<Option<AuthorizationCode>> {
    on_backend!(connection, c => codes::table.find(hash).first(c).optional())
}

fn find_all(connection: &mut AnyConnection, hashes: &[SecretHash]) -> QueryResult<Vec<Option<AuthorizationCode>>> {
    let found: Vec<AuthorizationCode> = codes::table.filter(codes::hash.eq_any(hashes)).load(connection)?;
    Ok(hashes.iter().map(|hash| found.iter().find(|code| code.hash == *hash).cloned()).collect())
}
