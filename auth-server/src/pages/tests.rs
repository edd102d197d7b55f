//! What every page keeps to, looked at as a browser would: parsed, not searched as text.

use super::*;
use crate::protocol::{OAuthError, RedirectUri};
use proptest::prelude::*;
use scraper::{ElementRef, Html, Selector};

/// Breaks out of attributes, elements, comments, scripts and URLs, wherever escaping was forgotten.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}{% x %}<!--\u{202e}&quot;&#34;";

fn app(redirect_uri: &str) -> RedirectUri {
    RedirectUri::match_registered(None, &[redirect_uri.parse().unwrap()], false).unwrap()
}

fn every_page(text: &str) -> Vec<(&'static str, Html)> {
    let site = Site::new(text, "");
    let error = OAuthError::invalid_request("redirect_uri_not_registered", text);
    let fields = [("code", text.to_owned()), ("state", text.to_owned())];
    let action = app("https://app.example/cb");
    let login = LoginPage {
        site: &site,
        csrf: text,
        request: Some(text),
        client_name: Some(text),
        username: text,
        problem: Some(SignInProblem::Refused),
        demo_hint: Some(text),
    };
    let line = || ScopeLine { name: text, description: Some(text) };
    let consent = ConsentPage {
        site: &site,
        csrf: text,
        request: text,
        client_name: text,
        username: text,
        return_to: text,
        groups: vec![ConsentGroup {
            api: Some(text),
            through: Some(text),
            scopes: vec![line(), ScopeLine { name: text, description: None }],
        }],
    };
    let group = |through| ConsentGroup { api: Some(text), through, scopes: vec![line()] };
    let account = AccountPage {
        site: &site,
        csrf: text,
        username: text,
        apps: vec![AppAccess {
            client_id: text,
            name: text,
            since: Some(Moment(time::OffsetDateTime::UNIX_EPOCH)),
            last_used: None,
            groups: vec![group(None)],
            pairings: vec![PairingAccess {
                source: text,
                target: text,
                may_be_stopped: true,
                last_used: None,
                group: group(Some(text)),
            }],
        }],
        sessions: vec![SessionLine {
            sid: text,
            device: text.to_owned(),
            address: Some(text),
            since: Moment(time::OffsetDateTime::UNIX_EPOCH),
            is_this: true,
        }],
    };
    let logout =
        LogoutPage { site: &site, username: text, client_name: Some(text), csrf: text, fields: vec![(text, text)] };
    [
        ("login", login.render()),
        ("consent", consent.render()),
        ("account", account.render()),
        ("logout", logout.render()),
        ("signed out", SignedOutPage { site: &site, stayed: false }.render()),
        ("stayed", SignedOutPage { site: &site, stayed: true }.render()),
        ("error", ErrorPage::refused_request(&site, &error, text).render()),
        ("expired", ErrorPage::expired(&site, text).render()),
        ("not found", ErrorPage::not_found(&site, text).render()),
        ("unavailable", ErrorPage::unavailable(&site, text).render()),
        ("unexpected", ErrorPage::unexpected(&site, text).render()),
        ("form post", FormPostPage { site: &site, action: &action, fields: &fields }.render()),
        ("index", IndexPage { site: &site, issuer: text }.render()),
    ]
    .map(|(name, html)| (name, Html::parse_document(&html.unwrap())))
    .into()
}

fn select<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn attribute<'a>(page: &'a Html, selector: &str, name: &str) -> Option<&'a str> {
    select(page, selector).first().and_then(|element| element.value().attr(name))
}

/// The page as a tree of elements and the names of their attributes, without any text.
fn shape(page: &Html) -> Vec<(String, Vec<String>)> {
    select(page, "*")
        .into_iter()
        .map(|element| {
            let mut names: Vec<_> = element.value().attrs().map(|(name, _)| name.to_owned()).collect();
            names.sort();
            (element.value().name().to_owned(), names)
        })
        .collect()
}

#[test]
fn hostile_text_stays_text() {
    for ((name, hostile), (_, tame)) in every_page(HOSTILE).into_iter().zip(every_page("tame")) {
        assert_eq!(shape(&hostile), shape(&tame), "{name}");
    }
}

#[test]
fn hostile_text_arrives_unchanged_where_it_is_a_value() {
    let pages = every_page(HOSTILE);
    let page = |wanted| &pages.iter().find(|(name, _)| *name == wanted).unwrap().1;
    assert_eq!(attribute(page("login"), "#username", "value"), Some(HOSTILE));
    assert_eq!(attribute(page("form post"), "[name=state]", "value"), Some(HOSTILE));
    assert_eq!(attribute(page("consent"), "[name=csrf]", "value"), Some(HOSTILE));
}

