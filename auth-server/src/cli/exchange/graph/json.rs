//! JSON for programs. Scopes are written as in tokens: names with a space between them.

use serde::Serialize;
use shared_claims::Scope;

use super::answer::{Answer, subject_word};
use crate::exchange::graph::{Change, Condition, Path, Step};

#[derive(Serialize)]
#[serde(untagged)]
enum Document<'a> {
    All { paths: Vec<PathDocument<'a>> },
    Reach { scope: &'a str, apis: &'a [String], paths: Vec<PathDocument<'a>> },
    Changes { opened: Vec<ChangeDocument<'a>>, closed: Vec<ChangeDocument<'a>> },
}

#[derive(Serialize)]
struct PathDocument<'a> {
    app: &'a str,
    subject: &'static str,
    /// In the order in which the APIs are called.
    steps: Vec<StepDocument<'a>>,
}

#[derive(Serialize)]
struct StepDocument<'a> {
    api: &'a str,
    scope: &'a Scope,
    conditions: Vec<ConditionDocument<'a>>,
}

#[derive(Serialize)]
struct ChangeDocument<'a> {
    app: &'a str,
    subject: &'static str,
    /// The first token's only scope, where it is about narrow tokens alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    holding: Option<&'a str>,
    apis: Vec<&'a str>,
    /// Whether the other configuration has no such path at all.
    whole_path: bool,
    scope: &'a Scope,
    conditions: Vec<ConditionDocument<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "condition", rename_all = "snake_case")]
enum ConditionDocument<'a> {
    Consent,
    Permissions,
    SignIn { scope: &'a str },
}

pub(super) fn write(answer: &Answer) -> serde_json::Result<String> {
    let document = match answer {
        Answer::All(paths) => Document::All { paths: paths.iter().map(PathDocument::of).collect() },
        Answer::Reach { wanted, paths } => Document::Reach {
            scope: wanted.scope.as_str(),
            apis: &wanted.apis,
            paths: paths.iter().map(PathDocument::of).collect(),
        },
        Answer::Changes(changes) => Document::Changes {
            opened: changes.opened.iter().map(ChangeDocument::of).collect(),
            closed: changes.closed.iter().map(ChangeDocument::of).collect(),
        },
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

impl<'a> PathDocument<'a> {
    fn of(path: &'a Path) -> Self {
        let steps = path.steps().map(StepDocument::of).collect();
        Self { app: &path.app, subject: subject_word(path.subject), steps }
    }
}

impl<'a> StepDocument<'a> {
    fn of(step: &'a Step) -> Self {
        let conditions = step.conditions.iter().map(ConditionDocument::of).collect();
        Self { api: &step.api, scope: &step.scope, conditions }
    }
}

impl<'a> ChangeDocument<'a> {
    fn of(change: &'a Change) -> Self {
        Self {
            app: &change.path.app,
            subject: subject_word(change.path.subject),
            holding: change.path.holding.as_ref().map(shared_claims::ScopeToken::as_str),
            apis: change.path.steps().map(|step| step.api.as_str()).collect(),
            whole_path: change.whole,
            scope: &change.scope,
            conditions: change.without.iter().map(ConditionDocument::of).collect(),
        }
    }
}

impl<'a> ConditionDocument<'a> {
    fn of(condition: &'a Condition) -> Self {
        match condition {
            Condition::Consent => Self::Consent,
            Condition::Permissions => Self::Permissions,
            Condition::SignIn(scope) => Self::SignIn { scope: scope.as_str() },
        }
    }
}
