//! What PostgreSQL does in one statement, and so in one transaction and at one round trip: `WITH` queries that write.
//!
//! All parts see the database as it was when the statement began; a row that somebody else changes meanwhile is waited for
//! (unless it is to be skipped) and looked at again, and left alone if the part's conditions hold for it no more.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::{PgConnection, RunQueryDsl};

/// `WITH name AS (…), … then`. `parts`: a tuple of [`Named`], each of which may use those before it, as may `then`.
pub(super) struct With<P, S> {
    pub parts: P,
    pub then: S,
}

/// A part, and the name that its rows have in the parts behind it: that of the `diesel::table!` that describes them.
pub(super) struct Named<S>(pub &'static str, pub S);

impl<P: QueryFragment<Pg>, S: QueryFragment<Pg>> QueryFragment<Pg> for With<P, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH ");
        self.parts.walk_ast(out.reborrow())?;
        out.push_sql(" ");
        self.then.walk_ast(out)
    }
}

impl<S: QueryFragment<Pg>> QueryFragment<Pg> for Named<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_identifier(self.0)?;
        out.push_sql(" AS (");
        self.1.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// Known by its text.
impl<P, S> QueryId for With<P, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<P, S> RunQueryDsl<PgConnection> for With<P, S> {}

/// `unnest($1, $2, …)`: rows that come with the statement, column by column. However many they are, it is the same statement.
macro_rules! push_rows {
    ($out:expr, $first:ty = $first_column:expr, $($rest:ty = $column:expr),* $(,)?) => {
        $out.push_sql("unnest(");
        $out.push_bind_param::<diesel::sql_types::Array<$first>, _>($first_column)?;
        $(
            $out.push_sql(", ");
            $out.push_bind_param::<diesel::sql_types::Array<$rest>, _>($column)?;
        )*
        $out.push_sql(")");
    };
}
pub(super) use push_rows;
