//! What is kept of an authorization request while the person signs in and consents (RFC 6749 section 4.1.1).

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::{Utc, stored};
use super::schema::authorization_requests as requests;
use super::{SecretHash, Store, StoreError};

/// A validated authorization request that waits for its person.
#[derive(Clone, Debug, PartialEq, Queryable, Insertable)]
#[diesel(table_name = requests)]
pub struct AuthorizationRequest {
    pub hash: SecretHash,
    /// Of the cookie of the browser that began: nobody else may go on (confused deputy).
    pub browser_hash: SecretHash,
    pub client_id: String,
    /// JSON; its shape is its owner's.
    pub document: String,
    pub consented: bool,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub created_at: OffsetDateTime,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub expires_at: OffsetDateTime,
}

impl Store {
    pub async fn insert_authorization_request(&self, request: AuthorizationRequest) -> Result<(), StoreError> {
        self.write(move |connection| {
            diesel::insert_into(requests::table).values(request).execute(connection)?;
            Ok(())
        })
        .await
    }

    pub async fn find_authorization_request(
        &self,
        hash: SecretHash,
        now: OffsetDateTime,
    ) -> Result<Option<AuthorizationRequest>, StoreError> {
        self.look(move |connection| {
            requests::table.find(hash).filter(requests::expires_at.gt(stored(now))).first(connection).optional()
        })
        .await
    }

    /// Notes that the person has consented. False: the request is gone.
    pub async fn mark_consented(&self, hash: SecretHash, now: OffsetDateTime) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let live = requests::table.find(hash).filter(requests::expires_at.gt(stored(now)));
            Ok(diesel::update(live).set(requests::consented.eq(true)).execute(connection)? == 1)
        })
        .await
    }

    /// Takes the request out: of all who try, one gets it.
    pub async fn take_authorization_request(
        &self,
        hash: SecretHash,
        now: OffsetDateTime,
    ) -> Result<Option<AuthorizationRequest>, StoreError> {
        self.write(move |connection| {
            let live = requests::table.find(hash).filter(requests::expires_at.gt(stored(now)));
            diesel::delete(live).returning(requests::all_columns).get_result(connection).optional()
        })
        .await
    }
}
