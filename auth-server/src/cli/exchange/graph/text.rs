//! The ways as a tree.

use std::fmt::Write as _;

use crate::exchange::graph::{Stop, Way};
use crate::exchange::reach::Subject;

/// Each way on a line below the one that it goes on from. A way whose beginning is not among them is written whole.
pub(super) fn tree(ways: &[Way]) -> String {
    let mut text = String::new();
    let mut above: Vec<&Way> = Vec::new();
    for way in ways {
        above.retain(|other| goes_on_from(way, other));
        if above.is_empty() {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{} ({})", way.app, in_words(way.subject));
        }
        let first_new = above.last().map_or(0, |other| other.stops.len());
        for (depth, stop) in way.stops.iter().enumerate().skip(first_new) {
            let _ = writeln!(text, "{}-> {}", "   ".repeat(depth + 1), described(stop));
        }
        above.push(way);
    }
    text
}

pub(super) fn in_words(subject: Subject) -> &'static str {
    match subject {
        Subject::User => "users sign in",
        Subject::Machine => "by itself, without a user",
    }
}

fn goes_on_from(way: &Way, other: &Way) -> bool {
    (&way.app, way.subject) == (&other.app, other.subject) && way.stops.starts_with(&other.stops)
}

fn described(stop: &Stop) -> String {
    let conditions: Vec<_> = stop.conditions.iter().map(|condition| condition.in_words()).collect();
    let scope = if stop.scope.is_empty() { "no scope".to_owned() } else { stop.scope.to_string() };
    match conditions.as_slice() {
        [] => format!("{}  {scope}", stop.api),
        conditions => format!("{}  {scope}  ({})", stop.api, conditions.join(", ")),
    }
}
