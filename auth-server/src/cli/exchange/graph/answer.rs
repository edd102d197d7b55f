//! What was asked and found, before it takes a format; and the words that all formats share.

use crate::exchange::graph::{Changes, Condition, Path, Wanted};
use crate::exchange::reach::Subject;

pub(super) enum Answer {
    All(Vec<Path>),
    Reach { wanted: Wanted, paths: Vec<Path> },
    Changes(Changes),
}

impl Answer {
    /// What a check may pass on: somebody gets there, nothing is opened.
    pub fn is_good_news(&self) -> bool {
        match self {
            Self::All(_) => true,
            Self::Reach { paths, .. } => !paths.is_empty(),
            Self::Changes(changes) => changes.opened.is_empty(),
        }
    }
}

pub(super) fn subject_word(subject: Subject) -> &'static str {
    match subject {
        Subject::User => "user",
        Subject::Machine => "machine",
    }
}

/// `[consent, permissions]`; nothing where there is nothing to say.
pub(super) fn in_brackets<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> Option<String> {
    let words: Vec<_> = conditions.into_iter().map(condition_words).collect();
    (!words.is_empty()).then(|| format!("[{}]", words.join(", ")))
}

fn condition_words(condition: &Condition) -> String {
    match condition {
        Condition::Consent => "consent".to_owned(),
        Condition::Permissions => "permissions".to_owned(),
        Condition::SignIn(scope) => format!("sign-in for {scope}"),
    }
}

/// A first token can be without any scope of its API, and open something all the same.
pub(super) fn scope_words(scope: &shared_claims::Scope) -> String {
    if scope.is_empty() { "(no scope)".to_owned() } else { scope.to_string() }
}
