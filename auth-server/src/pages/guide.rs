//! docs/on-behalf-of.md as a page: every refusal's section, for `error_uri` (RFC 6749 section 5.2) to lead to.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use askama::Template;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::Site;

const MARKDOWN: &str = include_str!("../../../docs/on-behalf-of.md");

/// Rendered once.
static GUIDE: LazyLock<Guide> = LazyLock::new(|| Guide::render(MARKDOWN));

#[derive(Template)]
#[template(path = "guide.html")]
pub struct GuidePage<'a> {
    pub site: &'a Site,
    /// HTML that was made from this project's own Markdown.
    pub body: &'static str,
}

impl<'a> GuidePage<'a> {
    #[must_use]
    pub fn new(site: &'a Site) -> Self {
        Self { site, body: &GUIDE.body }
    }

    /// Whether a refusal's reason has a section.
    #[must_use]
    pub fn explains(reason: &str) -> bool {
        GUIDE.sections.contains(reason)
    }
}

struct Guide {
    body: String,
    sections: BTreeSet<String>,
}

impl Guide {
    fn render(markdown: &str) -> Self {
        let mut events: Vec<Event<'_>> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
        let sections = name_headings(&mut events);
        keep_links_within_the_page(&mut events);
        let mut body = String::new();
        html::push_html(&mut body, events.into_iter());
        Self { body, sections }
    }
}

/// Gives each heading an id that it can be linked by: what stands in it, in small letters, with `-` between words.
fn name_headings(events: &mut [Event<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for start in 0..events.len() {
        if !matches!(events[start], Event::Start(Tag::Heading { .. })) {
            continue;
        }
        let within = events[start..].iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
        let text = within.filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
            _ => None,
        });
        let name = slug(&text.collect::<String>());
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[start] {
            *id = Some(CowStr::from(name.clone()));
        }
        names.insert(name);
    }
    names
}

fn slug(text: &str) -> String {
    let kept = text.to_lowercase().replace(' ', "-");
    kept.chars().filter(|character| character.is_alphanumeric() || "-_".contains(*character)).collect()
}

/// Files of the repository are not served here: what is linked to one stays as its text.
fn keep_links_within_the_page(events: &mut Vec<Event<'_>>) {
    let mut leads_elsewhere = false;
    events.retain(|event| match event {
        Event::Start(Tag::Link { dest_url, .. }) => {
            leads_elsewhere = !dest_url.starts_with('#');
            !leads_elsewhere
        }
        Event::End(TagEnd::Link) => !leads_elsewhere,
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_s_section_can_be_linked_to() {
        let guide = Guide::render("# Title\n\n### `target_not_paired`\n\ntext\n\n## Two words");
        assert!(guide.body.contains(r#"<h3 id="target_not_paired">"#), "{}", guide.body);
        assert!(guide.sections.contains("two-words"));
        assert!(GuidePage::explains("target_not_paired") && !GuidePage::explains("no_such_reason"));
    }

    #[test]
    fn links_lead_nowhere_but_within_the_page() {
        let guide = Guide::render("[code](../src/lib.rs) and [rule](#rule)");
        assert_eq!(guide.body.trim(), r##"<p>code and <a href="#rule">rule</a></p>"##);
    }
}
