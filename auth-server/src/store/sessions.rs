//! Sign-in sessions of browsers. The cookie's value is never stored, only its hash.

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::{ListJson, Utc, stored};
use super::connection::on_backend;
use super::schema::{authorization_codes, authorization_requests, sessions};
use super::{SecretHash, SessionId, Store, StoreError, UserId};

/// A browser in which a person has signed in.
#[derive(Clone, Debug, PartialEq, Queryable, Insertable)]
#[diesel(table_name = sessions)]
pub struct Session {
    /// Of the cookie's value.
    #[diesel(serialize_as = SecretHash)]
    pub hash: SecretHash,
    pub sid: SessionId,
    pub user_id: UserId,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub auth_time: OffsetDateTime,
    pub acr: Option<String>,
    #[diesel(serialize_as = ListJson, deserialize_as = ListJson)]
    pub amr: Vec<String>,
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub created_at: OffsetDateTime,
    /// The end, however much it is used.
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub expires_at: OffsetDateTime,
    /// The end unless it is used before.
    #[diesel(serialize_as = Utc, deserialize_as = Utc)]
    pub idle_expires_at: OffsetDateTime,
    /// Where and with what the person signed in: shown to them, decides nothing.
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

impl Store {
    /// Keeps a new session. The one it replaces ends in the same moment, so that a sign-in never leaves an old cookie
    /// alive (session fixation).
    pub async fn insert_session(&self, session: Session, replaces: Option<SecretHash>) -> Result<(), StoreError> {
        self.write(move |connection| {
            if let Some(old) = replaces {
                diesel::delete(sessions::table.find(old)).execute(connection)?;
            }
            diesel::insert_into(sessions::table).values(session).execute(connection)?;
            Ok(())
        })
        .await
    }

    /// Finds a session that has not ended.
    pub async fn find_live_session(
        &self,
        hash: SecretHash,
        now: OffsetDateTime,
    ) -> Result<Option<Session>, StoreError> {
        self.look(move |connection| {
            let live = sessions::table
                .find(hash)
                .filter(sessions::expires_at.gt(stored(now)))
                .filter(sessions::idle_expires_at.gt(stored(now)));
            on_backend!(connection, c => live.first(c).optional())
        })
        .await
    }

    /// Finds a session that has not ended by its public id (an `id_token_hint`'s `sid`).
    pub async fn find_live_session_by_sid(
        &self,
        sid: &SessionId,
        now: OffsetDateTime,
    ) -> Result<Option<Session>, StoreError> {
        let sid = sid.clone();
        self.look(move |connection| {
            sessions::table
                .filter(sessions::sid.eq(sid))
                .filter(sessions::expires_at.gt(stored(now)))
                .filter(sessions::idle_expires_at.gt(stored(now)))
                .first(connection)
                .optional()
        })
        .await
    }

    /// Moves the end of an idle session.
    pub async fn touch_session(&self, hash: SecretHash, idle_expires_at: OffsetDateTime) -> Result<(), StoreError> {
        self.write(move |connection| {
            let until = sessions::idle_expires_at.eq(stored(idle_expires_at));
            diesel::update(sessions::table.find(hash)).set(until).execute(connection)?;
            Ok(())
        })
        .await
    }

    /// Ends a session. False: there was none.
    pub async fn delete_session(&self, hash: SecretHash) -> Result<bool, StoreError> {
        self.write(move |connection| Ok(diesel::delete(sessions::table.find(hash)).execute(connection)? == 1)).await
    }

    /// The sessions of a user that have not ended, newest first.
    pub async fn list_sessions(&self, user: &UserId, now: OffsetDateTime) -> Result<Vec<Session>, StoreError> {
        let user = user.clone();
        self.read(move |connection| {
            sessions::table
                .filter(sessions::user_id.eq(user))
                .filter(sessions::expires_at.gt(stored(now)))
                .filter(sessions::idle_expires_at.gt(stored(now)))
                .order(sessions::auth_time.desc())
                .load(connection)
        })
        .await
    }

    /// Ends every session, and every sign-in that somebody is about: codes that were not redeemed included.
    pub async fn forget_sign_ins(&self) -> Result<(), StoreError> {
        self.write(|connection| {
            diesel::delete(sessions::table).execute(connection)?;
            diesel::delete(authorization_requests::table).execute(connection)?;
            diesel::delete(authorization_codes::table).execute(connection)?;
            Ok(())
        })
        .await
    }

    /// Ends every session of a user.
    pub async fn delete_sessions_of_user(&self, user: &UserId) -> Result<usize, StoreError> {
        let user = user.clone();
        self.write(move |connection| {
            diesel::delete(sessions::table.filter(sessions::user_id.eq(user))).execute(connection)
        })
        .await
    }
}
