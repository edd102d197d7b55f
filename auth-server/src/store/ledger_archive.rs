//! Where chains of the ledger begin: rows that are in a file leave, and the beginning moves with them.

use diesel::prelude::*;

use super::connection::{AnyConnection, on_backend};
use super::schema::{ledger, ledger_beginnings, ledger_heads};
use super::{ChainHead, Store, StoreError, ledger_places};

impl Store {
    /// The last archived row of each chain that has one.
    pub async fn ledger_beginnings(&self) -> Result<Vec<ChainHead>, StoreError> {
        self.read(|connection| ledger_beginnings::table.order(ledger_beginnings::chain).load(connection)).await
    }

    /// Removes the rows of a chain behind `after` (-1: from the first on) up to `last`, and lets the chain begin there, both
    /// or neither: whenever this is cut short, the chain holds. `false`: the chain does not begin where the caller thinks, and
    /// nothing was done.
    pub async fn remove_archived(&self, chain: &str, after: i64, last: i64) -> Result<bool, StoreError> {
        let chain = chain.to_owned();
        self.write(move |connection| {
            let hash = ledger::table.find((&chain, last)).select(ledger::hash).first(connection).optional()?;
            let Some(hash) = hash else { return Ok(false) };
            if !move_beginning(connection, after, ChainHead { chain: chain.clone(), seq: last, hash })? {
                return Ok(false);
            }
            if let AnyConnection::Sqlite(sqlite) = connection {
                ledger_places::forget(sqlite, &chain, last)?;
            }
            let archived = ledger::table.filter(ledger::chain.eq(chain)).filter(ledger::seq.le(last));
            diesel::delete(archived).execute(connection)?;
            Ok(true)
        })
        .await
    }

    /// The rows that named this chain leave: some chain is to name its last row again.
    pub async fn forget_who_saw(&self, chain: &str) -> Result<(), StoreError> {
        let chain = chain.to_owned();
        self.write(move |connection| {
            diesel::update(ledger_heads::table.find(chain)).set(ledger_heads::seen.eq(-1)).execute(connection).map(drop)
        })
        .await
    }
}

/// The condition on the old place makes one of two that archive at the same time go without.
fn move_beginning(connection: &mut AnyConnection, after: i64, to: ChainHead) -> QueryResult<bool> {
    let ChainHead { chain, seq, hash } = to;
    let there = diesel::update(ledger_beginnings::table.find(&chain).filter(ledger_beginnings::seq.eq(after)))
        .set((ledger_beginnings::seq.eq(seq), ledger_beginnings::hash.eq(&hash)))
        .execute(connection)?;
    if there > 0 || after >= 0 {
        return Ok(there > 0);
    }
    let first = (ledger_beginnings::chain.eq(chain), ledger_beginnings::seq.eq(seq), ledger_beginnings::hash.eq(hash));
    let made = on_backend!(connection, c => {
        diesel::insert_into(ledger_beginnings::table).values(first).on_conflict_do_nothing().execute(c)
    })?;
    Ok(made > 0)
}
