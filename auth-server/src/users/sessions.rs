//! Sessions: a cookie with 256 random bits, of which the server keeps only the hash.

use time::{Duration, OffsetDateTime};

use crate::store::{OpaqueSecret, SecretHash, Session, SessionId, Store, StoreError, User, UserId};

/// How long a sign-in holds.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetimes {
    /// However much it is used.
    pub absolute: Duration,
    /// Unless it is used.
    pub idle: Duration,
}

impl Default for SessionLifetimes {
    fn default() -> Self {
        Self { absolute: Duration::days(7), idle: Duration::days(1) }
    }
}

/// A person has just proved who they are.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub user_id: UserId,
    pub acr: Option<String>,
    /// How they proved it (RFC 8176), e.g. `pwd`.
    pub amr: Vec<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

/// A session that has not ended, and whose it is.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub session: Session,
    pub user: User,
}

/// Begins and finds sessions.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    lifetimes: SessionLifetimes,
}

/// As much of a browser's description as is kept.
const LONGEST_USER_AGENT: usize = 256;

impl Sessions {
    #[must_use]
    pub fn new(store: Store, lifetimes: SessionLifetimes) -> Self {
        Self { store, lifetimes }
    }

    /// Begins a session, with a cookie value that no one has seen before; the session of the old cookie ends.
    pub async fn begin(
        &self,
        new: NewSession,
        old_cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(OpaqueSecret, Session), StoreError> {
        let cookie = OpaqueSecret::generate();
        let session = Session {
            hash: cookie.hash(),
            sid: SessionId::generate(),
            user_id: new.user_id,
            auth_time: now,
            acr: new.acr,
            amr: new.amr,
            created_at: now,
            expires_at: now + self.lifetimes.absolute,
            idle_expires_at: now + self.lifetimes.idle,
            address: new.address,
            user_agent: new.user_agent.map(|text| text.chars().take(LONGEST_USER_AGENT).collect()),
        };
        self.store.insert_session(session.clone(), old_cookie.and_then(hash_of_cookie)).await?;
        Ok((cookie, session))
    }

    /// Who is signed in with this cookie. A blocked user is not.
    pub async fn find(&self, cookie: &str, now: OffsetDateTime) -> Result<Option<SignedIn>, StoreError> {
        let Some(hash) = hash_of_cookie(cookie) else { return Ok(None) };
        let Some(session) = self.store.find_live_session(hash, now).await? else { return Ok(None) };
        let Some(user) = self.store.find_user(&session.user_id).await? else { return Ok(None) };
        if user.blocked {
            return Ok(None);
        }
        self.keep_awake(&session, now).await?;
        Ok(Some(SignedIn { session, user }))
    }

    /// Ends the session of this cookie.
    pub async fn end(&self, cookie: &str) -> Result<bool, StoreError> {
        match hash_of_cookie(cookie) {
            Some(hash) => self.store.delete_session(hash).await,
            None => Ok(false),
        }
    }

    /// Moves the idle end, once it would move by a tenth: not every request is worth a write.
    async fn keep_awake(&self, session: &Session, now: OffsetDateTime) -> Result<(), StoreError> {
        let idle_end = now + self.lifetimes.idle;
        if idle_end - session.idle_expires_at < self.lifetimes.idle / 10 {
            return Ok(());
        }
        self.store.touch_session(session.hash, idle_end).await
    }
}

fn hash_of_cookie(cookie: &str) -> Option<SecretHash> {
    OpaqueSecret::is_possible(cookie).then(|| SecretHash::of(cookie))
}
