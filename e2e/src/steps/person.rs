//! Step 1, seen from the chair: a person with a browser, who opens a page, signs in, and allows or denies.
//!
//! The browser keeps cookies and follows redirects only as far as the auth server's own pages: where it would leave
//! for the app, the walk ends and the test sees what the app would have been handed.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;
use reqwest::cookie::{CookieStore as _, Jar};
use reqwest::header::{CONTENT_TYPE, LOCATION, ORIGIN};
use url::{Url, form_urlencoded};

use super::{Form, Page, http};
use crate::world;

/// More pages than any sign-in shows.
const LONGEST_WALK: usize = 12;

/// Somebody with a browser.
#[derive(Clone)]
pub struct Person {
    pub username: String,
    password: String,
    allows: bool,
    browser: Client,
    cookies: Arc<Jar>,
}

/// Where a walk through the auth server's pages ended.
#[derive(Clone, Debug)]
pub enum Landing {
    /// Back at the app.
    Callback(Callback),
    /// On a page that is not a step on the way: an error, a refused password.
    Page(Page),
}

/// What the app is handed at its redirect URI (RFC 6749 section 4.1.2).
#[derive(Clone, Debug)]
pub struct Callback {
    pub parameters: Vec<(String, String)>,
    /// Whether it came by a form post instead of the query.
    pub posted: bool,
}

impl Callback {
    /// A parameter's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value.as_str())
    }

    /// The authorization code, or why there is none.
    pub fn code(&self) -> Result<&str> {
        self.get("code").with_context(|| format!("no code but {:?}", self.parameters))
    }
}

impl Landing {
    /// The callback, or an error that tells on which page the walk ended.
    pub fn callback(self) -> Result<Callback> {
        match self {
            Self::Callback(callback) => Ok(callback),
            Self::Page(page) => bail!("the sign-in ended on the page {page:?}"),
        }
    }

    /// The page, or an error that tells that the app was called back.
    pub fn page(self) -> Result<Page> {
        match self {
            Self::Page(page) => Ok(page),
            Self::Callback(callback) => bail!("the app was called back with {:?}", callback.parameters),
        }
    }
}

impl Person {
    /// A user of the demo world, with a browser that has never been here.
    pub fn named(username: &str) -> Result<Self> {
        Self::with_password(username, &world::password_of(username))
    }

    pub fn with_password(username: &str, password: &str) -> Result<Self> {
        let cookies = Arc::new(Jar::default());
        let browser = http::browser(Arc::clone(&cookies))?;
        Ok(Self { username: username.to_owned(), password: password.to_owned(), allows: true, browser, cookies })
    }

    /// What the browser sends to `url` as its `Cookie` header.
    pub fn cookies_for(&self, url: &Url) -> Result<String> {
        let cookies = self.cookies.cookies(url).context("no cookies")?;
        Ok(cookies.to_str()?.to_owned())
    }

    /// The same person, who answers `deny` on the consent page.
    #[must_use]
    pub fn who_denies(mut self) -> Self {
        self.allows = false;
        self
    }

    /// The same browser in the hands of somebody else.
    #[must_use]
    pub fn hands_over_to(&self, username: &str) -> Self {
        Self { username: username.to_owned(), password: world::password_of(username), ..self.clone() }
    }

    /// Opens `start` and does what the pages ask until the browser is back at `redirect_uri` or nothing is left to do.
    pub async fn walk(&self, start: Url, redirect_uri: &str) -> Result<Landing> {
        let mut step = self.open(start).await?;
        let mut signed_in = false;
        for _ in 0..LONGEST_WALK {
            let page = match step {
                Visit::Leads(to) if is_at(&to, redirect_uri) => return Ok(Landing::Callback(query_of(&to))),
                Visit::Leads(to) => {
                    step = self.open(to).await?;
                    continue;
                }
                Visit::Shows(page) => page,
            };
            match self.next_form(&page, redirect_uri, signed_in) {
                Next::Submit(form) => {
                    signed_in |= form.asks_for("password");
                    step = self.submit(&form).await?;
                }
                Next::Posted(callback) => return Ok(Landing::Callback(callback)),
                Next::Nothing => return Ok(Landing::Page(page)),
            }
        }
        bail!("the sign-in goes round in circles")
    }

    /// What this person does on `page`.
    fn next_form(&self, page: &Page, redirect_uri: &str, signed_in: bool) -> Next {
        let forms = page.forms();
        if let Some(form) = forms.iter().find(|form| is_at(&form.action, redirect_uri)) {
            return Next::Posted(Callback { parameters: form.fields.clone(), posted: true });
        }
        if let Some(form) = forms.iter().find(|form| form.has_button("decision", "allow")) {
            let decision = if self.allows { "allow" } else { "deny" };
            return Next::Submit(form.clone().press("decision", decision));
        }
        match forms.into_iter().find(|form| form.asks_for("password")) {
            Some(form) if !signed_in => {
                Next::Submit(form.fill("username", &self.username).fill("password", &self.password))
            }
            _ => Next::Nothing,
        }
    }

    /// Opens `url` and looks at the page, wherever redirects lead.
    pub async fn look_at(&self, url: Url) -> Result<Page> {
        let mut step = self.open(url).await?;
        for _ in 0..LONGEST_WALK {
            match step {
                Visit::Leads(to) => step = self.open(to).await?,
                Visit::Shows(page) => return Ok(page),
            }
        }
        bail!("redirects without end")
    }

    /// Submits a form and looks at the page that comes, or at the first that the redirect leads to.
    pub async fn send(&self, form: &Form) -> Result<Page> {
        match self.submit(form).await? {
            Visit::Leads(to) => self.look_at(to).await,
            Visit::Shows(page) => Ok(page),
        }
    }

    async fn open(&self, url: Url) -> Result<Visit> {
        Visit::of(self.browser.get(url).send().await?).await
    }

    /// Sends a form as a browser does, `Origin` included.
    async fn submit(&self, form: &Form) -> Result<Visit> {
        ensure!(form.method == "post", "a form that changes something must be posted, not {}", form.method);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let request = self.browser.post(form.action.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let origin = form.action.origin().ascii_serialization();
        Visit::of(request.header(ORIGIN, origin).body(body).send().await?).await
    }
}

/// What a person does next.
enum Next {
    Submit(Form),
    Posted(Callback),
    Nothing,
}

/// What one request led to.
enum Visit {
    Leads(Url),
    Shows(Page),
}

impl Visit {
    async fn of(response: reqwest::Response) -> Result<Self> {
        let (url, status, headers) = (response.url().clone(), response.status(), response.headers().clone());
        if status.is_redirection() {
            let to = headers.get(LOCATION).context("a redirect to nowhere")?.to_str()?;
            return Ok(Self::Leads(url.join(to)?));
        }
        Ok(Self::Shows(Page { url, status: status.as_u16(), headers, html: response.text().await? }))
    }
}

fn is_at(url: &Url, redirect_uri: &str) -> bool {
    url.as_str().split(['?', '#']).next() == redirect_uri.split('?').next()
}

fn query_of(url: &Url) -> Callback {
    Callback { parameters: url.query_pairs().into_owned().collect(), posted: false }
}
