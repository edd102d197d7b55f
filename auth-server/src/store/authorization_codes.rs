//! Authorization codes (RFC 6749 section 4.1.2): redeemed once, and remembered after that, so that a replay is noticed.

use diesel::prelude::*;
use time::OffsetDateTime;

use super::change::Change;
use super::columns::{MaybeUtc, Utc, stored};
use super::connection::AnyConnection;
use super::schema::authorization_codes as codes;
use super::{GrantId, NewGrant, NewRefreshToken, SecretHash, Store, StoreError, grants, refresh_tokens};

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

/// What became of an attempt to redeem a code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Redemption {
    /// The grant, and the refresh token if there was one, are made.
    Granted,
    /// A replay. After the client, its ownership of the code and PKCE have been checked, the grant is to be revoked
    /// (RFC 6749 section 4.1.2).
    AlreadyRedeemed { grant_id: GrantId },
    /// Never issued, removed, or expired before it was redeemed.
    Unknown,
}

impl Store {
    pub async fn insert_authorization_code(&self, code: NewAuthorizationCode) -> Result<(), StoreError> {
        self.write(move |connection| {
            diesel::insert_into(codes::table).values(code).execute(connection)?;
            Ok(())
        })
        .await
    }

    /// Finds a code, expired and redeemed ones included: who presents it is checked before it is redeemed.
    pub async fn find_authorization_code(&self, hash: SecretHash) -> Result<Option<AuthorizationCode>, StoreError> {
        self.look(move |connection| codes::table.find(hash).first(connection).optional()).await
    }
}

impl Change<Redemption> {
    /// Redeems a code: of all who try, one gets the grant. Check the client, the redirect URI and PKCE before.
    #[must_use]
    pub fn redemption(
        code: SecretHash,
        grant: NewGrant,
        refresh_token: Option<NewRefreshToken>,
        now: OffsetDateTime,
    ) -> Self {
        Self::by(move |connection| redeem(connection, code, grant, refresh_token, now))
    }
}

fn redeem(
    connection: &mut AnyConnection,
    code: SecretHash,
    grant: NewGrant,
    refresh_token: Option<NewRefreshToken>,
    now: OffsetDateTime,
) -> QueryResult<Redemption> {
    // A code names a grant that is there.
    let grant_id = grant.id.clone();
    grants::insert(connection, grant)?;
    // The condition is in the statement: on PostgreSQL whoever comes second waits here for the first, and finds no row.
    let unused = codes::table.find(code).filter(codes::consumed_at.is_null()).filter(codes::expires_at.gt(stored(now)));
    let consumed = (codes::consumed_at.eq(Some(stored(now))), codes::grant_id.eq(Some(grant_id.clone())));
    if diesel::update(unused).set(consumed).execute(connection)? == 0 {
        grants::undo(connection, grant_id)?;
        let redeemed: Option<Option<GrantId>> =
            codes::table.find(code).select(codes::grant_id).first(connection).optional()?;
        return Ok(match redeemed.flatten() {
            Some(grant_id) => Redemption::AlreadyRedeemed { grant_id },
            None => Redemption::Unknown,
        });
    }
    if let Some(refresh_token) = refresh_token {
        refresh_tokens::insert_first(connection, grant_id, refresh_token)?;
    }
    Ok(Redemption::Granted)
}
