//! How far each chain of the ledger was delivered, and which server delivers it now.

use std::collections::BTreeMap;

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::stored;
use super::connection::on_backend;
use super::schema::{ledger_beginnings, ledger_deliveries as deliveries, ledger_heads};
use super::{Store, StoreError};

/// How many chains are looked at together.
const CHAINS: i64 = 1000;

/// A chain of which rows wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    pub chain: String,
    /// The last row that needs no delivery: it was delivered, or archived before there was a sink. -1: there is none.
    pub delivered: i64,
    pub last: i64,
}

impl Store {
    /// Chains of which rows wait, whoever delivers them: a thousand at most, and `own` before all others.
    pub async fn undelivered_ledger(&self, own: &str) -> Result<Vec<Undelivered>, StoreError> {
        let own = own.to_owned();
        self.read(move |connection| {
            let (last, delivered) = (ledger_heads::seq, deliveries::delivered_seq.nullable());
            let archived = ledger_beginnings::seq.nullable();
            let waiting = ledger_heads::table
                .left_join(deliveries::table.on(deliveries::chain.eq(ledger_heads::chain)))
                .left_join(ledger_beginnings::table.on(ledger_beginnings::chain.eq(ledger_heads::chain)))
                .filter(delivered.is_null().or(delivered.lt(last.nullable())))
                .filter(archived.is_null().or(archived.lt(last.nullable())))
                .order((ledger_heads::chain.ne(own), ledger_heads::chain))
                .limit(CHAINS)
                .select((ledger_heads::chain, last, delivered, archived));
            let rows: Vec<(String, i64, Option<i64>, Option<i64>)> = waiting.load(connection)?;
            let chains = rows.into_iter().map(|(chain, last, delivered, archived)| {
                let delivered = delivered.unwrap_or(-1).max(archived.unwrap_or(-1));
                Undelivered { chain, delivered, last }
            });
            Ok(chains.collect())
        })
        .await
    }

    /// Takes a chain for a server until then, or keeps it. `false`: another server has it.
    pub async fn claim_ledger_chain(
        &self,
        chain: &str,
        server: &str,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let (chain, server) = (chain.to_owned(), server.to_owned());
        self.write(move |connection| {
            let free = deliveries::claimed_by.eq(&server).or(deliveries::claimed_until.le(stored(now)));
            let claim = (deliveries::claimed_by.eq(&server), deliveries::claimed_until.eq(stored(until)));
            let taken = diesel::update(deliveries::table.find(&chain).filter(free)).set(claim).execute(connection)?;
            if taken > 0 {
                return Ok(true);
            }
            let first = (deliveries::chain.eq(&chain), deliveries::delivered_seq.eq(-1_i64), claim);
            let made = on_backend!(connection, c => {
                diesel::insert_into(deliveries::table).values(first).on_conflict_do_nothing().execute(c)
            })?;
            Ok(made > 0)
        })
        .await
    }

    /// The receiver has the rows up to `last`. The server keeps the chain; `false`: another one has taken it.
    pub async fn ledger_delivered(
        &self,
        chain: &str,
        server: &str,
        last: i64,
        until: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let (chain, server) = (chain.to_owned(), server.to_owned());
        self.write(move |connection| {
            let own = deliveries::table.find(chain).filter(deliveries::claimed_by.eq(server));
            let place = (deliveries::delivered_seq.eq(last), deliveries::claimed_until.eq(stored(until)));
            Ok(diesel::update(own).set(place).execute(connection)? > 0)
        })
        .await
    }

    /// The last delivered row of each chain of which one was.
    pub async fn ledger_deliveries(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows: Vec<(String, i64)> = self
            .read(|connection| {
                deliveries::table.select((deliveries::chain, deliveries::delivered_seq)).load(connection)
            })
            .await?;
        Ok(rows.into_iter().collect())
    }
}
