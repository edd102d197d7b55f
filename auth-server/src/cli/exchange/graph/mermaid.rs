//! A Mermaid flowchart. In a comparison, what is opened is a thick line and what is closed a dotted one.

use std::fmt::Write as _;

use super::answer::Answer;
use super::picture::{Edge, Mark, Node, Picture};

pub(super) fn write(answer: &Answer) -> String {
    let Picture { nodes, edges } = Picture::of(answer);
    let mut chart = "flowchart LR\n".to_owned();
    for (position, node) in nodes.iter().enumerate() {
        let name = escaped(&node.name());
        let _ = match node {
            Node::App(..) => writeln!(chart, "    n{position}([\"{name}\"])"),
            Node::Api(_) => writeln!(chart, "    n{position}[\"{name}\"]"),
        };
    }
    for edge in &edges {
        let _ = writeln!(chart, "    n{} {}|\"{}\"| n{}", edge.from, arrow(edge), label(edge), edge.to);
    }
    chart
}

fn arrow(edge: &Edge) -> &'static str {
    match edge.mark {
        Mark::None => "-->",
        Mark::Opened => "==>",
        Mark::Closed => "-.->",
    }
}

fn label(edge: &Edge) -> String {
    edge.label().iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>")
}

/// Mermaid reads labels as Markdown and HTML: what could mean something there becomes its entity code.
fn escaped(text: &str) -> String {
    let mut written = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || " :/.,-()[]".contains(character) {
            written.push(character);
        } else {
            let _ = write!(written, "#{};", u32::from(character));
        }
    }
    // A line that begins so would be a list of Markdown, which Mermaid refuses to draw.
    match written.strip_prefix("- ") {
        Some(rest) => format!("#45; {rest}"),
        None => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mermaid_would_read_as_its_own_is_an_entity_code() {
        assert_eq!(escaped("read:receipts [consent]"), "read:receipts [consent]");
        assert_eq!(escaped("a\"]-->b<script>`*_#;\n"), "a#34;]--#62;b#60;script#62;#96;#42;#95;#35;#59;#10;");
        assert_eq!(escaped("- r"), "#45; r");
        assert_eq!(escaped("é"), "#233;");
    }
}
