//! The rotation of a refresh token: what is presented is used up, and its successor takes its place (RFC 9700 section 4.14.2).
//!
//! A token that comes a second time is either a lost response (nothing of its successor was ever used: the successor is
//! replaced) or theft (the grant is revoked). A replaced successor that is shown after all was not lost: theft as well.

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use diesel::sql_types::{Binary, Nullable, Text, Timestamp};
use time::OffsetDateTime;

use super::change::Change;
use super::columns::{ScopeText, stored};
use super::connection::{AnyConnection, on_backend};
use super::one_statement::{Named, With};
use super::refresh_tokens::{find, insert};
use super::schema::{grants, refresh_tokens};
use super::update::Update;
use super::{GrantId, NewRefreshToken, RefreshToken, SecretHash, grants as grant_records};

/// What became of an attempt to rotate a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Rotation {
    /// The successor is in force.
    Rotated,
    /// The successor is in force, in place of an earlier one that nobody had used: that answer was lost.
    Replaced,
    /// Theft: the grant has been revoked by this call or before it.
    Reused { grant_id: GrantId },
    /// Never issued, or removed.
    Unknown,
    /// Issued to another client. Nothing has happened.
    OfAnotherClient { grant_id: GrantId },
    /// Too old.
    Expired,
    /// The grant was revoked or has expired.
    GrantEnded { grant_id: GrantId },
}

/// Why a grant is revoked when a refresh token comes back.
const REUSE: &str = "refresh_token_reuse";

impl Change<Rotation> {
    /// Replaces the presented token by its successor. The client that presents it is `successor.client_id`, which client
    /// authentication has proved: the token of another client is left alone.
    #[must_use]
    pub fn rotation(presented: SecretHash, successor: NewRefreshToken, now: OffsetDateTime) -> Self {
        let wanted = successor.clone();
        Self::at_once_or_by(
            move |connection| Ok(rotate_first_use(connection, presented, wanted, now)?.then_some(Rotation::Rotated)),
            move |connection| rotate(connection, presented, successor, now),
        )
    }
}

diesel::table! {
    /// The grant that the token came from, alive and held by this statement.
    held (id) {
        id -> Text,
    }
}

