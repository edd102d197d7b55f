//! Proofs of possession that were shown (RFC 9449 section 11.1). They lie in the database, so that no replica and no restart
//! takes one twice.

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::Utc;
use super::connection::on_backend;
use super::schema::proofs;
use super::{SecretHash, Store, StoreError};

impl Store {
    /// Whether a proof is shown for the first time. Of many at once with the same proof, one hears yes.
    pub async fn take_proof(&self, hash: SecretHash, expires_at: OffsetDateTime) -> Result<bool, StoreError> {
        let row = (proofs::hash.eq(hash), proofs::expires_at.eq(Utc::from(expires_at)));
        let added = self
            .write(move |connection| {
                on_backend!(connection, c => {
                    diesel::insert_into(proofs::table).values(row).on_conflict_do_nothing().execute(c)
                })
            })
            .await?;
        Ok(added == 1)
    }
}
