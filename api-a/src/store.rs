//! What was filed through this API, in its own database. The receipts themselves lie at API B.

mod schema;

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use shared_claims::service::store::{Store, StoreError};
use time::OffsetDateTime;

use schema::filings;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// The record of filings.
#[derive(Clone)]
pub struct Filings(Store);

impl Filings {
    /// Opens the database. Blocks: call it while starting.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Store::open(url, || MIGRATIONS).map(Self)
    }

    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0
    }

    /// How many receipts were filed here for the user.
    pub async fn count_of(&self, sub: &str) -> Result<i64, StoreError> {
        let sub = sub.to_owned();
        self.0
            .read(move |connection| {
                filings::table.filter(filings::sub.eq(sub)).select(count_star()).get_result(connection)
            })
            .await
    }

    /// Notes that `client_id` filed a receipt for the user through this API.
    pub async fn note(
        &self,
        receipt_id: &str,
        sub: &str,
        client_id: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (receipt_id, sub, client_id) = (receipt_id.to_owned(), sub.to_owned(), client_id.to_owned());
        self.0
            .write(move |connection| {
                diesel::insert_or_ignore_into(filings::table)
                    .values((
                        filings::receipt_id.eq(receipt_id),
                        filings::sub.eq(sub),
                        filings::client_id.eq(client_id),
                        filings::filed_at.eq(now.unix_timestamp()),
                    ))
                    .execute(connection)
                    .map(drop)
            })
            .await
    }
}
