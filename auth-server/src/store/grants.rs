//! Grants: the roots of everything issued. A revoked grant ends all that came from it, and nothing else.

use diesel::prelude::*;
use shared_claims::Scope;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::columns::{ListJson, MaybeUtc, ScopeText, Utc, stored};
use super::connection::{AnyConnection, on_backend};
use super::schema::grants;
use super::{GrantId, SessionId, Store, StoreError, UserId};

/// What one sign-in, or one machine's request, gave to one client.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct Grant {
    pub id: GrantId,
    /// None: a machine's.
    pub user_id: Option<UserId>,
    pub client_id: String,
    pub sid: Option<SessionId>,
    #[diesel(deserialize_as = ScopeText)]
    pub scope: Scope,
    /// The identifier of the API that it was made for.
    pub audience: Option<String>,
    #[diesel(deserialize_as = MaybeUtc)]
    pub auth_time: Option<OffsetDateTime>,
    pub acr: Option<String>,
    #[diesel(deserialize_as = ListJson)]
    pub amr: Vec<String>,
    /// Claims that the app asked userinfo for by name (OpenID Connect Core section 5.5).
    #[diesel(deserialize_as = ListJson)]
    pub userinfo_claims: Vec<String>,
    #[diesel(deserialize_as = Utc)]
    pub created_at: OffsetDateTime,
    #[diesel(deserialize_as = Utc)]
    pub expires_at: OffsetDateTime,
    #[diesel(deserialize_as = MaybeUtc)]
    pub revoked_at: Option<OffsetDateTime>,
    pub revoked_reason: Option<String>,
    pub status_index: Option<i64>,
}

impl Grant {
    /// Whether anything may still be made from it or accepted because of it.
    #[must_use]
    pub fn is_live(&self, now: OffsetDateTime) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// Which grants are meant; all, where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantFilter {
    pub user: Option<UserId>,
    pub client_id: Option<String>,
}

/// Grants that end together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantsOf {
    /// What was given in one session.
    Session(SessionId),
    /// What a user gave.
    User(UserId),
    /// What a client holds.
    Client(String),
    /// What was given for an API.
    Api(String),
    /// What one client holds of one user.
    UserAtClient(UserId, String),
    Everybody,
}

/// How many grants are revoked in one transaction: nobody waits long for it.
const TOGETHER: i64 = 500;

/// A grant to be made.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = grants, treat_none_as_default_value = false)]
pub struct NewGrant {
    pub id: GrantId,
    pub user_id: Option<UserId>,
    pub client_id: String,
    pub sid: Option<SessionId>,
    #[diesel(serialize_as = ScopeText)]
    pub scope: Scope,
    pub audience: Option<String>,
    #[diesel(serialize_as = MaybeUtc)]
    pub auth_time: Option<OffsetDateTime>,
    pub acr: Option<String>,
    #[diesel(serialize_as = ListJson)]
    pub amr: Vec<String>,
    #[diesel(serialize_as = ListJson)]
    pub userinfo_claims: Vec<String>,
    #[diesel(serialize_as = Utc)]
    pub created_at: OffsetDateTime,
    /// Nothing that comes from the grant may live longer.
    #[diesel(serialize_as = Utc)]
    pub expires_at: OffsetDateTime,
    /// Its place in the status lists.
    pub status_index: Option<i64>,
}

/// Grants to be made, column by column, for a statement that makes many ([`super::one_statement`]).
#[derive(Debug, Default)]
pub(super) struct Grants {
    pub id: Vec<GrantId>,
    pub user_id: Vec<Option<UserId>>,
    pub client_id: Vec<String>,
    pub sid: Vec<Option<SessionId>>,
    pub scope: Vec<ScopeText>,
    pub audience: Vec<Option<String>>,
    pub auth_time: Vec<Option<PrimitiveDateTime>>,
    pub acr: Vec<Option<String>>,
    pub amr: Vec<ListJson>,
    pub userinfo_claims: Vec<ListJson>,
    pub created_at: Vec<PrimitiveDateTime>,
    pub expires_at: Vec<PrimitiveDateTime>,
    pub status_index: Vec<Option<i64>>,
}

impl Grants {
    pub fn push(&mut self, grant: NewGrant) {
        self.id.push(grant.id);
        self.user_id.push(grant.user_id);
        self.client_id.push(grant.client_id);
        self.sid.push(grant.sid);
        self.scope.push(grant.scope.into());
        self.audience.push(grant.audience);
        self.auth_time.push(grant.auth_time.map(stored));
        self.acr.push(grant.acr);
        self.amr.push(grant.amr.into());
        self.userinfo_claims.push(grant.userinfo_claims.into());
        self.created_at.push(stored(grant.created_at));
        self.expires_at.push(stored(grant.expires_at));
        self.status_index.push(grant.status_index);
    }
}

