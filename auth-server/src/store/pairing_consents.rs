//! What a user has agreed that APIs may do for them at other APIs, when a client calls.

use std::collections::BTreeMap;

use diesel::prelude::*;
use shared_claims::Scope;
use time::OffsetDateTime;

use super::columns::{ScopeText, Utc};
use super::connection::{AnyConnection, on_backend};
use super::schema::pairing_consents;
use super::{Store, StoreError, UserId};

/// What `source` may do at `target` on the user's behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairingConsent {
    pub source: String,
    pub target: String,
    pub scope: Scope,
}

#[derive(Insertable)]
#[diesel(table_name = pairing_consents)]
struct Row {
    user_id: UserId,
    client_id: String,
    source: String,
    target: String,
    scope: String,
    #[diesel(serialize_as = Utc)]
    given_at: OffsetDateTime,
}

impl Store {
    /// Adds to what the user has agreed to; what is there stays.
    pub async fn add_pairing_consents(
        &self,
        user: &UserId,
        client_id: &str,
        agreed: Vec<PairingConsent>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (user, client_id) = (user.clone(), client_id.to_owned());
        self.write(move |connection| {
            for PairingConsent { source, target, scope } in agreed {
                for name in scope {
                    let row = Row {
                        user_id: user.clone(),
                        client_id: client_id.clone(),
                        source: source.clone(),
                        target: target.clone(),
                        scope: name.as_str().to_owned(),
                        given_at: now,
                    };
                    on_backend!(connection, c => {
                        diesel::insert_into(pairing_consents::table).values(row).on_conflict_do_nothing().execute(c)
                    })?;
                }
            }
            Ok(())
        })
        .await
    }

    /// All that the user has agreed to for this client's calls, one entry for each pairing.
    pub async fn list_pairing_consents(
        &self,
        user: &UserId,
        client_id: &str,
    ) -> Result<Vec<PairingConsent>, StoreError> {
        let (user, client_id) = (user.clone(), client_id.to_owned());
        self.read(move |connection| list(connection, &user, &client_id)).await
    }

    /// Takes back what the user has agreed to for this client's calls at one pairing; says how many names.
    pub async fn delete_pairing_consents(
        &self,
        user: &UserId,
        client_id: &str,
        source: &str,
        target: &str,
    ) -> Result<usize, StoreError> {
        let (user, client_id) = (user.clone(), client_id.to_owned());
        let (source, target) = (source.to_owned(), target.to_owned());
        self.write(move |connection| {
            let of_pairing = pairing_consents::table
                .filter(pairing_consents::user_id.eq(user))
                .filter(pairing_consents::client_id.eq(client_id))
                .filter(pairing_consents::source.eq(source))
                .filter(pairing_consents::target.eq(target));
            diesel::delete(of_pairing).execute(connection)
        })
        .await
    }
}

pub(super) fn list(connection: &mut AnyConnection, user: &UserId, client_id: &str) -> QueryResult<Vec<PairingConsent>> {
    let rows: Vec<(String, String, ScopeText)> = pairing_consents::table
        .filter(pairing_consents::user_id.eq(user.clone()))
        .filter(pairing_consents::client_id.eq(client_id.to_owned()))
        .select((pairing_consents::source, pairing_consents::target, pairing_consents::scope))
        .load(connection)?;
    let mut by_pairing: BTreeMap<(String, String), Scope> = BTreeMap::new();
    for (source, target, name) in rows {
        let name = Scope::try_from(name).map_err(diesel::result::Error::DeserializationError)?;
        let names = by_pairing.entry((source, target)).or_default();
        *names = names.union(&name);
    }
    let consent = |((source, target), scope)| PairingConsent { source, target, scope };
    Ok(by_pairing.into_iter().map(consent).collect())
}
