//! Writes every page, with the files it links to, for whoever changes templates or stylesheet:
//!
//! ```sh
//! cargo run -p auth-server --example preview_pages -- /tmp/pages && python3 -m http.server -d /tmp/pages
//! ```

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use auth_server::pages::{
    AccountPage, AppAccess, ConsentGroup, ConsentPage, ErrorPage, FormPostPage, GuidePage, IndexPage, LoginPage,
    LogoutPage, Moment, Page, PairingAccess, ScopeLine, SessionLine, SignInProblem, SignedOutPage, Site, asset,
};
use auth_server::protocol::{OAuthError, RedirectUri};
use time::macros::datetime;

fn main() -> anyhow::Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).context("name a directory to write to")?);
    fs::create_dir_all(&directory)?;
    let site = Site::new("Deputy", "");
    for name in ["page.css", "icon.svg", "form-post.js"] {
        let path = site.asset(name);
        let path = path.trim_start_matches('/');
        let file = directory.join(path);
        fs::create_dir_all(file.parent().context("a folder of assets")?)?;
        fs::write(file, asset(path.trim_start_matches("assets/")).context("an asset")?.bytes)?;
    }
    for (name, html) in pages(&site)? {
        fs::write(directory.join(format!("{name}.html")), html)?;
    }
    Ok(())
}

fn pages(site: &Site) -> anyhow::Result<Vec<(&'static str, String)>> {
    let demo_hint = "Demo users: alice / alice-password\nbob / bob-password (may not file receipts)";
    let login = LoginPage {
        site,
        csrf: "csrf",
        request: Some("request"),
        client_name: Some("Demo app"),
        username: "",
        problem: None,
        demo_hint: Some(demo_hint),
    };
    let failed = LoginPage { username: "alice", problem: Some(SignInProblem::Refused), demo_hint: None, ..login };
    let error = OAuthError::invalid_request(
        "redirect_uri_not_registered",
        "the redirect_uri is not one that this client has registered",
    );
    let callback = RedirectUri::match_registered(None, &["http://localhost:9001/callback".parse()?], false)?;
    let fields = [("code", "code".to_owned()), ("state", "state".to_owned())];
    Ok(vec![
        ("index", IndexPage { site, issuer: "http://localhost:9000" }.render()?),
        ("login", login.render()?),
        ("login-failed", failed.render()?),
        ("consent", consent(site).render()?),
        ("account", account(site).render()?),
        ("guide", GuidePage::new(site).render()?),
        (
            "logout",
            LogoutPage { site, username: "alice", client_name: Some("Demo app"), csrf: "csrf", fields: vec![] }
                .render()?,
        ),
        ("signed-out", SignedOutPage { site, stayed: false }.render()?),
        ("stayed", SignedOutPage { site, stayed: true }.render()?),
        ("error", ErrorPage::refused_request(site, &error, "01J9Z3M4Q8").render()?),
        ("expired", ErrorPage::expired(site, "01J9Z3M4Q8").render()?),
        ("unavailable", ErrorPage::unavailable(site, "01J9Z3M4Q8").render()?),
        ("form-post", FormPostPage { site, action: &callback, fields: &fields }.render()?),
    ])
}

fn consent(site: &Site) -> ConsentPage<'_> {
    ConsentPage {
        site,
        csrf: "csrf",
        request: "request",
        client_name: "Expense reports for teams",
        username: "alice",
        return_to: "http://localhost:9001",
        groups: vec![
            ConsentGroup {
                api: None,
                through: None,
                scopes: ["openid", "profile", "offline_access"].into_iter().filter_map(ScopeLine::standard).collect(),
            },
            ConsentGroup {
                api: Some("Reports"),
                through: None,
                scopes: vec![
                    ScopeLine { name: "read:reports", description: Some("See your reports") },
                    ScopeLine { name: "write:reports", description: Some("File receipts for you") },
                ],
            },
            ConsentGroup {
                api: Some("Receipts"),
                through: Some("Reports"),
                scopes: vec![ScopeLine { name: "read:receipts", description: Some("See your receipts") }],
            },
        ],
    }
}

fn account(site: &Site) -> AccountPage<'_> {
    let line = |name, description| ScopeLine { name, description: Some(description) };
    let behind = ConsentGroup {
        api: Some("Archive"),
        through: Some("Reports"),
        scopes: vec![line("read:archive", "See your receipts of earlier years")],
    };
    AccountPage {
        site,
        csrf: "csrf",
        username: "alice",
        apps: vec![AppAccess {
            client_id: "demo-app",
            name: "Expense reports for teams",
            groups: vec![ConsentGroup {
                api: Some("Reports"),
                through: None,
                scopes: vec![line("read:reports", "See reports made from your receipts")],
            }],
            since: Some(Moment(datetime!(2026-01-01 12:00 UTC))),
            last_used: Some(Moment(datetime!(2026-03-04 08:30 UTC))),
            pairings: vec![PairingAccess {
                source: "a",
                target: "c",
                may_be_stopped: true,
                last_used: None,
                group: behind,
            }],
        }],
        sessions: vec![SessionLine {
            sid: "sid",
            device: "Firefox on Linux".to_owned(),
            address: Some("203.0.113.7"),
            since: Moment(datetime!(2026-03-04 08:00 UTC)),
            is_this: true,
        }],
    }
}
