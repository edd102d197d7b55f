//! Refresh tokens: each is used once and followed by the next, by a [`Rotation`](super::Rotation).

use diesel::dsl::{exists, select};
use diesel::prelude::*;
use shared_claims::Scope;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::columns::{MaybeUtc, ScopeText, Utc, stored};
use super::connection::{AnyConnection, on_backend};
use super::schema::{grants, refresh_tokens, users};
use super::users::COLUMNS;
use super::{Grant, GrantId, SecretHash, Store, StoreError, User, grants as grant_records};

/// A refresh token as it is stored.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct RefreshToken {
    pub hash: SecretHash,
    pub grant_id: GrantId,
    /// The hash of the family's first token.
    pub family_id: SecretHash,
    pub predecessor: Option<SecretHash>,
    pub client_id: String,
    /// The API that it renews tokens for, where it came from an exchange.
    pub api: Option<String>,
    #[diesel(deserialize_as = ScopeText)]
    pub scope: Scope,
    pub document: String,
    pub access_jti: Option<String>,
    #[diesel(deserialize_as = Utc)]
    pub created_at: OffsetDateTime,
    #[diesel(deserialize_as = Utc)]
    pub expires_at: OffsetDateTime,
    #[diesel(deserialize_as = MaybeUtc)]
    pub used_at: Option<OffsetDateTime>,
    #[diesel(deserialize_as = MaybeUtc)]
    pub access_used_at: Option<OffsetDateTime>,
    #[diesel(deserialize_as = MaybeUtc)]
    pub superseded_at: Option<OffsetDateTime>,
}

/// A refresh token to be handed out. Grant and family come from where it is put.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    pub hash: SecretHash,
    pub client_id: String,
    pub api: Option<String>,
    pub scope: Scope,
    /// JSON; its shape is its owner's.
    pub document: String,
    /// The access token that is issued together with it.
    pub access_jti: Option<String>,
    pub created_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

#[derive(Insertable)]
#[diesel(table_name = refresh_tokens, treat_none_as_default_value = false)]
struct Row {
    #[diesel(serialize_as = SecretHash)]
    hash: SecretHash,
    grant_id: GrantId,
    family_id: SecretHash,
    predecessor: Option<SecretHash>,
    client_id: String,
    api: Option<String>,
    #[diesel(serialize_as = ScopeText)]
    scope: Scope,
    document: String,
    access_jti: Option<String>,
    #[diesel(serialize_as = Utc)]
    created_at: OffsetDateTime,
    #[diesel(serialize_as = Utc)]
    expires_at: OffsetDateTime,
}

/// Refresh tokens to be handed out, column by column, for a statement that makes many ([`super::one_statement`]).
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub hash: Vec<Option<SecretHash>>,
    pub client_id: Vec<Option<String>>,
    pub api: Vec<Option<String>>,
    pub scope: Vec<Option<ScopeText>>,
    pub document: Vec<Option<String>>,
    pub access_jti: Vec<Option<String>>,
    pub created_at: Vec<Option<PrimitiveDateTime>>,
    pub expires_at: Vec<Option<PrimitiveDateTime>>,
}

impl Tokens {
    pub fn push(&mut self, token: NewRefreshToken) {
        self.hash.push(Some(token.hash));
        self.client_id.push(Some(token.client_id));
        self.api.push(token.api);
        self.scope.push(Some(token.scope.into()));
        self.document.push(Some(token.document));
        self.access_jti.push(token.access_jti);
        self.created_at.push(Some(stored(token.created_at)));
        self.expires_at.push(Some(stored(token.expires_at)));
    }

    pub fn push_none(&mut self) {
        self.hash.push(None);
        self.client_id.push(None);
        self.api.push(None);
        self.scope.push(None);
        self.document.push(None);
        self.access_jti.push(None);
        self.created_at.push(None);
        self.expires_at.push(None);
    }
}

/// A refresh token, whatever state it is in, and what it came from.
#[derive(Clone, Debug, PartialEq, Queryable)]
pub struct BehindRefreshToken {
    pub token: RefreshToken,
    pub grant: Option<Grant>,
    /// Whose grant it is.
    pub user: Option<User>,
}

impl Store {
    /// Finds a refresh token, whatever state it is in.
    pub async fn find_refresh_token(&self, hash: SecretHash) -> Result<Option<RefreshToken>, StoreError> {
        self.look(move |connection| find(connection, hash)).await
    }

    /// Finds a refresh token with all that stands behind it, at one look.
    pub async fn behind_refresh_token(&self, hash: SecretHash) -> Result<Option<BehindRefreshToken>, StoreError> {
        if self.0.backend.is_sqlite() {
            return self.look(move |connection| find_behind(connection, hash)).await;
        }
        self.ask(&self.0.questions.behind_refresh_tokens, hash, find_behind_all).await
    }

