//! A directed graph for Graphviz. In a comparison, what is opened is green and what is closed red and dashed.

use std::fmt::Write as _;

use super::answer::Answer;
use super::picture::{Edge, Mark, Node, Picture};

pub(super) fn write(answer: &Answer) -> String {
    let Picture { nodes, edges } = Picture::of(answer);
    let mut graph = "digraph exchange {\n    rankdir=LR;\n    node [shape=box];\n".to_owned();
    for (position, node) in nodes.iter().enumerate() {
        let shape = if matches!(node, Node::App(..)) { ", shape=ellipse" } else { "" };
        let _ = writeln!(graph, "    n{position} [label=\"{}\"{shape}];", escaped(&node.name()));
    }
    for edge in &edges {
        let _ = writeln!(graph, "    n{} -> n{} [label=\"{}\"{}];", edge.from, edge.to, label(edge), look(edge));
    }
    graph.push_str("}\n");
    graph
}

fn look(edge: &Edge) -> &'static str {
    match edge.mark {
        Mark::None => "",
        Mark::Opened => ", color=darkgreen, fontcolor=darkgreen, penwidth=2",
        Mark::Closed => ", color=red, fontcolor=red, style=dashed",
    }
}

fn label(edge: &Edge) -> String {
    edge.label().iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\\n")
}

/// Inside quotes, a quote ends the text and a backslash begins an escape of Graphviz's own.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_stay_inside_their_label() {
        assert_eq!(escaped(r#"a"];\N"#), r#"a\"];\\N"#);
    }
}
