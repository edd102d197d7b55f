//! Paths laid over each other: what is drawn as a picture. An edge carries all that any path brings over it.

use std::collections::BTreeSet;

use shared_claims::Scope;

use super::answer::{Answer, in_brackets, scope_words, subject_word};
use crate::exchange::graph::{Change, Condition, Path};
use crate::exchange::reach::Subject;

#[derive(Default)]
pub(super) struct Picture {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

#[derive(PartialEq, Eq)]
pub(super) enum Node {
    App(String, Subject),
    Api(String),
}

/// What a comparison found out about an edge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    Opened,
    Closed,
}

pub(super) struct Edge {
    /// Positions among the nodes.
    pub from: usize,
    pub to: usize,
    pub mark: Mark,
    scope: Scope,
    conditions: BTreeSet<Condition>,
}

impl Picture {
    pub fn of(answer: &Answer) -> Self {
        let mut picture = Self::default();
        match answer {
            Answer::All(paths) | Answer::Reach { paths, .. } => {
                for path in paths {
                    picture.draw(path);
                }
            }
            Answer::Changes(changes) => {
                for (mark, side) in [(Mark::Opened, &changes.opened), (Mark::Closed, &changes.closed)] {
                    for change in side {
                        picture.draw_change(mark, change);
                    }
                }
            }
        }
        picture
    }

    fn draw(&mut self, path: &Path) {
        let before_last = self.draw_way(path);
        let to = self.node(Node::Api(path.to.api.clone()));
        self.edge(before_last, to, Mark::None, &path.to.scope, &path.to.conditions);
    }

    /// The way to the change stands without a mark, so that the picture hangs together.
    fn draw_change(&mut self, mark: Mark, change: &Change) {
        let before_last = self.draw_way(&change.path);
        let to = self.node(Node::Api(change.path.to.api.clone()));
        self.edge(before_last, to, mark, &change.scope, &change.without);
    }

    /// All steps but the last; returns the node from which the last one starts.
    fn draw_way(&mut self, path: &Path) -> usize {
        let mut at = self.node(Node::App(path.app.clone(), path.subject));
        for step in &path.through {
            let to = self.node(Node::Api(step.api.clone()));
            self.edge(at, to, Mark::None, &step.scope, &step.conditions);
            at = to;
        }
        at
    }

    fn node(&mut self, node: Node) -> usize {
        self.nodes.iter().position(|known| *known == node).unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        })
    }

    fn edge(&mut self, from: usize, to: usize, mark: Mark, scope: &Scope, conditions: &BTreeSet<Condition>) {
        let conditions = conditions.iter().cloned();
        match self.edges.iter_mut().find(|edge| (edge.from, edge.to, edge.mark) == (from, to, mark)) {
            Some(known) => {
                known.scope = known.scope.union(scope);
                known.conditions.extend(conditions);
            }
            None => self.edges.push(Edge { from, to, mark, scope: scope.clone(), conditions: conditions.collect() }),
        }
    }
}

impl Node {
    pub fn name(&self) -> String {
        match self {
            Self::App(id, Subject::User) => id.clone(),
            Self::App(id, subject) => format!("{id} ({})", subject_word(*subject)),
            Self::Api(identifier) => identifier.clone(),
        }
    }
}

impl Edge {
    /// What stands at the edge, line by line.
    pub fn label(&self) -> Vec<String> {
        let conditions = in_brackets(&self.conditions);
        let (sign, conditions) = match self.mark {
            Mark::None => ("", conditions),
            Mark::Opened => ("+ ", conditions.map(|conditions| format!("no longer needs {conditions}"))),
            Mark::Closed => ("- ", conditions.map(|conditions| format!("now needs {conditions}"))),
        };
        let only_conditions = self.mark != Mark::None && self.scope.is_empty() && conditions.is_some();
        let scope = (!only_conditions).then(|| format!("{sign}{}", scope_words(&self.scope)));
        scope.into_iter().chain(conditions).collect()
    }
}
