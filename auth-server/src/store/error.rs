//! What can go wrong with the database, sorted by what the caller can do about it: try again later (503), or nothing.

use diesel::result::{DatabaseErrorKind, Error};

/// A failure of the store. Its text is for the log, never for a client.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot do it now; nothing was changed, or it is unknown whether it was. Answer 503 with `Retry-After`.
    #[error("the database is not available ({reason}): {detail}")]
    Unavailable { reason: Unavailability, detail: String },
    /// What a row was to stand on has changed since it was looked up. Nothing was done: look again.
    #[error("what this stands on has changed meanwhile")]
    Outdated,
    /// The database holds what this program cannot have written.
    #[error("the database holds what cannot be: {0}")]
    Corrupt(String),
    /// This program asked for what the database must refuse.
    #[error("the store has a bug: {0}")]
    Bug(String),
    /// The settings name no usable database.
    #[error("{0}")]
    Settings(String),
}

/// Why the database is not available: a label for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailability {
    /// All connections are in use, and those before us did not finish in time.
    Overloaded,
    /// There is no connection, or it broke.
    Disconnected,
    /// Somebody else holds a lock, or the transaction lost against another.
    Locked,
    /// It took longer than the statement timeout.
    TooSlow,
    /// The disk is full.
    DiskFull,
    /// The disk has failed, and what it holds is not known any more. Does not pass in this process.
    DiskFailed,
    /// Any other failure of the database or its disk.
    Failing,
}

impl Unavailability {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Disconnected => "disconnected",
            Self::Locked => "locked",
            Self::TooSlow => "too_slow",
            Self::DiskFull => "disk_full",
            Self::DiskFailed => "disk_failed",
            Self::Failing => "failing",
        }
    }
}

impl std::fmt::Display for Unavailability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl StoreError {
    pub(super) fn unavailable(reason: Unavailability, detail: impl std::fmt::Display) -> Self {
        Self::Unavailable { reason, detail: detail.to_string() }
    }

    /// Whether the same call may succeed a little later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::DatabaseError(kind, _) => of_database(kind, detail),
            Error::RollbackErrorOnCommit { commit_error, .. } => Self::from(*commit_error),
            Error::BrokenTransactionManager => Self::unavailable(Unavailability::Disconnected, detail),
            Error::DeserializationError(_) => Self::Corrupt(detail),
            _ => Self::Bug(detail),
        }
    }
}

fn of_database(kind: DatabaseErrorKind, detail: String) -> StoreError {
    match kind {
        DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
            StoreError::unavailable(Unavailability::Disconnected, detail)
        }
        DatabaseErrorKind::SerializationFailure => StoreError::unavailable(Unavailability::Locked, detail),
        // A standby: the primary is elsewhere, or will be here in a moment.
        DatabaseErrorKind::ReadOnlyTransaction => StoreError::unavailable(Unavailability::Failing, detail),
        DatabaseErrorKind::Unknown => of_message(detail),
        // Constraints: every one of them is checked before, so meeting one is our mistake.
        _ => StoreError::Bug(detail),
    }
}

/// diesel hands on neither SQLite's result code nor PostgreSQL's SQLSTATE: the message is all there is. What is not
/// recognised counts as a passing failure, since our own SQL is the same on every run and known to work.
fn of_message(detail: String) -> StoreError {
    const KNOWN: [(&str, Unavailability); 10] = [
        ("locked", Unavailability::Locked),
        ("deadlock", Unavailability::Locked),
        ("lock timeout", Unavailability::Locked),
        ("statement timeout", Unavailability::TooSlow),
        ("disk I/O error", Unavailability::DiskFailed),
        ("full", Unavailability::DiskFull),
        ("No space left", Unavailability::DiskFull),
        ("unable to open", Unavailability::Disconnected),
        ("terminating connection", Unavailability::Disconnected),
        ("server closed the connection", Unavailability::Disconnected),
    ];
    if detail.contains("malformed") || detail.contains("is not a database") {
        return StoreError::Corrupt(detail);
    }
    if detail.contains("no such table") || detail.contains("no such column") || detail.contains("syntax error") {
        return StoreError::Bug(detail);
    }
    let reason = KNOWN.iter().find(|(words, _)| detail.contains(words)).map(|(_, reason)| *reason);
    StoreError::unavailable(reason.unwrap_or(Unavailability::Failing), detail)
}

/// Whether the connection can be trusted after this error. A refused row leaves it whole; for anything else a new one
/// costs less than a doubt.
pub(super) fn leaves_connection_whole(error: &Error) -> bool {
    use DatabaseErrorKind as Kind;
    match error {
        Error::DatabaseError(kind, _) => !matches!(
            kind,
            Kind::Unknown | Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::ReadOnlyTransaction
        ),
        Error::NotFound | Error::RollbackTransaction | Error::DeserializationError(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("database is locked", Unavailability::Locked)]
    #[case("database table is locked: grants", Unavailability::Locked)]
    #[case("database or disk is full", Unavailability::DiskFull)]
    #[case("disk I/O error", Unavailability::DiskFailed)]
    #[case("attempt to write a readonly database", Unavailability::Failing)]
    #[case("unable to open database file", Unavailability::Disconnected)]
    #[case("canceling statement due to statement timeout", Unavailability::TooSlow)]
    #[case("canceling statement due to lock timeout", Unavailability::Locked)]
    #[case("deadlock detected", Unavailability::Locked)]
    #[case("could not extend file \"base/1\": No space left on device", Unavailability::DiskFull)]
    #[case("terminating connection due to administrator command", Unavailability::Disconnected)]
    fn what_passes_by_itself_is_known_by_its_message(#[case] message: &str, #[case] expected: Unavailability) {
        let error = Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()));
        assert!(!leaves_connection_whole(&error));
        let error = StoreError::from(error);
        assert!(matches!(error, StoreError::Unavailable { reason, .. } if reason == expected), "{error:?}");
    }

    #[test]
    fn a_broken_file_does_not_pass_by_itself() {
        for message in ["database disk image is malformed", "file is not a database"] {
            let error = Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()));
            assert!(matches!(StoreError::from(error), StoreError::Corrupt(_)));
        }
    }

    #[test]
    fn a_refused_row_is_our_mistake_and_leaves_the_connection_whole() {
        let error = Error::DatabaseError(DatabaseErrorKind::UniqueViolation, Box::new("UNIQUE".to_owned()));
        assert!(leaves_connection_whole(&error));
        assert!(matches!(StoreError::from(error), StoreError::Bug(_)));
    }
}
