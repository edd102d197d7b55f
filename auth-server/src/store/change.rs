//! A change that somebody else makes, when its turn has come.

use diesel::result::QueryResult;

use super::connection::AnyConnection;

/// A change that has not been made yet, and what becomes of it.
pub struct Change<T>(pub(super) Work<T>);

type Work<T> = Box<dyn FnOnce(&mut AnyConnection) -> QueryResult<T> + Send>;

impl<T> Change<T> {
    pub(super) fn by(work: impl FnOnce(&mut AnyConnection) -> QueryResult<T> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// The same change, with what `read` reads from what became of it.
    #[must_use]
    pub fn with<U>(self, read: impl FnOnce(&T) -> U + Send + 'static) -> Change<(T, U)>
    where
        T: 'static,
    {
        Change::by(move |connection| {
            let value = (self.0)(connection)?;
            let also = read(&value);
            Ok((value, also))
        })
    }
}
