//! What stands behind a token, asked on every exchange: its grant, the grant's user, and what the user agreed to.
//!
//! One visit answers all of it, and all who ask at the same time. What was asked before may be remembered (`remembered`).

use std::collections::HashMap;
use std::sync::Arc;

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};

use super::columns::PermissionsJson;
use super::connection::AnyConnection;
use super::row_versions::{self, RowVersions};
use super::schema::{grants, refresh_tokens, users};
use super::{Grant, GrantId, PairingConsent, Permissions, Store, StoreError, UserId, pairing_consents};

/// What is asked.
#[derive(Clone, Debug)]
pub struct BehindToken {
    /// The grant that the token derives from.
    pub grant: GrantId,
    /// The token's own id, where it is to be found out whether it is used for the first time.
    pub jti: Option<String>,
    /// Whether the user's agreements to pairings are asked for as well.
    pub consents: bool,
    /// Whether it may be as it was when it was last looked up: for a row that stands on it ([`Entry`](super::Entry)), and for
    /// nothing else.
    pub may_be_remembered: bool,
}

/// What is on record, whatever state it is in.
#[derive(Debug, Default)]
pub struct Standing {
    pub grant: Option<Grant>,
    pub holder: Option<Holder>,
    /// `None`: they were not asked for.
    pub consents: Option<Vec<PairingConsent>>,
    /// What it was read from, or earlier versions of that. `None`: not asked for, or not of PostgreSQL.
    pub versions: Option<RowVersions>,
}

impl Standing {
    /// Whether it tells the same, or more.
    pub(super) fn includes(&self, other: &Self) -> bool {
        let same = (&self.grant, &self.holder, self.versions) == (&other.grant, &other.holder, other.versions);
        same && (other.consents.is_none() || self.consents == other.consents)
    }
}

/// What was found behind a token.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub standing: Arc<Standing>,
    /// The token came with a refresh token, and was not seen here before ([`Store::access_token_used`]).
    pub is_first_use: bool,
    /// It may have changed since.
    pub is_remembered: bool,
    /// Whether a row that comes of it is to stand on it ([`Entry`](super::Entry)).
    pub is_to_be_checked: bool,
}

/// The user of a grant: who they are to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Holder {
    pub id: UserId,
    pub username: String,
    pub blocked: bool,
    #[diesel(deserialize_as = PermissionsJson)]
    pub permissions: Arc<Permissions>,
}

impl Store {
    /// Looks behind the tokens of a grant anew when it is asked for the next time: what was remembered seems to be wrong.
    pub fn forget_standing(&self, grant: &GrantId) {
        self.0.remembered.forget(grant);
    }

    /// Looks up what stands behind a token.
    pub async fn behind_token(&self, asked: BehindToken) -> Result<Found, StoreError> {
        if let Some(standing) = self.0.remembered(&asked)? {
            return Ok(Found { standing, is_first_use: false, is_remembered: true, is_to_be_checked: true });
        }
        let generation = self.0.remembered.generation();
        if let Some(mut connection) = self.0.at_hand()? {
            let answer = connection.run(|connection| answer_one(connection, &asked));
            let found = answer.map_err(|error| self.0.noticed(error.into()))?;
            return Ok(self.0.remember(found, generation, &asked));
        }
        let found = self.ask(&self.0.questions.behind_tokens, asked.clone(), answer_all).await?;
        Ok(self.0.remember(found, generation, &asked))
    }
}

fn answer_all(connection: &mut AnyConnection, questions: &[BehindToken]) -> QueryResult<Vec<Found>> {
    let AnyConnection::Postgres(postgres) = connection else {
        return questions.iter().map(|question| answer_one(connection, question)).collect();
    };
    let answers = of_postgres(postgres, questions)?;
    let answers = questions.iter().zip(answers);
    answers.map(|(question, answer)| with_consents(connection, question, answer)).collect()
}

fn answer_one(connection: &mut AnyConnection, asked: &BehindToken) -> QueryResult<Found> {
    let answer = match connection {
        AnyConnection::Sqlite(sqlite) => of_sqlite(sqlite, asked)?,
        AnyConnection::Postgres(_) => Row::default(),
    };
    with_consents(connection, asked, answer)
}