diesel::table! {
    /// The token that was presented, used up by this statement.
    used (hash) {
        hash -> Binary,
        grant_id -> Text,
        family_id -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(held, refresh_tokens);

/// Rotates a token that is in force and used for the first time, which is what nearly all are. False: it is not, and nothing has
/// happened.
fn rotate_first_use(
    connection: &mut AnyConnection,
    presented: SecretHash,
    successor: NewRefreshToken,
    now: OffsetDateTime,
) -> QueryResult<bool> {
    match connection {
        AnyConnection::Sqlite(sqlite) => by_two_statements(sqlite, presented, successor, now),
        AnyConnection::Postgres(postgres) => by_one_statement(postgres, presented, successor, now),
    }
}

/// Whether a token is what its client presents, and was not used.
macro_rules! is_in_force {
    ($presented:expr, $client:expr, $now:expr) => {
        refresh_tokens::hash
            .eq($presented)
            .and(refresh_tokens::client_id.eq($client.clone()))
            .and(refresh_tokens::used_at.is_null())
            .and(refresh_tokens::superseded_at.is_null())
            .and(refresh_tokens::expires_at.gt(stored($now)))
    };
}

/// Grants that are alive.
macro_rules! live_grants {
    ($now:expr) => {
        grants::table
            .filter(grants::revoked_at.is_null())
            .filter(grants::expires_at.gt(stored($now)))
            .select(grants::id)
    };
}

/// The successor of the token that was used up, whose row is in `$used`.
macro_rules! follow {
    ($used:ident, $rows:expr, $successor:expr) => {
        $rows
            .select((
                $successor.hash.into_sql::<Binary>(),
                $used::grant_id,
                $used::family_id,
                $used::hash.nullable(),
                $successor.client_id.into_sql::<Text>(),
                $successor.api.into_sql::<Nullable<Text>>(),
                ScopeText::from($successor.scope).into_sql::<Text>(),
                $successor.document.into_sql::<Text>(),
                $successor.access_jti.into_sql::<Nullable<Text>>(),
                stored($successor.created_at).into_sql::<Timestamp>(),
                stored($successor.expires_at).into_sql::<Timestamp>(),
            ))
            .insert_into(refresh_tokens::table)
            .into_columns((
                refresh_tokens::hash,
                refresh_tokens::grant_id,
                refresh_tokens::family_id,
                refresh_tokens::predecessor,
                refresh_tokens::client_id,
                refresh_tokens::api,
                refresh_tokens::scope,
                refresh_tokens::document,
                refresh_tokens::access_jti,
                refresh_tokens::created_at,
                refresh_tokens::expires_at,
            ))
    };
}

/// The grant is held first, as by [`rotate`]: what else happens to the family comes before or after.
fn by_one_statement(
    connection: &mut PgConnection,
    presented: SecretHash,
    successor: NewRefreshToken,
    now: OffsetDateTime,
) -> QueryResult<bool> {
    let of_token = refresh_tokens::table.find(presented).select(refresh_tokens::grant_id).single_value();
    let hold = live_grants!(now).filter(grants::id.nullable().eq(of_token)).for_no_key_update();
    let of_held = refresh_tokens::grant_id.eq_any(held::table.select(held::id));
    let in_force = is_in_force!(presented, successor.client_id, now).and(of_held);
    let use_up = Update::of(refresh_tokens::used_at.eq(Some(stored(now))), in_force).returning((
        refresh_tokens::hash,
        refresh_tokens::grant_id,
        refresh_tokens::family_id,
    ));
    let follow = follow!(used, used::table, successor);
    let rotation = With { parts: (Named("held", hold), Named("used", use_up)), then: follow };
    Ok(rotation.execute(connection)? == 1)
}

fn by_two_statements(
    connection: &mut SqliteConnection,
    presented: SecretHash,
    successor: NewRefreshToken,
    now: OffsetDateTime,
) -> QueryResult<bool> {
    let of_live = exists(live_grants!(now).filter(grants::id.eq(refresh_tokens::grant_id)));
    let in_force = is_in_force!(presented, successor.client_id, now).and(of_live);
    if Update::of(refresh_tokens::used_at.eq(Some(stored(now))), in_force).execute(connection)? == 0 {
        return Ok(false);
    }
    follow!(refresh_tokens, refresh_tokens::table.find(presented), successor).execute(connection)?;
    Ok(true)
}

fn rotate(
    connection: &mut AnyConnection,
    presented: SecretHash,
    successor: NewRefreshToken,
    now: OffsetDateTime,
) -> QueryResult<Rotation> {
    let Some(seen) = find(connection, presented)? else { return Ok(Rotation::Unknown) };
    // Whose it is comes before every effect: a leaked token must not be a switch to end somebody else's grant.
    if seen.client_id != successor.client_id {
        return Ok(Rotation::OfAnotherClient { grant_id: seen.grant_id });
    }
    // From here on this family belongs to this transaction.
    let Some(grant) = grant_records::hold(connection, &seen.grant_id)? else { return Ok(Rotation::Unknown) };
    let Some(token) = seen_again(connection, seen)? else { return Ok(Rotation::Unknown) };
    let grant_id = token.grant_id;

    // What was never used has no successor.
    let is_used = token.used_at.is_some();
    if token.superseded_at.is_some() || is_used && successor_was_used(connection, &grant_id, presented)? {
        grant_records::revoke(connection, &grant_id, REUSE, now)?;
        return Ok(Rotation::Reused { grant_id });
    }
    if !grant.is_live(now) {
        return Ok(Rotation::GrantEnded { grant_id });
    }
    if token.expires_at <= now {
        return Ok(Rotation::Expired);
    }
    let replaced = is_used && supersede_successor(connection, &grant_id, presented, now)?;
    let unused = refresh_tokens::hash.eq(presented).and(refresh_tokens::used_at.is_null());
    let use_up = Update::of(refresh_tokens::used_at.eq(Some(stored(now))), unused);
    on_backend!(connection, c => use_up.execute(c))?;
    insert(connection, grant_id, token.family_id, Some(presented), successor)?;
    Ok(if replaced { Rotation::Replaced } else { Rotation::Rotated })
}

/// Others may have been first while this transaction waited for the grant. SQLite's writer had the database to itself since it
/// began.
fn seen_again(connection: &mut AnyConnection, seen: RefreshToken) -> QueryResult<Option<RefreshToken>> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(Some(seen)),
        AnyConnection::Postgres(_) => find(connection, seen.hash),
    }
}

/// Whether any token that followed this one, or the access token issued with it, was ever used.
fn successor_was_used(connection: &mut AnyConnection, grant: &GrantId, token: SecretHash) -> QueryResult<bool> {
    let used = refresh_tokens::table
        .filter(refresh_tokens::grant_id.eq(grant))
        .filter(refresh_tokens::predecessor.eq(Some(token)))
        .filter(refresh_tokens::used_at.is_not_null().or(refresh_tokens::access_used_at.is_not_null()));
    select(exists(used)).get_result(connection)
}

fn supersede_successor(
    connection: &mut AnyConnection,
    grant: &GrantId,
    token: SecretHash,
    now: OffsetDateTime,
) -> QueryResult<bool> {
    let unused = refresh_tokens::table
        .filter(refresh_tokens::grant_id.eq(grant))
        .filter(refresh_tokens::predecessor.eq(Some(token)))
        .filter(refresh_tokens::superseded_at.is_null());
    let superseded = refresh_tokens::superseded_at.eq(Some(stored(now)));
    Ok(diesel::update(unused).set(superseded).execute(connection)? > 0)
}
