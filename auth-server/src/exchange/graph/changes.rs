//! What a change of the configuration opens, and what it closes: whole paths, scopes on them, and conditions before them.

use std::collections::BTreeSet;

use shared_claims::Scope;

use super::{Condition, Path, narrow_paths, paths};
use crate::exchange::Limits;
use crate::registry::Registry;

/// The difference between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub opened: Vec<Change>,
    pub closed: Vec<Change>,
}

/// What is more open on one path of one configuration than of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// As it is where it is more open.
    pub path: Path,
    /// Whether the other configuration has no such path at all.
    pub whole: bool,
    /// What can flow to its end, and could not in the other.
    pub scope: Scope,
    /// What the other demands before the last step, and this one does not.
    pub without: BTreeSet<Condition>,
}

impl Changes {
    #[must_use]
    pub fn between(old: (&Registry, Limits), new: (&Registry, Limits)) -> Self {
        let all = |(registry, Limits { max_actors })| {
            [paths(registry, max_actors), narrow_paths(registry, max_actors)].concat()
        };
        let (old, new) = (all(old), all(new));
        Self { opened: more_open(&new, &old), closed: more_open(&old, &new) }
    }
}

/// Where `these` are more open than `others`. A wider scope in the middle of a path is a wider scope at the end of a shorter
/// one, so that only ends are compared. Whole tokens come first: what is told of them is not told again of narrow ones.
fn more_open(these: &[Path], others: &[Path]) -> Vec<Change> {
    let mut told: Vec<Change> = Vec::new();
    for path in these {
        let other = others.iter().find(|other| other.is_same(path));
        let change = more_open_than(other, path).filter(|change| !is_told(change, &told));
        told.extend(change);
    }
    told
}

fn is_told(change: &Change, told: &[Change]) -> bool {
    let covers = |other: &Change| {
        let same_route = Path { holding: None, ..change.path.clone() }.is_same(&other.path);
        same_route && change.scope.is_subset(&other.scope) && change.without.is_subset(&other.without)
    };
    change.path.holding.is_some() && told.iter().any(covers)
}

fn more_open_than(other: Option<&Path>, path: &Path) -> Option<Change> {
    let Some(other) = other else {
        let scope = path.to.scope.clone();
        return Some(Change { path: path.clone(), whole: true, scope, without: BTreeSet::new() });
    };
    let scope = path.to.scope.difference(&other.to.scope);
    let without: BTreeSet<_> = other
        .to
        .conditions
        .difference(&path.to.conditions)
        .filter(|condition| applies_to(condition, &path.to.scope))
        .cloned()
        .collect();
    let more_open = !scope.is_empty() || !without.is_empty();
    more_open.then(|| Change { path: path.clone(), whole: false, scope, without })
}

/// A demand on a scope that cannot flow here anyway went with its scope.
fn applies_to(condition: &Condition, scope: &Scope) -> bool {
    match condition {
        Condition::Consent | Condition::Permissions => true,
        Condition::SignIn(name) => scope.contains(name.as_str()),
    }
}
