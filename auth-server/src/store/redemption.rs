//! The redemption of an authorization code: it is used up, and the grant and the refresh token that it stands for are made.

use std::sync::Arc;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamp};
use time::{OffsetDateTime, PrimitiveDateTime};

use super::batch::{Batched, Wanted};
use super::change::Change;
use super::columns::stored;
use super::connection::{AnyConnection, on_backend};
use super::grants::Grants;
use super::one_statement::push_rows;
use super::refresh_tokens::Tokens;
use super::schema::authorization_codes as codes;
use super::update::Update;
use super::{
    GrantId, Inner, NewGrant, NewRefreshToken, SecretHash, Together, grants as grant_records,
    refresh_tokens as token_records,
};

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
        let first = FirstRedemption { code, grant: grant.clone(), refresh_token: refresh_token.clone(), now };
        Self::by(move |connection| redeem(connection, code, grant, refresh_token, now))
            .usually(first, Redemption::Granted)
    }
}

/// PostgreSQL: the redemption of a code that may be redeemed.
pub(super) struct FirstRedemption {
    code: SecretHash,
    grant: NewGrant,
    refresh_token: Option<NewRefreshToken>,
    now: OffsetDateTime,
}

impl Batched for FirstRedemption {
    fn wanted(inner: &Inner) -> &Arc<Together<Wanted<Self>>> {
        &inner.changes.redemptions
    }

    fn uses(&self) -> SecretHash {
        self.code
    }

    fn make_all(connection: &mut PgConnection, all: Vec<Self>) -> QueryResult<Vec<SecretHash>> {
        // One time for all, the latest: a code that expires in between is looked at by itself.
        let Some(now) = all.iter().map(|one| one.now).max() else { return Ok(Vec::new()) };
        let mut redemptions = FirstRedemptions {
            now: stored(now),
            codes: Vec::new(),
            grants: Grants::default(),
            tokens: Tokens::default(),
        };
        for Self { code, grant, refresh_token, .. } in all {
            redemptions.codes.push(code);
            redemptions.grants.push(grant);
            match refresh_token {
                Some(refresh_token) => redemptions.tokens.push(refresh_token),
                None => redemptions.tokens.push_none(),
            }
        }
        redemptions.load(connection)
    }
}

/// Codes are held first: of two servers that redeem one at the same time, one finds it locked, and looks at it by itself. Users are
/// held as the new grant's foreign key will hold them.
#[derive(QueryId)]
struct FirstRedemptions {
    now: PrimitiveDateTime,
    codes: Vec<SecretHash>,
    grants: Grants,
    /// Of each grant: its refresh token, or none.
    tokens: Tokens,
}

impl FirstRedemptions {
    /// What is asked for, a row each.
    fn walk_asked<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let Self { codes, grants, tokens, .. } = self;
        out.push_sql("SELECT * FROM ");
        push_rows!(
            out,
            Binary = codes,
            Text = &grants.id,
            Nullable<Text> = &grants.user_id,
            Text = &grants.client_id,
            Nullable<Text> = &grants.sid,
            Text = &grants.scope,
            Nullable<Text> = &grants.audience,
            Nullable<Timestamp> = &grants.auth_time,
            Nullable<Text> = &grants.acr,
            Text = &grants.amr,
            Text = &grants.userinfo_claims,
            Timestamp = &grants.created_at,
            Timestamp = &grants.expires_at,
            Nullable<BigInt> = &grants.status_index,
            Nullable<Binary> = &tokens.hash,
            Nullable<Text> = &tokens.client_id,
            Nullable<Text> = &tokens.api,
            Nullable<Text> = &tokens.scope,
            Nullable<Text> = &tokens.document,
            Nullable<Text> = &tokens.access_jti,
            Nullable<Timestamp> = &tokens.created_at,
            Nullable<Timestamp> = &tokens.expires_at,
        );
        out.push_sql(
            " AS asked (code, id, user_id, client_id, sid, scope, audience, auth_time, acr, amr, userinfo_claims, \
             created_at, expires_at, status_index, token, token_client_id, token_api, token_scope, token_document, \
             token_access_jti, token_created_at, token_expires_at)",
        );
        Ok(())
    }
}

impl QueryFragment<Pg> for FirstRedemptions {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let now = &self.now;
        out.push_sql("WITH asked AS (");
        self.walk_asked(out.reborrow())?;
        out.push_sql(
            "), unused AS (SELECT asked.* FROM asked \
             CROSS JOIN LATERAL (SELECT FROM authorization_codes \
             WHERE hash = asked.code AND consumed_at IS NULL AND expires_at > ",
        );
        out.push_bind_param::<Timestamp, _>(now)?;
        out.push_sql(
            " FOR NO KEY UPDATE SKIP LOCKED) c \
             LEFT JOIN LATERAL (SELECT id FROM users WHERE id = asked.user_id FOR KEY SHARE SKIP LOCKED) u ON true \
             WHERE asked.user_id IS NULL OR u.id IS NOT NULL), \
             granted AS (INSERT INTO grants (id, user_id, client_id, sid, scope, audience, auth_time, acr, amr, \
             userinfo_claims, created_at, expires_at, status_index) \
             SELECT id, user_id, client_id, sid, scope, audience, auth_time, acr, amr, userinfo_claims, created_at, \
             expires_at, status_index FROM unused), \
             begun AS (INSERT INTO refresh_tokens (hash, grant_id, family_id, client_id, api, scope, document, \
             access_jti, created_at, expires_at) \
             SELECT token, id, token, token_client_id, token_api, token_scope, token_document, token_access_jti, \
             token_created_at, token_expires_at FROM unused WHERE token IS NOT NULL) \
             UPDATE authorization_codes SET consumed_at = ",
        );
        out.push_bind_param::<Timestamp, _>(now)?;
        out.push_sql(
            ", grant_id = (SELECT id FROM unused WHERE code = hash) \
             WHERE hash = ANY (ARRAY (SELECT code FROM unused)) RETURNING hash",
        );
        Ok(())
    }
}

impl Query for FirstRedemptions {
    type SqlType = Binary;
}

impl RunQueryDsl<PgConnection> for FirstRedemptions {}

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
    // On PostgreSQL whoever comes second waits here for the first, and finds no row.
    let consume = Update::of(
        (codes::consumed_at.eq(Some(stored(now))), codes::grant_id.eq(Some(grant_id.clone()))),
        codes::hash.eq(code).and(codes::consumed_at.is_null()).and(codes::expires_at.gt(stored(now))),
    );
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
