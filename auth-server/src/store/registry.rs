//! Clients, APIs and pairings as documents, for the registry that every replica holds in memory.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::schema::registry_entries as entries;
use super::{Store, StoreError, versions};

/// What an entry describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    Api,
    Client,
    Pairing,
}

impl EntryKind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Client => "client",
            Self::Pairing => "pairing",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Api, Self::Client, Self::Pairing].into_iter().find(|kind| kind.name() == name)
    }
}

/// One client, API or pairing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegistryEntry {
    pub kind: EntryKind,
    pub name: String,
    /// JSON; its shape is the registry's.
    pub document: String,
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = entries)]
struct Row {
    kind: String,
    name: String,
    document: String,
}

impl Store {
    /// Makes the registry exactly this. False: it was so already, and nothing has changed, the version included.
    pub async fn replace_registry(&self, mut wanted: Vec<RegistryEntry>) -> Result<bool, StoreError> {
        wanted.sort();
        let present = self.load_registry().await?.1;
        if present == wanted {
            return Ok(false);
        }
        self.write(move |connection| {
            versions::bump(connection, versions::REGISTRY)?;
            diesel::delete(entries::table).execute(connection)?;
            for entry in wanted {
                let row = Row { kind: entry.kind.name().to_owned(), name: entry.name, document: entry.document };
                diesel::insert_into(entries::table).values(row).execute(connection)?;
            }
            Ok(true)
        })
        .await
    }

    /// All entries in order, with the version that they are.
    pub async fn load_registry(&self) -> Result<(i64, Vec<RegistryEntry>), StoreError> {
        self.read(|connection| connection.snapshot(load)).await
    }
}

fn load(connection: &mut AnyConnection) -> QueryResult<(i64, Vec<RegistryEntry>)> {
    let version = versions::current(connection, versions::REGISTRY)?;
    let rows: Vec<Row> = entries::table.load(connection)?;
    let mut loaded = Vec::with_capacity(rows.len());
    for row in rows {
        let kind = EntryKind::of_name(&row.kind).ok_or_else(|| {
            diesel::result::Error::DeserializationError(format!("registry entry of unknown kind {:?}", row.kind).into())
        })?;
        loaded.push(RegistryEntry { kind, name: row.name, document: row.document });
    }
    loaded.sort();
    Ok((version, loaded))
}
