//! What a change opens and closes, for people and for programs.

use serde::Serialize;

use super::json::{self, JsonWay};
use super::text::in_words;
use crate::exchange::graph::{Change, Difference};

pub(super) fn text(change: &Change) -> String {
    let lines = |verb: &'static str, differences: &[Difference]| -> Vec<String> {
        differences.iter().map(|difference| line(verb, difference)).collect()
    };
    let lines = [lines("opens", &change.opened), lines("closes", &change.closed)].concat();
    if lines.is_empty() { "no way is opened or closed\n".to_owned() } else { lines.concat() }
}

fn line(verb: &str, difference: &Difference) -> String {
    let Difference { way, scope, conditions } = difference;
    let stops: Vec<_> = way.stops.iter().map(|stop| stop.api.as_str()).collect();
    let mut what = Vec::new();
    if !scope.is_empty() {
        what.push(scope.to_string());
    }
    what.extend(conditions.iter().map(|condition| format!("no longer only {}", condition.in_words())));
    let holding = way.holding.as_ref().map_or_else(String::new, |name| format!(", with no more than {name}"));
    let (app, subject, stops, what) = (&way.app, in_words(way.subject), stops.join(" -> "), what.join(", "));
    format!("{verb:<6}  {app} ({subject}{holding}) -> {stops}: {what}\n")
}

#[derive(Serialize)]
pub(super) struct JsonChange<'a> {
    opened: Vec<JsonDifference<'a>>,
    closed: Vec<JsonDifference<'a>>,
}

#[derive(Serialize)]
struct JsonDifference<'a> {
    #[serde(flatten)]
    way: JsonWay<'a>,
    /// At its end, in one of the two configurations only.
    scope: String,
    /// What stands before its end in the other configuration only.
    without_conditions: Vec<&'static str>,
}

pub(super) fn json(change: &Change) -> JsonChange<'_> {
    let [opened, closed] = [&change.opened, &change.closed].map(|all| all.iter().map(difference).collect());
    JsonChange { opened, closed }
}

fn difference(difference: &Difference) -> JsonDifference<'_> {
    JsonDifference {
        way: json::way(&difference.way),
        scope: difference.scope.to_string(),
        without_conditions: difference.conditions.iter().map(|condition| condition.name()).collect(),
    }
}
