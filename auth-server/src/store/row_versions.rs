//! Which version of its row is there: PostgreSQL names each by the transaction that wrote it (`xmin`).

use std::collections::HashMap;

use diesel::PgConnection;
use diesel::prelude::*;

use super::GrantId;

diesel::table! {
    #[sql_name = "grants"]
    grant_versions (id) {
        id -> Text,
        user_id -> Nullable<Text>,
        xmin -> Oid,
    }
}

diesel::table! {
    #[sql_name = "users"]
    user_versions (id) {
        id -> Text,
        xmin -> Oid,
    }
}

diesel::allow_tables_to_appear_in_same_query!(grant_versions, user_versions);

/// Of a grant and of its user, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowVersions {
    grant: u32,
    user: Option<u32>,
}

/// Those that are there now.
pub(super) fn of_grants(
    connection: &mut PgConnection,
    grants: &[&GrantId],
) -> QueryResult<HashMap<GrantId, RowVersions>> {
    let all = grant_versions::table
        .left_join(user_versions::table.on(user_versions::id.nullable().eq(grant_versions::user_id)))
        .filter(grant_versions::id.eq_any(grants))
        .select((grant_versions::id, grant_versions::xmin, user_versions::xmin.nullable()))
        .load::<(GrantId, u32, Option<u32>)>(connection)?;
    Ok(all.into_iter().map(|(id, grant, user)| (id, RowVersions { grant, user })).collect())
}
