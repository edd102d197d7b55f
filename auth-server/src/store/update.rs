//! `UPDATE` statements that are prepared once and kept. diesel has each of its own parsed and planned anew, since one of its kind
//! may set other columns each time.

use diesel::associations::HasTable;
use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::BoolOrNullableBool;
use diesel::{AppearsOnTable, QuerySource, RunQueryDsl};

/// `UPDATE table SET … WHERE …`: its text is the same each time, whatever is bound to it.
pub(super) struct Update<T: QuerySource, C, F> {
    table: T::FromClause,
    set: C,
    filter: F,
}

impl<T: QuerySource, C, F> Update<T, C, F> {
    /// Sets always the same columns of the rows that `filter` is true of: no option that may be left out.
    pub fn of<S>(set: S, filter: F) -> Self
    where
        S: AsChangeset<Target = T, Changeset = C>,
        T: HasTable<Table = T>,
        F: AppearsOnTable<T>,
        F::SqlType: BoolOrNullableBool,
    {
        Self { table: T::table().from_clause(), set: set.as_changeset(), filter }
    }
}

impl<DB, T, C, F> QueryFragment<DB> for Update<T, C, F>
where
    DB: Backend,
    T: QuerySource,
    T::FromClause: QueryFragment<DB>,
    C: QueryFragment<DB>,
    F: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.set.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.filter.walk_ast(out)
    }
}

/// Known by its type, as what it sets is; its text is then not made anew each time.
impl<T, C, F> QueryId for Update<T, C, F>
where
    T: QuerySource + 'static,
    C: 'static,
    F: QueryId,
{
    type QueryId = Update<T, C, F::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = F::HAS_STATIC_QUERY_ID;
}

impl<T: QuerySource, C, F, Connection> RunQueryDsl<Connection> for Update<T, C, F> {}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use diesel::connection::{InstrumentationEvent, SimpleConnection as _};
    use diesel::prelude::*;

    use super::*;
    use crate::store::schema::versions;

    fn is_known_by_its_type<Q: QueryId>(_: &Q) -> bool {
        Q::query_id().is_some()
    }

    #[test]
    fn an_update_is_prepared_once_and_changes_what_it_says() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection.batch_execute("CREATE TABLE versions (name TEXT, version BIGINT)").unwrap();
        connection.batch_execute("INSERT INTO versions VALUES ('keys', 0), ('registry', 0)").unwrap();
        let kept = Arc::new(Mutex::new(Vec::new()));
        let noticed = Arc::clone(&kept);
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::CacheQuery { sql, .. } = event {
                noticed.lock().unwrap().push(sql.to_owned());
            }
        });
        for version in 1..=3 {
            let update = Update::of(versions::version.eq(version), versions::name.eq("keys"));
            assert!(is_known_by_its_type(&update));
            assert_eq!(update.execute(&mut connection), Ok(1));
        }
        let expected = "UPDATE `versions` SET `version` = ? WHERE (`versions`.`name` = ?)";
        assert_eq!(*kept.lock().unwrap(), [expected]);
        let all: Vec<(String, i64)> = versions::table.order(versions::name).load(&mut connection).unwrap();
        assert_eq!(all, [("keys".to_owned(), 3), ("registry".to_owned(), 0)]);
    }
}
