//! People: who they are, how they sign in, what they may do.

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::{PermissionsJson, ProfileJson, Utc, stored};
use super::connection::{AnyConnection, on_backend};
use super::schema::users;
use super::{PasswordHash, Permissions, Profile, Store, StoreError, UserId};

/// A person.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct User {
    pub id: UserId,
    pub username: String,
    /// None: no sign-in by password.
    pub password_hash: Option<PasswordHash>,
    pub blocked: bool,
    #[diesel(deserialize_as = ProfileJson)]
    pub profile: Profile,
    #[diesel(deserialize_as = PermissionsJson)]
    pub permissions: Permissions,
    #[diesel(deserialize_as = Utc)]
    pub created_at: OffsetDateTime,
    #[diesel(deserialize_as = Utc)]
    pub updated_at: OffsetDateTime,
}

/// A user as the configuration or an administrator describes them.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub username: String,
    /// None keeps what is there.
    pub password_hash: Option<PasswordHash>,
    /// None keeps what is there: a restart must not let in somebody whom an administrator has blocked.
    pub blocked: Option<bool>,
    pub profile: Profile,
    pub permissions: Permissions,
}

#[derive(Insertable)]
#[diesel(table_name = users)]
struct Row {
    #[diesel(serialize_as = UserId)]
    id: UserId,
    username: String,
    username_key: String,
    #[diesel(serialize_as = ProfileJson)]
    profile: Profile,
    #[diesel(serialize_as = PermissionsJson)]
    permissions: Permissions,
    blocked: bool,
    #[diesel(serialize_as = Utc)]
    created_at: OffsetDateTime,
    #[diesel(serialize_as = Utc)]
    updated_at: OffsetDateTime,
}

pub(super) type Columns = (
    users::id,
    users::username,
    users::password_hash,
    users::blocked,
    users::profile,
    users::permissions,
    users::created_at,
    users::updated_at,
);

pub(super) const COLUMNS: Columns = (
    users::id,
    users::username,
    users::password_hash,
    users::blocked,
    users::profile,
    users::permissions,
    users::created_at,
    users::updated_at,
);

/// The username as it is compared: people add spaces and capital letters, and nobody else may be called "Alice" beside
/// "alice".
#[must_use]
pub fn username_key(username: &str) -> String {
    username.trim().to_lowercase()
}

impl Store {
    pub async fn find_user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let id = id.clone();
        if self.0.backend.is_sqlite() {
            return self.look(move |connection| find(connection, id)).await;
        }
        self.ask(&self.0.questions.users, id, find_all).await
    }

    /// Finds a user by what they typed.
    pub async fn find_user_by_username(&self, username: &str) -> Result<Option<User>, StoreError> {
        let key = username_key(username);
        if key.contains('\0') {
            return Ok(None); // PostgreSQL knows no such text
        }
        self.look(move |connection| by_key(connection, &key).optional()).await
    }

    pub async fn list_users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|connection| users::table.select(COLUMNS).order(users::username_key).load(connection)).await
    }

    /// Makes the user, or brings the one of that name up to this description; the id stays.
    pub async fn put_user(&self, user: NewUser, now: OffsetDateTime) -> Result<User, StoreError> {
        self.write(move |connection| put(connection, user, now)).await
    }

    /// Blocks or unblocks. False: there is no such user.
    pub async fn set_blocked(&self, id: &UserId, blocked: bool, now: OffsetDateTime) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |connection| {
            let changes = (users::blocked.eq(blocked), users::updated_at.eq(stored(now)));
            Ok(diesel::update(users::table.find(id)).set(changes).execute(connection)? == 1)
        })
        .await
    }
}

fn find(connection: &mut AnyConnection, id: UserId) -> QueryResult<Option<User>> {
    on_backend!(connection, c => users::table.find(id).select(COLUMNS).first(c).optional())
}

fn find_all(connection: &mut AnyConnection, ids: &[UserId]) -> QueryResult<Vec<Option<User>>> {
    let found: Vec<User> = users::table.filter(users::id.eq_any(ids)).select(COLUMNS).load(connection)?;
    Ok(ids.iter().map(|id| found.iter().find(|user| user.id == *id).cloned()).collect())
}

fn by_key(connection: &mut AnyConnection, key: &str) -> QueryResult<User> {
    users::table.filter(users::username_key.eq(key.to_owned())).select(COLUMNS).first(connection)
}

fn put(connection: &mut AnyConnection, new: NewUser, now: OffsetDateTime) -> QueryResult<User> {
    let key = username_key(&new.username);
    let row = Row {
        id: UserId::generate(),
        username: new.username.clone(),
        username_key: key.clone(),
        profile: new.profile.clone(),
        permissions: new.permissions.clone(),
        blocked: new.blocked.unwrap_or(false),
        created_at: now,
        updated_at: now,
    };
    let inserted = on_backend!(connection, c => {
        diesel::insert_into(users::table).values(row).on_conflict_do_nothing().execute(c)
    })?;
    let found = by_key(connection, &key)?;
    let wanted = User {
        username: new.username,
        password_hash: new.password_hash.or_else(|| found.password_hash.clone()),
        blocked: new.blocked.unwrap_or(found.blocked),
        profile: new.profile,
        permissions: new.permissions,
        ..found.clone()
    };
    if inserted == 0 && wanted == found {
        return Ok(found);
    }
    diesel::update(users::table.find(found.id))
        .set((
            users::username.eq(wanted.username),
            users::password_hash.eq(wanted.password_hash),
            users::blocked.eq(wanted.blocked),
            users::profile.eq(ProfileJson::from(wanted.profile)),
            users::permissions.eq(PermissionsJson::from(wanted.permissions)),
            users::updated_at.eq(stored(now)),
        ))
        .returning(COLUMNS)
        .get_result(connection)
}
