//! The receipts in API B's own database. Every call names the user whose rows it may see.

mod schema;

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared_claims::service::store::{Store, StoreError};
use time::{Date, OffsetDateTime};

use crate::receipt::{NewReceipt, Receipt};
use schema::receipts;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();
/// Who filed the receipts that a user of the demo starts with.
const DEMO: &str = "demo";

/// So many a user may have: what is read at once is bounded by it.
pub const MOST_RECEIPTS: i64 = 1_000;

/// All receipts.
#[derive(Clone)]
pub struct Receipts(Store);

/// The user has as many receipts as they may have.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = receipts)]
struct Row {
    id: String,
    sub: String,
    merchant: String,
    amount_cents: i64,
    currency: String,
    purchased_on: Date,
    filed_by: String,
    filed_at: i64,
}

impl Receipts {
    /// Opens the database. Blocks: call it while starting.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Store::open(url, || MIGRATIONS).map(Self)
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0
    }

    /// The user's receipts, the latest first.
    pub async fn of(&self, sub: &str) -> Result<Vec<Receipt>, StoreError> {
        let sub = sub.to_owned();
        self.0.read(move |connection| rows_of(connection, &sub)).await
    }

    /// The user's receipts; if there are none, then `first` become theirs, once, however many ask at the same time.
    pub async fn of_or_first(
        &self,
        sub: &str,
        first: Vec<NewReceipt>,
        now: OffsetDateTime,
    ) -> Result<Vec<Receipt>, StoreError> {
        let existing = self.of(sub).await?;
        if !existing.is_empty() {
            return Ok(existing);
        }
        let sub = sub.to_owned();
        self.0
            .write(move |connection| {
                if count(connection, &sub)? == 0 {
                    let rows: Vec<_> = first.into_iter().map(|receipt| Row::new(&sub, receipt, DEMO, now)).collect();
                    diesel::insert_into(receipts::table).values(rows).execute(connection)?;
                }
                rows_of(connection, &sub)
            })
            .await
    }

    /// Keeps a receipt for the user.
    pub async fn file(
        &self,
        sub: &str,
        receipt: NewReceipt,
        filed_by: &str,
        now: OffsetDateTime,
    ) -> Result<Result<Receipt, Full>, StoreError> {
        let row = Row::new(sub, receipt, filed_by, now);
        self.0
            .write(move |connection| {
                if count(connection, &row.sub)? >= MOST_RECEIPTS {
                    return Ok(Err(Full));
                }
                diesel::insert_into(receipts::table).values(&row).execute(connection)?;
                Ok(Ok(row.into()))
            })
            .await
    }
}

fn rows_of(connection: &mut SqliteConnection, sub: &str) -> QueryResult<Vec<Receipt>> {
    let rows: Vec<Row> = receipts::table
        .filter(receipts::sub.eq(sub))
        .order((receipts::purchased_on.desc(), receipts::filed_at.desc(), receipts::id))
        .limit(MOST_RECEIPTS)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Receipt::from).collect())
}

fn count(connection: &mut SqliteConnection, sub: &str) -> QueryResult<i64> {
    receipts::table.filter(receipts::sub.eq(sub)).select(count_star()).get_result(connection)
}

impl Row {
    fn new(sub: &str, receipt: NewReceipt, filed_by: &str, now: OffsetDateTime) -> Self {
        let NewReceipt { merchant, amount_cents, currency, purchased_on } = receipt;
        Self {
            id: format!("rcp_{}", uuid::Uuid::new_v4().simple()),
            sub: sub.to_owned(),
            merchant,
            amount_cents,
            currency,
            purchased_on,
            filed_by: filed_by.to_owned(),
            filed_at: now.unix_timestamp(),
        }
    }
}

impl From<Row> for Receipt {
    fn from(row: Row) -> Self {
        let Row { id, merchant, amount_cents, currency, purchased_on, filed_by, filed_at, .. } = row;
        let filed_at = OffsetDateTime::from_unix_timestamp(filed_at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self { id, merchant, amount_cents, currency, purchased_on, filed_by, filed_at }
    }
}
