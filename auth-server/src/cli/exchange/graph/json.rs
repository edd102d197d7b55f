//! The ways for programs.

use serde::Serialize;

use crate::exchange::graph::{Stop, Way};
use crate::exchange::reach::Subject;

#[derive(Serialize)]
pub(super) struct JsonWay<'a> {
    app: &'a str,
    /// `user` or `machine`.
    subject: &'static str,
    /// The first token's only scope, where a change concerns narrow tokens alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    holding: Option<&'a str>,
    stops: Vec<JsonStop<'a>>,
}

#[derive(Serialize)]
struct JsonStop<'a> {
    api: &'a str,
    scope: String,
    conditions: Vec<&'static str>,
}

pub(super) fn ways(ways: &[Way]) -> Vec<JsonWay<'_>> {
    ways.iter().map(way).collect()
}

pub(super) fn way(way: &Way) -> JsonWay<'_> {
    let subject = match way.subject {
        Subject::User => "user",
        Subject::Machine => "machine",
    };
    let holding = way.holding.as_ref().map(shared_claims::ScopeToken::as_str);
    JsonWay { app: &way.app, subject, holding, stops: way.stops.iter().map(stop).collect() }
}

fn stop(stop: &Stop) -> JsonStop<'_> {
    let conditions = stop.conditions.iter().map(|condition| condition.name()).collect();
    JsonStop { api: &stop.api, scope: stop.scope.to_string(), conditions }
}
