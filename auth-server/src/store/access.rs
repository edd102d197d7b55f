//! Which apps have something of a user, and taking it back: what was agreed to, and the grants that it led to.

use diesel::prelude::*;
use time::OffsetDateTime;

use super::columns::stored;
use super::schema::{consents, grants, pairing_consents};
use super::{GrantId, GrantsOf, Store, StoreError, UserId};

impl Store {
    /// The clients that a user has agreed to anything for, or that hold a live grant of theirs.
    pub async fn list_clients_with_access(
        &self,
        user: &UserId,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, StoreError> {
        let user = user.clone();
        self.read(move |connection| {
            let agreed = consents::table.filter(consents::user_id.eq(&user)).select(consents::client_id).distinct();
            let mut clients: Vec<String> = agreed.load(connection)?;
            let behind = pairing_consents::table.filter(pairing_consents::user_id.eq(&user));
            clients.extend(behind.select(pairing_consents::client_id).distinct().load::<String>(connection)?);
            let live = grants::table
                .filter(grants::user_id.eq(&user))
                .filter(grants::revoked_at.is_null())
                .filter(grants::expires_at.gt(stored(now)));
            clients.extend(live.select(grants::client_id).distinct().load::<String>(connection)?);
            clients.sort();
            clients.dedup();
            Ok(clients)
        })
        .await
    }

    /// Takes back everything that a client has of a user: which grants ended.
    pub async fn withdraw_access(
        &self,
        user: &UserId,
        client_id: &str,
        reason: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<GrantId>, StoreError> {
        let of = GrantsOf::UserAtClient(user.clone(), client_id.to_owned());
        let (user, client_id) = (user.clone(), client_id.to_owned());
        self.write(move |connection| {
            let agreed = consents::table.filter(consents::user_id.eq(&user)).filter(consents::client_id.eq(&client_id));
            diesel::delete(agreed).execute(connection)?;
            let behind = pairing_consents::table
                .filter(pairing_consents::user_id.eq(&user))
                .filter(pairing_consents::client_id.eq(&client_id));
            diesel::delete(behind).execute(connection)
        })
        .await?;
        self.revoke_grants(&of, reason, now).await
    }
}