    /// Begins a new family in a grant that is there already (a refresh token from an exchange). False: the grant ended.
    pub async fn insert_refresh_token(
        &self,
        grant_id: &GrantId,
        token: NewRefreshToken,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let grant_id = grant_id.clone();
        self.write(move |connection| match grant_records::hold(connection, &grant_id)? {
            Some(grant) if grant.is_live(now) => insert_first(connection, grant_id, token).map(|()| true),
            _ => Ok(false),
        })
        .await
    }

    /// Ends a family of a grant: no token of it is ever good again.
    pub async fn end_refresh_family(
        &self,
        grant_id: &GrantId,
        family: SecretHash,
        now: OffsetDateTime,
    ) -> Result<usize, StoreError> {
        let grant_id = grant_id.clone();
        self.write(move |connection| {
            // A successor that is being made is there before, or never will be.
            grant_records::hold(connection, &grant_id)?;
            let living = refresh_tokens::table
                .filter(refresh_tokens::grant_id.eq(grant_id))
                .filter(refresh_tokens::family_id.eq(family))
                .filter(refresh_tokens::expires_at.gt(stored(now)));
            diesel::update(living).set(refresh_tokens::expires_at.eq(stored(now))).execute(connection)
        })
        .await
    }

    /// Notes that an access token was used at this server, so that its refresh token's predecessor is no lost response
    /// any more. Costs one indexed look where there is nothing to note.
    pub async fn access_token_used(&self, jti: &str, now: OffsetDateTime) -> Result<(), StoreError> {
        let jti = jti.to_owned();
        let asked = jti.clone();
        let unnoted = self
            .read(move |connection| {
                let unnoted = refresh_tokens::table
                    .filter(refresh_tokens::access_jti.eq(asked))
                    .filter(refresh_tokens::access_used_at.is_null());
                select(exists(unnoted)).get_result::<bool>(connection)
            })
            .await?;
        if !unnoted {
            return Ok(());
        }
        self.write(move |connection| note_use(connection, &jti, now)).await
    }
}

/// Refresh tokens with what stands behind them.
macro_rules! behind {
    ($which:expr) => {
        refresh_tokens::table
            .left_join(grants::table.on(grants::id.eq(refresh_tokens::grant_id)))
            .left_join(users::table.on(users::id.nullable().eq(grants::user_id.nullable())))
            .filter($which)
            .select((refresh_tokens::all_columns, grants::all_columns.nullable(), COLUMNS.nullable()))
    };
}

fn find_behind(connection: &mut AnyConnection, hash: SecretHash) -> QueryResult<Option<BehindRefreshToken>> {
    on_backend!(connection, c => behind!(refresh_tokens::hash.eq(hash)).first(c).optional())
}

fn find_behind_all(
    connection: &mut AnyConnection,
    hashes: &[SecretHash],
) -> QueryResult<Vec<Option<BehindRefreshToken>>> {
    let found: Vec<BehindRefreshToken> =
        on_backend!(connection, c => behind!(refresh_tokens::hash.eq_any(hashes)).load(c))?;
    Ok(hashes.iter().map(|hash| found.iter().find(|behind| behind.token.hash == *hash).cloned()).collect())
}

/// See [`Store::access_token_used`].
fn note_use(connection: &mut AnyConnection, jti: &str, now: OffsetDateTime) -> QueryResult<()> {
    let unnoted = refresh_tokens::table
        .filter(refresh_tokens::access_jti.eq(jti.to_owned()))
        .filter(refresh_tokens::access_used_at.is_null());
    let noted = refresh_tokens::access_used_at.eq(Some(stored(now)));
    diesel::update(unnoted).set(noted).execute(connection)?;
    Ok(())
}

/// Puts the first token of a family into a grant that this transaction made or holds.
pub(super) fn insert_first(
    connection: &mut AnyConnection,
    grant_id: GrantId,
    token: NewRefreshToken,
) -> QueryResult<()> {
    let family_id = token.hash;
    insert(connection, grant_id, family_id, None, token)
}

pub(super) fn insert(
    connection: &mut AnyConnection,
    grant_id: GrantId,
    family_id: SecretHash,
    predecessor: Option<SecretHash>,
    token: NewRefreshToken,
) -> QueryResult<()> {
    let row = Row {
        hash: token.hash,
        grant_id,
        family_id,
        predecessor,
        client_id: token.client_id,
        api: token.api,
        scope: token.scope,
        document: token.document,
        access_jti: token.access_jti,
        created_at: token.created_at,
        expires_at: token.expires_at,
    };
    on_backend!(connection, c => diesel::insert_into(refresh_tokens::table).values(row).execute(c)).map(drop)
}

pub(super) fn find(connection: &mut AnyConnection, hash: SecretHash) -> QueryResult<Option<RefreshToken>> {
    on_backend!(connection, c => refresh_tokens::table.find(hash).first(c).optional())
}
