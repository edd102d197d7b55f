//! A page that a person sees, and the forms on it, read as a browser reads them.

use anyhow::{Result, anyhow};
use reqwest::header::HeaderMap;
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// A page, as it was delivered.
#[derive(Clone)]
pub struct Page {
    pub url: Url,
    pub status: u16,
    pub headers: HeaderMap,
    pub html: String,
}

/// A form: where it goes and what it would send.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: Url,
    pub method: String,
    pub fields: Vec<(String, String)>,
    /// The named buttons, of which a person presses one.
    pub buttons: Vec<(String, String)>,
}

impl Form {
    /// Whether the form has an input named `name`.
    #[must_use]
    pub fn asks_for(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
    }

    /// Whether the form has a button `name=value`.
    #[must_use]
    pub fn has_button(&self, name: &str, value: &str) -> bool {
        self.buttons.iter().any(|(button, label)| button == name && label == value)
    }

    /// What stands in the input `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The form with the input `name` filled in.
    #[must_use]
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.press(name, value)
    }

    /// The form, submitted by its button `name=value`.
    #[must_use]
    pub fn press(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Page {
    /// A header's value; the empty text where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The forms, from top to bottom.
    #[must_use]
    pub fn forms(&self) -> Vec<Form> {
        let html = Html::parse_document(&self.html);
        select(&html.root_element(), "form").filter_map(|form| self.form_of(&form)).collect()
    }

    /// The first form for which `wanted` holds.
    pub fn form(&self, wanted: impl Fn(&Form) -> bool) -> Result<Form> {
        self.forms().into_iter().find(wanted).ok_or_else(|| anyhow!("no such form on {self:?}"))
    }

    /// The page's text: what a person reads, without markup.
    #[must_use]
    pub fn text(&self) -> String {
        let html = Html::parse_document(&self.html);
        let words = select(&html.root_element(), "main, body").next();
        let text = words.map(|element| element.text().collect::<Vec<_>>().join(" ")).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn form_of(&self, form: &ElementRef) -> Option<Form> {
        let action = self.url.join(form.attr("action").unwrap_or_default()).ok()?;
        let method = form.attr("method").unwrap_or("get").to_ascii_lowercase();
        let fields = select(form, "input[name]")
            .filter(|input| !matches!(input.attr("type"), Some("submit" | "button")))
            .filter(|input| input.attr("type") != Some("checkbox") || input.attr("checked").is_some())
            .filter_map(|input| named(&input))
            .collect();
        let buttons = select(form, "button[name], input[type=submit][name]").filter_map(|b| named(&b)).collect();
        Some(Form { action, method, fields, buttons })
    }
}

fn named(element: &ElementRef) -> Option<(String, String)> {
    Some((element.attr("name")?.to_owned(), element.attr("value").unwrap_or_default().to_owned()))
}

fn select<'a>(within: &ElementRef<'a>, css: &str) -> impl Iterator<Item = ElementRef<'a>> {
    let found: Vec<_> = Selector::parse(css).map_or(Vec::new(), |selector| within.select(&selector).collect());
    found.into_iter()
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.text().chars().take(200).collect();
        write!(f, "{} {} \"{text}\"", self.status, self.url.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        let url = "http://localhost:9000/login?request=r".parse().unwrap();
        Page { url, status: 200, headers: HeaderMap::new(), html: html.to_owned() }
    }

    #[test]
    fn a_form_sends_its_hidden_fields_and_the_pressed_button() {
        let page = page(
            r#"<form method="post" action="/consent"><input type="hidden" name="csrf" value="c&amp;1">
               <button name="decision" value="allow">Allow</button><button name="decision" value="deny">No</button></form>"#,
        );
        let form = page.form(|form| form.has_button("decision", "deny")).unwrap().press("decision", "deny");
        assert_eq!(form.action.as_str(), "http://localhost:9000/consent");
        assert_eq!(form.fields, [("csrf".into(), "c&1".into()), ("decision".into(), "deny".into())]);
    }

    #[test]
    fn a_form_without_an_action_goes_back_to_its_page() {
        let form = page(r#"<form><input name="username"></form>"#).form(|form| form.asks_for("username")).unwrap();
        assert_eq!(form.action.as_str(), "http://localhost:9000/login?request=r");
        assert_eq!(form.fill("username", "alice").fields, [("username".to_owned(), "alice".to_owned())]);
    }
}
