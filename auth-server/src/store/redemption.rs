//! The redemption of an authorization code: it is used up, and the grant and the refresh token that it stands for are made.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::QueryFragment;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamp};
use time::OffsetDateTime;

use super::change::Change;
use super::columns::{ListJson, MaybeUtc, ScopeText, stored};
use super::connection::{AnyConnection, on_backend};
use super::one_statement::{Named, With};
use super::schema::{authorization_codes as codes, grants, refresh_tokens};
use super::update::Update;
use super::{GrantId, NewGrant, NewRefreshToken, SecretHash, grants as grant_records, refresh_tokens as token_records};

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

impl Change<Redemption> {
    /// Redeems a code: of all who try, one gets the grant. Check the client, the redirect URI and PKCE before.
    #[must_use]
    pub fn redemption(
        code: SecretHash,
        grant: NewGrant,
        refresh_token: Option<NewRefreshToken>,
        now: OffsetDateTime,
    ) -> Self {
        let wanted = (grant.clone(), refresh_token.clone());
        Self::at_once_or_by(
            move |connection| {
                let AnyConnection::Postgres(postgres) = connection else { return Ok(None) };
                let (grant, refresh_token) = wanted;
                Ok(redeem_unused(postgres, code, grant, refresh_token, now)?.then_some(Redemption::Granted))
            },
            move |connection| redeem(connection, code, grant, refresh_token, now),
        )
    }
}

/// Uses up a code that may be redeemed. On PostgreSQL whoever comes second waits here for the first, and finds no row.
macro_rules! consumption {
    ($code:expr, $grant_id:expr, $now:expr) => {
        Update::of(
            (codes::consumed_at.eq(Some(stored($now))), codes::grant_id.eq(Some($grant_id))),
            codes::hash.eq($code).and(codes::consumed_at.is_null()).and(codes::expires_at.gt(stored($now))),
        )
    };
}

diesel::table! {
    /// The code, used up by this statement.
    redeemed (hash) {
        hash -> Binary,
    }
}

diesel::table! {
    /// The grant that this statement makes.
    granted (id) {
        id -> Text,
    }
}

/// PostgreSQL: redeems a code that may be redeemed, which is what nearly all may. False: this one may not, and nothing has happened.
fn redeem_unused(
    connection: &mut PgConnection,
    code: SecretHash,
    grant: NewGrant,
    refresh_token: Option<NewRefreshToken>,
    now: OffsetDateTime,
) -> QueryResult<bool> {
    let consume = Named("redeemed", consumption!(code, grant.id.clone(), now).returning(codes::hash));
    let made = match refresh_token {
        None => With { parts: (consume,), then: grant_of_code(grant) }.execute(connection)?,
        Some(token) => {
            let parts = (consume, Named("granted", grant_of_code(grant)));
            With { parts, then: first_token_of_grant(token) }.execute(connection)?
        }
    };
    Ok(made == 1)
}

fn grant_of_code(grant: NewGrant) -> impl QueryFragment<Pg> {
    redeemed::table
        .select((
            grant.id.into_sql::<Text>(),
            grant.user_id.into_sql::<Nullable<Text>>(),
            grant.client_id.into_sql::<Text>(),
            grant.sid.into_sql::<Nullable<Text>>(),
            ScopeText::from(grant.scope).into_sql::<Text>(),
            grant.audience.into_sql::<Nullable<Text>>(),
            MaybeUtc::from(grant.auth_time).into_sql::<Nullable<Timestamp>>(),
            grant.acr.into_sql::<Nullable<Text>>(),
            ListJson::from(grant.amr).into_sql::<Text>(),
            ListJson::from(grant.userinfo_claims).into_sql::<Text>(),
            stored(grant.created_at).into_sql::<Timestamp>(),
            stored(grant.expires_at).into_sql::<Timestamp>(),
            grant.status_index.into_sql::<Nullable<BigInt>>(),
        ))
        .insert_into(grants::table)
        .into_columns((
            grants::id,
            grants::user_id,
            grants::client_id,
            grants::sid,
            grants::scope,
            grants::audience,
            grants::auth_time,
            grants::acr,
            grants::amr,
            grants::userinfo_claims,
            grants::created_at,
            grants::expires_at,
            grants::status_index,
        ))
        .returning(grants::id)
}

fn first_token_of_grant(token: NewRefreshToken) -> impl QueryFragment<Pg> {
    granted::table
        .select((
            token.hash.into_sql::<Binary>(),
            granted::id,
            token.hash.into_sql::<Binary>(),
            token.client_id.into_sql::<Text>(),
            token.api.into_sql::<Nullable<Text>>(),
            ScopeText::from(token.scope).into_sql::<Text>(),
            token.document.into_sql::<Text>(),
            token.access_jti.into_sql::<Nullable<Text>>(),
            stored(token.created_at).into_sql::<Timestamp>(),
            stored(token.expires_at).into_sql::<Timestamp>(),
        ))
        .insert_into(refresh_tokens::table)
        .into_columns((
            refresh_tokens::hash,
            refresh_tokens::grant_id,
            refresh_tokens::family_id,
            refresh_tokens::client_id,
            refresh_tokens::api,
            refresh_tokens::scope,
            refresh_tokens::document,
            refresh_tokens::access_jti,
            refresh_tokens::created_at,
            refresh_tokens::expires_at,
        ))
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
    grant_records::insert(connection, grant)?;
    let consume = consumption!(code, grant_id.clone(), now);
    if on_backend!(connection, c => consume.execute(c))? == 0 {
        grant_records::undo(connection, grant_id)?;
        let redeemed: Option<Option<GrantId>> =
            codes::table.find(code).select(codes::grant_id).first(connection).optional()?;
        return Ok(match redeemed.flatten() {
            Some(grant_id) => Redemption::AlreadyRedeemed { grant_id },
            None => Redemption::Unknown,
        });
    }
    if let Some(refresh_token) = refresh_token {
        token_records::insert_first(connection, grant_id, refresh_token)?;
    }
    Ok(Redemption::Granted)
}
