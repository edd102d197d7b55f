//! Numbers that rise with every change of what replicas hold in memory, so that asking "is mine current?" costs one row.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::schema::versions;
use super::{Store, StoreError};

pub(super) const REGISTRY: &str = "registry";
pub(super) const SIGNING_KEYS: &str = "signing_keys";

impl Store {
    /// The version of `"registry"` or `"signing_keys"`.
    pub async fn version(&self, name: &'static str) -> Result<i64, StoreError> {
        self.read(move |connection| current(connection, name)).await
    }
}

pub(super) fn current(connection: &mut AnyConnection, name: &str) -> QueryResult<i64> {
    versions::table.find(name.to_owned()).select(versions::version).first(connection)
}

/// Raises the version, and holds its row until the transaction ends: changes of one thing come one after the other.
pub(super) fn bump(connection: &mut AnyConnection, name: &str) -> QueryResult<()> {
    let row = versions::table.find(name.to_owned());
    let rows = diesel::update(row).set(versions::version.eq(versions::version + 1)).execute(connection)?;
    if rows == 1 { Ok(()) } else { Err(diesel::NotFound) }
}
