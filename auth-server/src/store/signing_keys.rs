//! Signing keys, sealed. When a key is published, signs and retires is decided in `tokens/`.

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::{MaybeUtc, Utc};
use super::connection::AnyConnection;
use super::schema::signing_keys as keys;
use super::{Store, StoreError, versions};

/// A signing key. The private half is sealed under the master key, which the store never sees.
#[derive(Clone, PartialEq, Queryable, Insertable)]
#[diesel(table_name = keys)]
pub struct StoredSigningKey {
    pub kid: String,
    pub alg: String,
    pub sealed_private: Vec<u8>,
    /// JSON (RFC 7517).
    pub public_jwk: String,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub created_at: OffsetDateTime,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub published_at: OffsetDateTime,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub signs_from: OffsetDateTime,
    #[diesel(serialize_as = MaybeUtc, deserialize_as = MaybeUtc)]
    pub signs_until: Option<OffsetDateTime>,
    /// When it leaves the JWKS: the last token that it signed has expired by then.
    #[diesel(serialize_as = MaybeUtc, deserialize_as = MaybeUtc)]
    pub retires_at: Option<OffsetDateTime>,
}

impl std::fmt::Debug for StoredSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSigningKey").field("kid", &self.kid).field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// When a key signs and retires.
#[derive(Clone, Copy, Debug, AsChangeset)]
#[diesel(table_name = keys, treat_none_as_null = true)]
pub struct KeyTimes {
    #[diesel(serialize_as = Utc)]
    pub signs_from: OffsetDateTime,
    #[diesel(serialize_as = MaybeUtc)]
    pub signs_until: Option<OffsetDateTime>,
    #[diesel(serialize_as = MaybeUtc)]
    pub retires_at: Option<OffsetDateTime>,
}

impl Store {
    /// All keys, oldest first, with the version of the list.
    pub async fn list_signing_keys(&self) -> Result<(i64, Vec<StoredSigningKey>), StoreError> {
        self.read(|connection| {
            connection.snapshot(|connection| {
                let version = versions::current(connection, versions::SIGNING_KEYS)?;
                let all = keys::table.order((keys::created_at, keys::kid)).load(connection)?;
                Ok((version, all))
            })
        })
        .await
    }

    pub async fn insert_signing_key(&self, key: StoredSigningKey) -> Result<(), StoreError> {
        self.write(move |connection| {
            versions::bump(connection, versions::SIGNING_KEYS)?;
            insert(connection, key)
        })
        .await
    }

    /// Keeps the key if there is none of its algorithm yet: of replicas that start together one makes the first key.
    pub async fn insert_first_signing_key(&self, key: StoredSigningKey) -> Result<bool, StoreError> {
        self.write(move |connection| {
            versions::bump(connection, versions::SIGNING_KEYS)?;
            let of_alg: i64 = keys::table.filter(keys::alg.eq(key.alg.clone())).count().get_result(connection)?;
            if of_alg > 0 {
                return Ok(false);
            }
            insert(connection, key).map(|()| true)
        })
        .await
    }

    /// Changes when a key signs and retires. False: there is no such key.
    pub async fn update_signing_key(&self, kid: &str, times: KeyTimes) -> Result<bool, StoreError> {
        let kid = kid.to_owned();
        self.write(move |connection| {
            versions::bump(connection, versions::SIGNING_KEYS)?;
            Ok(diesel::update(keys::table.find(kid)).set(times).execute(connection)? == 1)
        })
        .await
    }

    /// Forgets a key. False: there is no such key.
    pub async fn delete_signing_key(&self, kid: &str) -> Result<bool, StoreError> {
        let kid = kid.to_owned();
        self.write(move |connection| {
            versions::bump(connection, versions::SIGNING_KEYS)?;
            Ok(diesel::delete(keys::table.find(kid)).execute(connection)? == 1)
        })
        .await
    }
}

fn insert(connection: &mut AnyConnection, key: StoredSigningKey) -> QueryResult<()> {
    diesel::insert_into(keys::table).values(key).execute(connection)?;
    Ok(())
}
