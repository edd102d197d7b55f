//! The registry as it is now: one snapshot, swapped whole when the database has a new version. Replicas notice within a
//! second. Rows that do not load are named in the log, and the last good snapshot stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use serde::de::DeserializeOwned;

use super::{Api, Client, InvalidRegistry, Pairing, Registry};
use crate::store::{EntryKind, RegistryEntry, Store, StoreError};

/// Holds the current snapshot.
#[derive(Debug)]
pub struct LiveRegistry {
    current: ArcSwap<Registry>,
    version: AtomicI64,
}

/// The registry of the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the registry does not hold together: {0}")]
    Invalid(#[from] InvalidRegistry),
    #[error("an entry cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

impl LiveRegistry {
    /// Loads the registry.
    pub async fn load(store: &Store) -> Result<Self, RegistryError> {
        let (version, entries) = store.load_registry().await?;
        Ok(Self { current: ArcSwap::from_pointee(read(&entries)?), version: AtomicI64::new(version) })
    }

    /// The snapshot of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<Registry> {
        self.current.load_full()
    }

    /// Takes over what another replica, or an administrator, has changed. True: there was something.
    pub async fn refresh(&self, store: &Store) -> Result<bool, RegistryError> {
        if store.version("registry").await? == self.version.load(Ordering::Acquire) {
            return Ok(false);
        }
        let (version, entries) = store.load_registry().await?;
        // Remembered before it is read: a version that does not load is named once, not every second.
        self.version.store(version, Ordering::Release);
        self.current.store(Arc::new(read(&entries)?));
        Ok(true)
    }
}

/// Makes the database's registry that of the configuration. True: something changed.
pub async fn apply(
    store: &Store,
    apis: &[Api],
    clients: &[Client],
    pairings: &[Pairing],
) -> Result<bool, RegistryError> {
    let mut entries = Vec::new();
    for api in apis {
        entries.push(entry(EntryKind::Api, api.identifier.clone(), api)?);
    }
    for client in clients {
        entries.push(entry(EntryKind::Client, client.id.to_string(), client)?);
    }
    for pairing in pairings {
        entries.push(entry(EntryKind::Pairing, pairing.name(), pairing)?);
    }
    Ok(store.replace_registry(entries).await?)
}

fn entry(kind: EntryKind, name: String, value: &impl serde::Serialize) -> Result<RegistryEntry, serde_json::Error> {
    Ok(RegistryEntry { kind, name, document: serde_json::to_string(value)? })
}

fn read(entries: &[RegistryEntry]) -> Result<Registry, InvalidRegistry> {
    let mut mistakes = Vec::new();
    let apis = documents::<Api>(entries, EntryKind::Api, &mut mistakes);
    let clients = documents::<Client>(entries, EntryKind::Client, &mut mistakes);
    let pairings = documents::<Pairing>(entries, EntryKind::Pairing, &mut mistakes);
    if mistakes.is_empty() { Registry::new(apis, clients, pairings) } else { Err(InvalidRegistry(mistakes)) }
}

fn documents<T: DeserializeOwned>(
    entries: &[RegistryEntry],
    kind: EntryKind,
    mistakes: &mut Vec<String>,
) -> Vec<T> {
    let of_kind = entries.iter().filter(|entry| entry.kind == kind);
    of_kind
        .filter_map(|entry| {
            let document = serde_json::from_str(&entry.document);
            document.map_err(|error| mistakes.push(format!("{} {}: {error}", kind.name(), entry.name))).ok()
        })
        .collect()
}
