//! How our types become columns that both databases know: text, bytes, and timestamps without a zone, always UTC.
//!
//! Records use the wrappers of this file through `serialize_as` and `deserialize_as`, so that their fields stay plain.

use std::sync::Arc;

use diesel::backend::Backend;
use diesel::deserialize::{FromSqlRow, FromStaticSqlRow, Queryable};
use diesel::expression::AsExpression;
use diesel::sql_types::{Nullable, Text, Timestamp};
use shared_claims::Scope;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use super::profile::{Permissions, Profile};

/// Implements a newtype over `String` or `[u8; N]` as a column of the given SQL type.
macro_rules! column {
    ($name:ty, $sql:ty, $inner:ty, $owned:ty) => {
        impl<DB> diesel::deserialize::FromSql<$sql, DB> for $name
        where
            DB: diesel::backend::Backend,
            $owned: diesel::deserialize::FromSql<$sql, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
                let value = <$owned as diesel::deserialize::FromSql<$sql, DB>>::from_sql(bytes)?;
                Ok(Self(value.try_into().map_err(|_| concat!("not a ", stringify!($name)))?))
            }
        }

        impl<DB> diesel::serialize::ToSql<$sql, DB> for $name
        where
            DB: diesel::backend::Backend,
            $inner: diesel::serialize::ToSql<$sql, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut diesel::serialize::Output<'b, '_, DB>) -> diesel::serialize::Result {
                <$inner as diesel::serialize::ToSql<$sql, DB>>::to_sql(&self.0, out)
            }
        }
    };
}
pub(super) use column;

/// The time as both databases keep it: UTC, cut to microseconds (PostgreSQL cuts by itself, SQLite would not).
pub(super) fn stored(time: OffsetDateTime) -> PrimitiveDateTime {
    let time = time.to_offset(UtcOffset::UTC);
    let time = time.replace_microsecond(time.microsecond()).unwrap_or(time);
    PrimitiveDateTime::new(time.date(), time.time())
}

#[derive(Clone, Copy, Debug, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamp)]
pub struct Utc(PrimitiveDateTime);

column!(Utc, Timestamp, PrimitiveDateTime, PrimitiveDateTime);

impl From<OffsetDateTime> for Utc {
    fn from(time: OffsetDateTime) -> Self {
        Self(stored(time))
    }
}

impl From<Utc> for OffsetDateTime {
    fn from(column: Utc) -> Self {
        column.0.assume_utc()
    }
}

/// A nullable time.
#[derive(Clone, Copy, Debug)]
pub struct MaybeUtc(Option<Utc>);

impl<DB> Queryable<Nullable<Timestamp>, DB> for MaybeUtc
where
    DB: Backend,
    Option<Utc>: FromStaticSqlRow<Nullable<Timestamp>, DB>,
{
    type Row = Option<Utc>;

    fn build(row: Self::Row) -> diesel::deserialize::Result<Self> {
        Ok(Self(row))
    }
}

impl AsExpression<Nullable<Timestamp>> for MaybeUtc {
    type Expression = <Option<Utc> as AsExpression<Nullable<Timestamp>>>::Expression;

    fn as_expression(self) -> Self::Expression {
        AsExpression::<Nullable<Timestamp>>::as_expression(self.0)
    }
}

impl From<Option<OffsetDateTime>> for MaybeUtc {
    fn from(time: Option<OffsetDateTime>) -> Self {
        Self(time.map(Utc::from))
    }
}

impl From<MaybeUtc> for Option<OffsetDateTime> {
    fn from(column: MaybeUtc) -> Self {
        column.0.map(OffsetDateTime::from)
    }
}

/// A value kept as text, with how it is written and read.
macro_rules! text {
    ($name:ident, $value:ty, $write:expr, $read:expr) => {
        #[derive(Clone, Debug, AsExpression, FromSqlRow)]
        #[diesel(sql_type = Text)]
        pub struct $name(String);

        column!($name, Text, String, String);

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                let write: fn(&$value) -> String = $write;
                Self(write(&value))
            }
        }

        impl TryFrom<$name> for $value {
            type Error = Box<dyn std::error::Error + Send + Sync>;

            fn try_from(column: $name) -> Result<Self, Self::Error> {
                let read: fn(&str) -> Result<$value, Self::Error> = $read;
                read(&column.0)
            }
        }
    };
}

text!(ScopeText, Scope, Scope::to_string, |text| Ok(text.parse()?));
text!(ProfileJson, Profile, json, |text| Ok(serde_json::from_str(text)?));
text!(PermissionsJson, Permissions, json, |text| Ok(serde_json::from_str(text)?));
impl TryFrom<PermissionsJson> for Arc<Permissions> {
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn try_from(column: PermissionsJson) -> Result<Self, Self::Error> {
        Permissions::try_from(column).map(Arc::new)
    }
}

text!(ListJson, Vec<String>, json, |text| Ok(serde_json::from_str(text)?));

#[expect(clippy::expect_used, reason = "only numbers that are not finite and keys that are not text cannot be written")]
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain text and lists can be written as JSON")
}
