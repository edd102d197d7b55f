//! Plain lines: a tree of all paths, or one line a path.

use std::fmt::Write as _;

use super::answer::{Answer, in_brackets, scope_words, subject_word};
use crate::exchange::graph::{Change, Changes, Path, Step, Wanted};

pub(super) fn write(answer: &Answer) -> String {
    let written = match answer {
        Answer::All(paths) => tree(paths),
        Answer::Reach { wanted, paths } => reach(wanted, paths),
        Answer::Changes(changes) => all_changes(changes),
    };
    without_controls(&written)
}

fn tree(paths: &[Path]) -> String {
    if paths.is_empty() {
        return "no app can get a token for any API\n".to_owned();
    }
    let mut lines = String::new();
    let mut before = None;
    for path in paths {
        let start = (&path.app, path.subject);
        if before != Some(start) {
            let gap = if before.is_some() { "\n" } else { "" };
            let _ = writeln!(lines, "{gap}{}", app(path));
            before = Some(start);
        }
        let _ = writeln!(lines, "{:indent$}-> {}", "", step(&path.to), indent = 2 + 3 * path.through.len());
    }
    lines
}

fn reach(wanted: &Wanted, paths: &[Path]) -> String {
    let asked = format!("{} at {}", wanted.scope, wanted.apis.join(" or "));
    if paths.is_empty() {
        return format!("nobody can get {asked}\n");
    }
    let lines = paths.iter().map(|path| format!("  {}: {}", apis(path), what(&path.to)));
    joined([format!("who can get {asked}:")].into_iter().chain(lines))
}

fn all_changes(Changes { opened, closed }: &Changes) -> String {
    if opened.is_empty() && closed.is_empty() {
        return "nothing is opened, nothing is closed\n".to_owned();
    }
    let opened = opened.iter().map(|change| one_change('+', "new path", "wider", "no longer needs", change));
    let closed = closed.iter().map(|change| one_change('-', "path gone", "narrower", "now needs", change));
    joined(opened.chain(closed))
}

fn one_change(sign: char, whole: &str, scope: &str, conditions: &str, change: &Change) -> String {
    let path = apis(&change.path);
    if change.whole {
        return format!("{sign} {path}: {} ({whole})", scope_words(&change.scope));
    }
    let of_scope = (!change.scope.is_empty()).then(|| format!("{} ({scope})", change.scope));
    let of_conditions = in_brackets(&change.without).map(|without| format!("{conditions} {without}"));
    let both: Vec<_> = of_scope.into_iter().chain(of_conditions).collect();
    format!("{sign} {path}: {}", both.join(", "))
}

fn app(path: &Path) -> String {
    let holding = path.holding.as_ref().map(|name| format!(" holding no more than {name}")).unwrap_or_default();
    format!("{} ({}{holding})", path.app, subject_word(path.subject))
}

fn apis(path: &Path) -> String {
    path.steps().fold(app(path), |line, step| format!("{line} -> {}", step.api))
}

fn step(step: &Step) -> String {
    format!("{}: {}", step.api, what(step))
}

fn what(step: &Step) -> String {
    let conditions = in_brackets(&step.conditions).map(|conditions| format!(" {conditions}")).unwrap_or_default();
    format!("{}{conditions}", scope_words(&step.scope))
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

/// Identifiers come from a file that somebody else may have proposed: none of them gets to steer a terminal.
fn without_controls(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
