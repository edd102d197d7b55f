//! The rotation of a refresh token: what is presented is used up, and its successor takes its place (RFC 9700 section 4.14.2).
//!
//! A token that comes a second time is either a lost response (nothing of its successor was ever used: the successor is
//! replaced) or theft (the grant is revoked). A replaced successor that is shown after all was not lost: theft as well.

use std::sync::Arc;

use diesel::dsl::{exists, select};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Binary, Nullable, Text, Timestamp};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::batch::{Batched, Wanted};
use super::change::Change;
use super::columns::{ScopeText, stored};
use super::connection::{AnyConnection, on_backend};
use super::one_statement::push_rows;
use super::refresh_tokens::{Tokens, find, insert};
use super::schema::{grants, refresh_tokens};
use super::update::Update;
use super::{GrantId, Inner, NewRefreshToken, RefreshToken, SecretHash, Together, grants as grant_records};

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
        let first = FirstRotation { presented, successor: successor.clone(), now };
        Self::by(move |connection| {
            if let AnyConnection::Sqlite(sqlite) = connection
                && rotate_first_use(sqlite, presented, successor.clone(), now)?
            {
                return Ok(Rotation::Rotated);
            }
            rotate(connection, presented, successor, now)
        })
        .usually(first, Rotation::Rotated)
    }
}

/// SQLite: rotates a token that is in force and used for the first time, which is what nearly all are. False: it is not, and
/// nothing has happened.
fn rotate_first_use(
    connection: &mut SqliteConnection,
    presented: SecretHash,
    successor: NewRefreshToken,
    now: OffsetDateTime,
) -> QueryResult<bool> {
    let of_live = exists(
        grants::table
            .filter(grants::id.eq(refresh_tokens::grant_id))
            .filter(grants::revoked_at.is_null())
            .filter(grants::expires_at.gt(stored(now)))
            .select(grants::id),
    );
    let in_force = refresh_tokens::hash
        .eq(presented)
        .and(refresh_tokens::client_id.eq(successor.client_id.clone()))
        .and(refresh_tokens::used_at.is_null())
        .and(refresh_tokens::superseded_at.is_null())
        .and(refresh_tokens::expires_at.gt(stored(now)))
        .and(of_live);
    if Update::of(refresh_tokens::used_at.eq(Some(stored(now))), in_force).execute(connection)? == 0 {
        return Ok(false);
    }
    let follow = refresh_tokens::table
        .find(presented)
        .select((
            successor.hash.into_sql::<Binary>(),
            refresh_tokens::grant_id,
            refresh_tokens::family_id,
            refresh_tokens::hash.nullable(),
            successor.client_id.into_sql::<Text>(),
            successor.api.into_sql::<Nullable<Text>>(),
            ScopeText::from(successor.scope).into_sql::<Text>(),
            successor.document.into_sql::<Text>(),
            successor.access_jti.into_sql::<Nullable<Text>>(),
            stored(successor.created_at).into_sql::<Timestamp>(),
            stored(successor.expires_at).into_sql::<Timestamp>(),
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
        ));
    follow.execute(connection)?;
    Ok(true)
}

/// PostgreSQL: the rotation of a token that is in force and used for the first time.
pub(super) struct FirstRotation {
    presented: SecretHash,
    successor: NewRefreshToken,
    now: OffsetDateTime,
}

impl Batched for FirstRotation {
    fn wanted(inner: &Inner) -> &Arc<Together<Wanted<Self>>> {
        &inner.changes.rotations
    }

    fn uses(&self) -> SecretHash {
        self.presented
    }

    fn make_all(connection: &mut PgConnection, all: Vec<Self>) -> QueryResult<Vec<SecretHash>> {
        // One time for all, the latest: a token that expires in between is looked at by itself.
        let Some(now) = all.iter().map(|one| one.now).max() else { return Ok(Vec::new()) };
        let mut rotations = FirstRotations { now: stored(now), presented: Vec::new(), successors: Tokens::default() };
        for Self { presented, successor, .. } in all {
            rotations.presented.push(presented);
            rotations.successors.push(successor);
        }
        rotations.load(connection)
    }
}

/// For each its grant, then its token, is held first, as by [`rotate`]: what else happens to a family comes before or after.
/// `LATERAL`: each is found by its key, whatever else the planner thinks of.
#[derive(QueryId)]
struct FirstRotations {
    now: PrimitiveDateTime,
    presented: Vec<SecretHash>,
    successors: Tokens,
}

impl QueryFragment<Pg> for FirstRotations {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Self { now, presented, successors } = self;
        out.push_sql("WITH asked AS (SELECT * FROM ");
        push_rows!(
            out,
            Binary = presented,
            Nullable<Binary> = &successors.hash,
            Nullable<Text> = &successors.client_id,
            Nullable<Text> = &successors.api,
            Nullable<Text> = &successors.scope,
            Nullable<Text> = &successors.document,
            Nullable<Text> = &successors.access_jti,
            Nullable<Timestamp> = &successors.created_at,
            Nullable<Timestamp> = &successors.expires_at,
        );
        out.push_sql(
            " AS asked (presented, hash, client_id, api, scope, document, access_jti, created_at, expires_at)), \
             held AS MATERIALIZED (SELECT asked.* FROM asked \
             CROSS JOIN LATERAL (SELECT grant_id FROM refresh_tokens WHERE hash = asked.presented OFFSET 0) t \
             CROSS JOIN LATERAL (SELECT FROM grants WHERE id = t.grant_id AND revoked_at IS NULL AND expires_at > ",
        );
        out.push_bind_param::<Timestamp, _>(now)?;
        out.push_sql(
            " FOR NO KEY UPDATE SKIP LOCKED) g), \
             unused AS (SELECT held.*, t.grant_id, t.family_id FROM held \
             CROSS JOIN LATERAL (SELECT grant_id, family_id FROM refresh_tokens WHERE hash = held.presented \
             AND client_id = held.client_id AND used_at IS NULL AND superseded_at IS NULL AND expires_at > ",
        );
        out.push_bind_param::<Timestamp, _>(now)?;
        out.push_sql(" FOR NO KEY UPDATE SKIP LOCKED) t), used AS (UPDATE refresh_tokens SET used_at = ");
        out.push_bind_param::<Timestamp, _>(now)?;
        out.push_sql(
            " WHERE hash = ANY (ARRAY (SELECT presented FROM unused))) \
             INSERT INTO refresh_tokens (hash, grant_id, family_id, predecessor, client_id, api, scope, document, \
             access_jti, created_at, expires_at) \
             SELECT hash, grant_id, family_id, presented, client_id, api, scope, document, access_jti, created_at, \
             expires_at FROM unused RETURNING predecessor",
        );
        Ok(())
    }
}

impl Query for FirstRotations {
    type SqlType = Binary;
}

impl RunQueryDsl<PgConnection> for FirstRotations {}

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