#[test]
fn no_page_has_inline_script_or_style_or_leaves_this_server() {
    for (name, page) in every_page("tame") {
        for element in select(&page, "*") {
            let tag = element.value();
            for (attribute, value) in tag.attrs() {
                assert!(!attribute.starts_with("on") && attribute != "style", "{name}: {attribute}");
                if matches!(attribute, "src" | "href") {
                    assert!(value.starts_with('/') && !value.starts_with("//"), "{name}: {value}");
                }
            }
            assert!(tag.name() != "style" && tag.name() != "iframe" && tag.name() != "base", "{name}");
            if tag.name() == "script" {
                assert!(tag.attr("src").is_some() && element.text().collect::<String>().trim().is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn every_page_can_be_read_aloud() {
    for (name, page) in every_page("tame") {
        assert_eq!(attribute(&page, "html", "lang"), Some("en"), "{name}");
        assert_eq!(select(&page, "h1").len(), 1, "{name}");
        assert_eq!(select(&page, "main").len(), 1, "{name}");
        assert!(!select(&page, "title")[0].text().collect::<String>().starts_with(" · "), "{name}");
        for input in select(&page, "input:not([type=hidden])") {
            let id = input.value().attr("id").unwrap();
            assert_eq!(select(&page, &format!("label[for={id}]")).len(), 1, "{name}: {id}");
        }
        for image in select(&page, "img") {
            assert!(image.value().attr("alt").is_some(), "{name}");
        }
        assert!(select(&page, "[tabindex]").is_empty(), "{name}: the order of the page is the order of focus");
    }
}

#[test]
fn every_link_to_an_embedded_file_leads_somewhere() {
    for (name, page) in every_page("tame") {
        for path in
            select(&page, "link, img, script").iter().filter_map(|e| e.value().attr("href").or(e.value().attr("src")))
        {
            assert!(asset(path.strip_prefix("/assets/").unwrap()).is_some(), "{name}: {path}");
        }
    }
}

fn login(username: &str, problem: Option<SignInProblem>) -> Html {
    let site = Site::new("Deputy", "/");
    let page =
        LoginPage { site: &site, csrf: "c", request: Some("r"), client_name: None, username, problem, demo_hint: None };
    Html::parse_document(&page.render().unwrap())
}

#[test]
fn the_sign_in_form_is_what_password_managers_expect() {
    let page = login("", None);
    assert_eq!(attribute(&page, "form", "action"), Some("/login"));
    assert_eq!(attribute(&page, "form", "method"), Some("post"));
    assert_eq!(attribute(&page, "input[name=username]", "autocomplete"), Some("username"));
    assert_eq!(attribute(&page, "input[name=password]", "autocomplete"), Some("current-password"));
    assert_eq!(attribute(&page, "input[name=password]", "value"), None);
    assert_eq!(attribute(&page, "input[type=hidden][name=csrf]", "value"), Some("c"));
    assert_eq!(attribute(&page, "input[type=hidden][name=request]", "value"), Some("r"));
    assert!(select(&page, "[role=alert]").is_empty() && select(&page, ".hint").is_empty());
}

#[test]
fn the_cursor_waits_where_something_is_missing() {
    assert_eq!(attribute(&login("", None), "[autofocus]", "name"), Some("username"));
    let page = login("alice", None);
    assert_eq!(attribute(&page, "[autofocus]", "name"), Some("password"));
    assert_eq!(attribute(&page, "#username", "value"), Some("alice"));
}

#[test]
fn a_failed_sign_in_is_announced_and_tied_to_the_fields() {
    let page = login("alice", Some(SignInProblem::Throttled { seconds: 30 }));
    let alert = select(&page, "[role=alert]")[0];
    assert!(alert.text().collect::<String>().contains("30 seconds"));
    assert_eq!(attribute(&page, "#password", "aria-describedby"), alert.value().attr("id"));
}

#[test]
fn consent_says_what_each_scope_means() {
    let site = Site::new("Deputy", "");
    let page = ConsentPage {
        site: &site,
        csrf: "c",
        request: "r",
        client_name: "Demo app",
        username: "alice",
        return_to: "http://localhost:9001",
        groups: vec![
            ConsentGroup { api: None, through: None, scopes: vec![ScopeLine::standard("email").unwrap()] },
            ConsentGroup {
                api: Some("Reports"),
                through: None,
                scopes: vec![ScopeLine { name: "read:reports", description: Some("See your reports") }],
            },
        ],
    };
    let page = Html::parse_document(&page.render().unwrap());
    let lines: Vec<String> = select(&page, "li").iter().map(|line| line.text().collect()).collect();
    assert_eq!(lines, ["See your e-mail address email", "See your reports read:reports"]);
    let decisions: Vec<_> =
        select(&page, "button[name=decision]").iter().map(|b| b.value().attr("value").unwrap()).collect();
    assert_eq!(decisions, ["allow", "deny"]);
    assert_eq!(attribute(&page, "form", "action"), Some("/consent"));
}

#[test]
fn signing_out_is_a_question_with_two_answers() {
    let site = Site::new("Deputy", "");
    let fields = vec![("post_logout_redirect_uri", "https://app.example/bye"), ("state", "s")];
    let page = LogoutPage { site: &site, username: "alice", client_name: None, csrf: "c", fields };
    let page = Html::parse_document(&page.render().unwrap());
    let decisions: Vec<_> =
        select(&page, "button[name=decision]").iter().map(|b| b.value().attr("value").unwrap()).collect();
    assert_eq!(decisions, ["sign-out", "stay"]);
    assert_eq!(attribute(&page, "form", "action"), Some("/oidc/logout"));
    assert_eq!(attribute(&page, "[name=post_logout_redirect_uri]", "value"), Some("https://app.example/bye"));
}

#[test]
fn the_form_post_page_posts_by_script_and_by_button() {
    let action = app("https://app.example/cb?tenant=1&x=2");
    let site = Site::new("Deputy", "");
    let fields = [("code", "c0de".to_owned()), ("iss", "http://localhost:9000".to_owned())];
    let page = FormPostPage { site: &site, action: &action, fields: &fields }.render().unwrap();
    let page = Html::parse_document(&page);
    assert_eq!(attribute(&page, "form", "action"), Some(action.as_str()));
    assert_eq!(attribute(&page, "form", "method"), Some("post"));
    assert_eq!(attribute(&page, "[name=code]", "value"), Some("c0de"));
    assert_eq!(select(&page, "form button").len(), 1);
    // The button has no name: nothing but the response is posted.
    assert_eq!(attribute(&page, "form button", "name"), None);
    assert!(attribute(&page, "script", "src").unwrap().ends_with("/form-post.js"));
}

#[test]
fn an_issuer_with_a_path_has_its_pages_below_it() {
    let site = Site::new("Deputy", "/auth/");
    let page = IndexPage { site: &site, issuer: "https://id.example/auth/" }.render().unwrap();
    let page = Html::parse_document(&page);
    assert_eq!(attribute(&page, "a", "href"), Some("/auth/.well-known/openid-configuration"));
    assert!(attribute(&page, "link[rel=stylesheet]", "href").unwrap().starts_with("/auth/assets/"));
}

/// The custom properties of the stylesheet: once for light, once for dark.
fn colours() -> Vec<std::collections::HashMap<String, [f64; 3]>> {
    let sheet = String::from_utf8(asset("page.css").unwrap().bytes.into_owned()).unwrap();
    let blocks = sheet.split(":root {").skip(1).map(|block| block.split('}').next().unwrap());
    let read = |line: &str| {
        let (name, colour) = line.trim().strip_prefix("--")?.split_once(": #")?;
        let channel = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        Some((name.to_owned(), [channel(0), channel(2), channel(4)]))
    };
    blocks.map(|block| block.lines().filter_map(read).collect()).collect()
}

/// The contrast ratio of WCAG 2.2.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
    let luminance = |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_and_controls_stand_out_in_light_and_dark() {
    let schemes = colours();
    assert_eq!(schemes.len(), 2);
    for scheme in schemes {
        for (front, back, least) in [
            ("text", "ground", 4.5),
            ("text", "card", 4.5),
            ("text", "hint-ground", 4.5),
            ("muted", "card", 4.5),
            ("muted", "hint-ground", 4.5),
            ("accent", "card", 4.5),
            ("on-accent", "accent", 4.5),
            ("on-accent", "accent-hover", 4.5),
            ("problem-text", "problem-ground", 4.5),
            ("control-line", "card", 3.0),
        ] {
            let ratio = contrast(scheme[front], scheme[back]);
            assert!(ratio >= least, "{front} on {back}: {ratio:.2}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_text_changes_the_shape_of_a_page(text in "[^\r]{1,60}") {
        for ((name, page), (_, tame)) in every_page(&text).into_iter().zip(every_page("tame")) {
            // A field for a name is filled or not; everything else has the same shape.
            prop_assert_eq!(shape(&page), shape(&tame), "{}", name);
        }
    }
}
