//! What stands behind a token, asked on every exchange: its grant, the grant's user, and what the user agreed to.
//!
//! One visit answers all of it, and all who ask at the same time.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::{PgConnection, SqliteConnection};
use tokio::sync::oneshot;

use super::columns::PermissionsJson;
use super::connection::AnyConnection;
use super::schema::{grants, refresh_tokens, users};
use super::together::Together;
use super::{Grant, GrantId, Inner, PairingConsent, Permissions, Store, StoreError, UserId, pairing_consents};

/// What is asked.
#[derive(Clone, Debug)]
pub struct BehindToken {
    /// The grant that the token derives from.
    pub grant: GrantId,
    /// The token's own id, where it is to be found out whether it is used for the first time.
    pub jti: Option<String>,
    /// Whether the user's agreements to pairings are asked for as well.
    pub consents: bool,
}

/// What is on record, whatever state it is in.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub grant: Option<Grant>,
    pub holder: Option<Holder>,
    pub consents: Vec<PairingConsent>,
    /// The token came with a refresh token, and was not seen here before ([`Store::access_token_used`]).
    pub is_first_use: bool,
}

/// The user of a grant: who they are to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct Holder {
    pub id: UserId,
    pub username: String,
    pub blocked: bool,
    #[diesel(deserialize_as = PermissionsJson)]
    pub permissions: Permissions,
}

pub(super) type Questions = Together<Question>;

pub(super) struct Question {
    asked: BehindToken,
    answer: oneshot::Sender<Result<Standing, StoreError>>,
}

impl Store {
    /// Looks up what stands behind a token.
    pub async fn behind_token(&self, asked: BehindToken) -> Result<Standing, StoreError> {
        if let Some(mut connection) = self.0.at_hand()? {
            let answer = connection.run(|connection| answer_one(connection, &asked));
            return answer.map_err(|error| self.0.noticed(error.into()));
        }
        let (answer, answered) = oneshot::channel();
        self.share(&self.0.questions, Question { asked, answer }, answered, serve).await
    }
}

fn serve(inner: &Inner, questions: Vec<Question>) {
    let answers = inner.visit(|connection| answer_all(connection, &questions));
    match answers {
        Ok(answers) => questions.into_iter().zip(answers).for_each(|(question, answer)| question.end(Ok(answer))),
        // One row that cannot be read is the trouble of whoever asked for it, and of nobody else.
        Err(StoreError::Corrupt(_)) if questions.len() > 1 => {
            for question in questions {
                serve(inner, vec![question]);
            }
        }
        Err(error) => questions.into_iter().for_each(|question| question.end(Err(error.clone()))),
    }
}

impl Question {
    fn end(self, answer: Result<Standing, StoreError>) {
        // Whoever has gone away needs no answer.
        let _ = self.answer.send(answer);
    }
}

fn answer_all(connection: &mut AnyConnection, questions: &[Question]) -> QueryResult<Vec<Standing>> {
    let AnyConnection::Postgres(postgres) = connection else {
        return questions.iter().map(|question| answer_one(connection, &question.asked)).collect();
    };
    let mut answers = of_postgres(postgres, questions)?;
    for (question, answer) in questions.iter().zip(&mut answers) {
        add_consents(connection, &question.asked, answer)?;
    }
    Ok(answers)
}

fn answer_one(connection: &mut AnyConnection, asked: &BehindToken) -> QueryResult<Standing> {
    let mut answer = match connection {
        AnyConnection::Sqlite(sqlite) => of_sqlite(sqlite, asked)?,
        AnyConnection::Postgres(_) => Standing::default(),
    };
    add_consents(connection, asked, &mut answer)?;
    Ok(answer)
}

fn add_consents(connection: &mut AnyConnection, asked: &BehindToken, answer: &mut Standing) -> QueryResult<()> {
    if let (true, Some(grant), Some(holder)) = (asked.consents, &answer.grant, &answer.holder) {
        answer.consents = pairing_consents::list(connection, &holder.id, &grant.client_id)?;
    }
    Ok(())
}

/// SQLite answers each question in microseconds: one statement, planned once.
fn of_sqlite(connection: &mut SqliteConnection, asked: &BehindToken) -> QueryResult<Standing> {
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
    Ok(found.map_or_else(Standing::default, |(grant, holder, is_first_use)| Standing {
        grant: Some(grant),
        holder,
        is_first_use,
        consents: Vec::new(),
    }))
}

/// PostgreSQL is a round trip away: two at most for all questions.
fn of_postgres(connection: &mut PgConnection, questions: &[Question]) -> QueryResult<Vec<Standing>> {
    let ids: Vec<&GrantId> = questions.iter().map(|question| &question.asked.grant).collect();
    let found: Vec<(Grant, Option<Holder>)> = grants::table
        .left_join(users::table.on(users::id.nullable().eq(grants::user_id)))
        .filter(grants::id.eq_any(ids))
        .select((grants::all_columns, (users::id, users::username, users::blocked, users::permissions).nullable()))
        .load(connection)?;
    let jtis: Vec<&str> = questions.iter().filter_map(|question| question.asked.jti.as_deref()).collect();
    let unnoted: Vec<Option<String>> = if jtis.is_empty() {
        Vec::new()
    } else {
        refresh_tokens::table
            .filter(refresh_tokens::access_jti.eq_any(jtis))
            .filter(refresh_tokens::access_used_at.is_null())
            .select(refresh_tokens::access_jti)
            .load(connection)?
    };
    let standing = |question: &Question| {
        let found = found.iter().find(|(grant, _)| grant.id == question.asked.grant);
        let (grant, holder) = found.cloned().map_or((None, None), |(grant, holder)| (Some(grant), holder));
        let is_first_use = unnoted.iter().flatten().any(|jti| Some(jti) == question.asked.jti.as_ref());
        Standing { grant, holder, is_first_use, consents: Vec::new() }
    };
    Ok(questions.iter().map(standing).collect())
}
