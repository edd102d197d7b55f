//! What a user has allowed a client to do.

use std::collections::BTreeMap;

use diesel::prelude::*;
use shared_claims::Scope;
use time::OffsetDateTime;

use super::columns::{ScopeText, Utc};
use super::connection::on_backend;
use super::schema::consents;
use super::{Store, StoreError, UserId};

/// What a user has allowed one client at one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// None: names that belong to no API (`openid`, `profile`, ...).
    pub api: Option<String>,
    pub scope: Scope,
}

#[derive(Insertable)]
#[diesel(table_name = consents)]
struct Row {
    user_id: UserId,
    client_id: String,
    api: String,
    scope: String,
    #[diesel(serialize_as = Utc)]
    given_at: OffsetDateTime,
}

impl Store {
    /// Adds to what the user has allowed; what is there stays.
    pub async fn add_consents(
        &self,
        user: &UserId,
        client_id: &str,
        allowed: Vec<Consent>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (user, client_id) = (user.clone(), client_id.to_owned());
        self.write(move |connection| {
            for consent in allowed {
                let api = consent.api.unwrap_or_default();
                for name in consent.scope {
                    let row = Row {
                        user_id: user.clone(),
                        client_id: client_id.clone(),
                        api: api.clone(),
                        scope: name.as_str().to_owned(),
                        given_at: now,
                    };
                    on_backend!(connection, c => {
                        diesel::insert_into(consents::table).values(row).on_conflict_do_nothing().execute(c)
                    })?;
                }
            }
            Ok(())
        })
        .await
    }

    /// All that the user has allowed the client, one entry for each API.
    pub async fn list_consents(&self, user: &UserId, client_id: &str) -> Result<Vec<Consent>, StoreError> {
        let (user, client_id) = (user.clone(), client_id.to_owned());
        self.look(move |connection| {
            let rows: Vec<(String, ScopeText)> = consents::table
                .filter(consents::user_id.eq(user))
                .filter(consents::client_id.eq(client_id))
                .select((consents::api, consents::scope))
                .load(connection)?;
            let mut by_api: BTreeMap<String, Scope> = BTreeMap::new();
            for (api, name) in rows {
                let name = Scope::try_from(name).map_err(diesel::result::Error::DeserializationError)?;
                let names = by_api.entry(api).or_default();
                *names = names.union(&name);
            }
            let consent =
                |(api, scope): (String, Scope)| Consent { api: Some(api).filter(|api| !api.is_empty()), scope };
            Ok(by_api.into_iter().map(consent).collect())
        })
        .await
    }
}