impl Store {
    pub async fn find_grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        let id = id.clone();
        self.look(move |connection| on_backend!(connection, c => grants::table.find(id).first(c).optional())).await
    }

    /// The grants that have not ended, newest first.
    pub async fn list_live_grants(&self, filter: &GrantFilter, now: OffsetDateTime) -> Result<Vec<Grant>, StoreError> {
        let GrantFilter { user, client_id } = filter.clone();
        self.read(move |connection| {
            let mut live = grants::table
                .filter(grants::revoked_at.is_null())
                .filter(grants::expires_at.gt(stored(now)))
                .order((grants::created_at.desc(), grants::id))
                .into_boxed();
            if let Some(user) = user {
                live = live.filter(grants::user_id.eq(Some(user)));
            }
            if let Some(client_id) = client_id {
                live = live.filter(grants::client_id.eq(client_id));
            }
            live.load(connection)
        })
        .await
    }

    /// What was given in a session and has not ended.
    pub async fn live_grants_of_session(&self, sid: &SessionId, now: OffsetDateTime) -> Result<Vec<Grant>, StoreError> {
        let sid = sid.clone();
        self.read(move |connection| {
            grants::table
                .filter(grants::sid.eq(sid))
                .filter(grants::revoked_at.is_null())
                .filter(grants::expires_at.gt(stored(now)))
                .load(connection)
        })
        .await
    }

    /// Revokes all live grants of one kind, in small batches: which they were.
    pub async fn revoke_grants(
        &self,
        of: &GrantsOf,
        reason: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<GrantId>, StoreError> {
        let mut revoked = Vec::new();
        loop {
            let (of, reason) = (of.clone(), reason.to_owned());
            let batch: Vec<GrantId> = self
                .write(move |connection| {
                    let live = grants::table.filter(grants::revoked_at.is_null()).select(grants::id).limit(TOGETHER);
                    let live = live.into_boxed();
                    let live: Vec<GrantId> = match of {
                        GrantsOf::Session(sid) => live.filter(grants::sid.eq(Some(sid))),
                        GrantsOf::User(user) => live.filter(grants::user_id.eq(Some(user))),
                        GrantsOf::Client(client) => live.filter(grants::client_id.eq(client)),
                        GrantsOf::Api(identifier) => live.filter(grants::audience.eq(Some(identifier))),
                        GrantsOf::Everybody => live,
                        GrantsOf::UserAtClient(user, client) => {
                            live.filter(grants::user_id.eq(Some(user))).filter(grants::client_id.eq(client))
                        }
                    }
                    .load(connection)?;
                    let these = grants::table.filter(grants::id.eq_any(&live)).filter(grants::revoked_at.is_null());
                    diesel::update(these).set(revocation(reason, now)).execute(connection)?;
                    Ok(live)
                })
                .await?;
            if batch.is_empty() {
                return Ok(revoked);
            }
            revoked.extend(batch);
        }
    }

    /// Revokes what is held by clients, or was given for APIs, that are `known` no more: which they were.
    pub async fn revoke_grants_of_strangers(
        &self,
        known: impl Fn(&GrantsOf) -> bool,
        reason: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<GrantId>, StoreError> {
        let holders = self.read(move |connection| {
            let live = grants::table.filter(grants::revoked_at.is_null()).filter(grants::expires_at.gt(stored(now)));
            let clients: Vec<String> = live.select(grants::client_id).distinct().load(connection)?;
            let apis: Vec<Option<String>> = live.select(grants::audience).distinct().load(connection)?;
            let apis = apis.into_iter().flatten().map(GrantsOf::Api);
            Ok(clients.into_iter().map(GrantsOf::Client).chain(apis).collect::<Vec<_>>())
        });
        let mut revoked = Vec::new();
        for stranger in holders.await?.into_iter().filter(|holder| !known(holder)) {
            revoked.extend(self.revoke_grants(&stranger, reason, now).await?);
        }
        Ok(revoked)
    }
}

pub(super) type Revocation = (
    diesel::dsl::Eq<grants::revoked_at, Option<PrimitiveDateTime>>,
    diesel::dsl::Eq<grants::revoked_reason, Option<String>>,
);

pub(super) fn revocation(reason: String, now: OffsetDateTime) -> Revocation {
    (grants::revoked_at.eq(Some(stored(now))), grants::revoked_reason.eq(Some(reason)))
}

pub(super) fn insert(connection: &mut AnyConnection, grant: NewGrant) -> QueryResult<()> {
    on_backend!(connection, c => diesel::insert_into(grants::table).values(grant).execute(c)).map(drop)
}

/// Takes back a grant that this transaction inserted.
pub(super) fn undo(connection: &mut AnyConnection, id: GrantId) -> QueryResult<()> {
    diesel::delete(grants::table.find(id)).execute(connection)?;
    Ok(())
}

pub(super) fn revoke(
    connection: &mut AnyConnection,
    id: &GrantId,
    reason: &str,
    now: OffsetDateTime,
) -> QueryResult<bool> {
    let live = grants::table.find(id.clone()).filter(grants::revoked_at.is_null());
    Ok(diesel::update(live).set(revocation(reason.to_owned(), now)).execute(connection)? == 1)
}

/// Reads a grant and holds it until the transaction ends: what is decided about it is decided by one at a time, and a
/// revocation comes before or after, never between. SQLite's writer holds everything already.
pub(super) fn hold(connection: &mut AnyConnection, id: &GrantId) -> QueryResult<Option<Grant>> {
    let grant = grants::table.find(id.clone());
    match connection {
        AnyConnection::Sqlite(connection) => grant.first(connection).optional(),
        AnyConnection::Postgres(connection) => grant.for_no_key_update().first(connection).optional(),
    }
}
