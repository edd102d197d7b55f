//! The ways as a drawing: every app and every API once, every step between them once, with the widest scope of all ways
//! over it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use shared_claims::Scope;

use crate::exchange::graph::Way;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Node<'a> {
    App(&'a str),
    Api(&'a str),
}

struct Drawing<'a> {
    /// Sorted; an index is the node's name in the drawing.
    nodes: Vec<Node<'a>>,
    edges: BTreeMap<(usize, usize), Scope>,
}

impl<'a> Drawing<'a> {
    fn of(ways: &'a [Way]) -> Self {
        let first = ways.iter().map(|way| Node::App(&way.app));
        let further = ways.iter().flat_map(|way| way.stops.iter().map(|stop| Node::Api(&stop.api)));
        let nodes: Vec<_> = first.chain(further).collect::<BTreeSet<_>>().into_iter().collect();
        let mut edges = BTreeMap::<(usize, usize), Scope>::new();
        for way in ways {
            let mut from = nodes.binary_search(&Node::App(&way.app));
            for stop in &way.stops {
                let to = nodes.binary_search(&Node::Api(&stop.api));
                if let (Ok(from), Ok(to)) = (from, to) {
                    let known = edges.entry((from, to)).or_default();
                    *known = known.union(&stop.scope);
                }
                from = to;
            }
        }
        Self { nodes, edges }
    }
}

/// For <https://mermaid.js.org>, which GitHub and GitLab draw in Markdown.
pub(super) fn mermaid(ways: &[Way]) -> String {
    let drawing = Drawing::of(ways);
    let mut text = "flowchart LR\n".to_owned();
    for (index, node) in drawing.nodes.iter().enumerate() {
        // Writing into a string cannot fail.
        let _ = match node {
            Node::App(name) => writeln!(text, "  n{index}([\"{}\"])", in_mermaid(name)),
            Node::Api(name) => writeln!(text, "  n{index}[\"{}\"]", in_mermaid(name)),
        };
    }
    for ((from, to), scope) in &drawing.edges {
        let _ = writeln!(text, "  n{from} -->|\"{}\"| n{to}", in_mermaid(&scope.to_string()));
    }
    text
}

/// Mermaid writes characters of its own grammar, and of HTML, as `#code;`.
fn in_mermaid(name: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || " -_.:/@".contains(character);
    name.chars().fold(String::new(), |mut text, character| {
        if plain(character) {
            text.push(character);
        } else {
            let _ = write!(text, "#{};", u32::from(character));
        }
        text
    })
}

/// For Graphviz.
pub(super) fn dot(ways: &[Way]) -> String {
    let drawing = Drawing::of(ways);
    let mut text = "digraph deputy {\n  rankdir=LR;\n".to_owned();
    for (index, node) in drawing.nodes.iter().enumerate() {
        let (name, shape) = match node {
            Node::App(name) => (name, "ellipse"),
            Node::Api(name) => (name, "box"),
        };
        let _ = writeln!(text, "  n{index} [label=\"{}\", shape={shape}];", in_dot(name));
    }
    for ((from, to), scope) in &drawing.edges {
        let _ = writeln!(text, "  n{from} -> n{to} [label=\"{}\"];", in_dot(&scope.to_string()));
    }
    text + "}\n"
}

fn in_dot(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::graph::Stop;
    use crate::exchange::reach::Subject;

    fn way(app: &str, stops: &[(&str, &str)]) -> Way {
        let stop = |(api, scope): &(&str, &str)| Stop {
            api: (*api).to_owned(),
            scope: scope.parse().unwrap(),
            conditions: Vec::new(),
        };
        Way { app: app.to_owned(), subject: Subject::User, holding: None, stops: stops.iter().map(stop).collect() }
    }

    #[test]
    fn every_step_is_drawn_once_with_the_widest_scope() {
        let ways = [way("one", &[("a", "r"), ("b", "x")]), way("two", &[("a", "r w"), ("b", "y")])];
        let edges = mermaid(&ways).lines().filter(|line| line.contains("-->")).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(edges, ["  n0 -->|\"r\"| n2", "  n1 -->|\"r w\"| n2", "  n2 -->|\"x y\"| n3"]);
        assert_eq!(dot(&ways).matches(" -> ").count(), 3);
    }

    #[test]
    fn names_cannot_break_out_of_a_drawing() {
        let hostile = "a\"]; click n0 \"javascript:alert(1)\" <b>\\";
        let ways = [way(hostile, &[(hostile, "r")])];
        let drawn = mermaid(&ways);
        assert!(drawn.lines().filter(|line| line.contains('[')).all(|line| line.matches('"').count() == 2), "{drawn}");
        assert!(!drawn.contains('<') && !drawn.contains(";]"), "{drawn}");
        let quotes = dot(&ways).replace("\\\\", "").replace("\\\"", "").matches('"').count();
        assert_eq!(quotes, 6);
    }
}