/// What one statement finds.
#[derive(Default)]
struct Row {
    grant: Option<Grant>,
    holder: Option<Holder>,
    is_first_use: bool,
    versions: Option<RowVersions>,
}

fn with_consents(connection: &mut AnyConnection, asked: &BehindToken, row: Row) -> QueryResult<Found> {
    let Row { grant, holder, is_first_use, versions } = row;
    let consents = match (asked.consents, &grant, &holder) {
        (true, Some(grant), Some(holder)) => Some(pairing_consents::list(connection, &holder.id, &grant.client_id)?),
        (true, _, _) => Some(Vec::new()),
        (false, _, _) => None,
    };
    let standing = Arc::new(Standing { grant, holder, consents, versions });
    Ok(Found { standing, is_first_use, is_remembered: false, is_to_be_checked: false })
}

/// SQLite answers each question in microseconds: one statement, planned once.
fn of_sqlite(connection: &mut SqliteConnection, asked: &BehindToken) -> QueryResult<Row> {
    let holder = (users::id, users::username, users::blocked, users::permissions).nullable();
    let behind = grants::table
        .left_join(users::table.on(users::id.nullable().eq(grants::user_id)))
        .filter(grants::id.eq(&asked.grant));
    let found: Option<(Grant, Option<Holder>, bool)> = match &asked.jti {
        None => {
            let found = behind.select((grants::all_columns, holder)).first(connection).optional()?;
            found.map(|(grant, holder)| (grant, holder, false))
        }
        Some(jti) => {
            let unnoted = refresh_tokens::table
                .filter(refresh_tokens::access_jti.eq(jti))
                .filter(refresh_tokens::access_used_at.is_null());
            behind.select((grants::all_columns, holder, exists(unnoted))).first(connection).optional()?
        }
    };
    let row = |(grant, holder, is_first_use)| Row { grant: Some(grant), holder, is_first_use, versions: None };
    Ok(found.map_or_else(Row::default, row))
}

/// PostgreSQL is a round trip away: three at most for all questions.
fn of_postgres(connection: &mut PgConnection, questions: &[BehindToken]) -> QueryResult<Vec<Row>> {
    let ids: Vec<&GrantId> = questions.iter().map(|question| &question.grant).collect();
    let versions = versions_of(connection, questions)?;
    let found: Vec<(Grant, Option<Holder>)> = grants::table
        .left_join(users::table.on(users::id.nullable().eq(grants::user_id)))
        .filter(grants::id.eq_any(ids))
        .select((grants::all_columns, (users::id, users::username, users::blocked, users::permissions).nullable()))
        .load(connection)?;
    let jtis: Vec<&str> = questions.iter().filter_map(|question| question.jti.as_deref()).collect();
    let unnoted: Vec<Option<String>> = if jtis.is_empty() {
        Vec::new()
    } else {
        refresh_tokens::table
            .filter(refresh_tokens::access_jti.eq_any(jtis))
            .filter(refresh_tokens::access_used_at.is_null())
            .select(refresh_tokens::access_jti)
            .load(connection)?
    };
    let standing = |question: &BehindToken| {
        let found = found.iter().find(|(grant, _)| grant.id == question.grant);
        let (grant, holder) = found.cloned().map_or((None, None), |(grant, holder)| (Some(grant), holder));
        let is_first_use = unnoted.iter().flatten().any(|jti| Some(jti) == question.jti.as_ref());
        let versions = versions.get(&question.grant).filter(|_| has_versions(question)).copied();
        Row { grant, holder, is_first_use, versions }
    };
    Ok(questions.iter().map(standing).collect())
}

/// Asked before the rows are: what changes in between is then noticed as changed, and never missed.
fn versions_of(connection: &mut PgConnection, questions: &[BehindToken]) -> QueryResult<HashMap<GrantId, RowVersions>> {
    let remembered: Vec<&GrantId> =
        questions.iter().filter(|asked| has_versions(asked)).map(|asked| &asked.grant).collect();
    if remembered.is_empty() { Ok(HashMap::new()) } else { row_versions::of_grants(connection, &remembered) }
}

/// Whether what is found is remembered on PostgreSQL. Agreements have no row that changes with them.
fn has_versions(asked: &BehindToken) -> bool {
    asked.may_be_remembered && !asked.consents
}
