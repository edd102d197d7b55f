//! What a person signs in for: an app that sent them here, or their own account page.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use time::OffsetDateTime;

use super::authorize::{Visit, browser_of, signed_in};
use super::forgery;
use super::page::NoPage;
use crate::protocol::{Parameters, RedirectUri};
use crate::server::AuthServer;

pub enum Errand {
    /// An app's authorization request waits.
    App(Box<Visit>),
    /// Nobody waits: the person came by themselves.
    Account(AccountErrand),
}

pub struct AccountErrand {
    browser: String,
    /// The browser's cookie, where it had none.
    cookies: Vec<Cookie<'static>>,
    pub signed_in: bool,
    now: OffsetDateTime,
}

impl Errand {
    /// What the address of a page says.
    pub async fn open(request: &HttpRequest, server: &AuthServer) -> Result<Self, NoPage> {
        let query = Parameters::parse(request.query_string().as_bytes())?;
        if query.contains("request") {
            return Ok(Self::App(Box::new(Visit::open(request, server).await?)));
        }
        let (browser, cookies) = browser_of(request, server);
        Self::account(request, browser, cookies, server).await
    }

    /// What a posted form says, if it is one of this server's.
    pub async fn submit(request: &HttpRequest, form: &Parameters, server: &AuthServer) -> Result<Self, NoPage> {
        if form.contains("request") {
            return Ok(Self::App(Box::new(Visit::submit(request, form, server).await?)));
        }
        let browser = forgery::check(request, form, server).map_err(|_| NoPage::Expired)?;
        Self::account(request, browser, Vec::new(), server).await
    }

    async fn account(
        request: &HttpRequest,
        browser: String,
        cookies: Vec<Cookie<'static>>,
        server: &AuthServer,
    ) -> Result<Self, NoPage> {
        let now = server.now();
        let signed_in = signed_in(request, server, now).await?.is_some();
        Ok(Self::Account(AccountErrand { browser, cookies, signed_in, now }))
    }

    pub fn now(&self) -> OffsetDateTime {
        match self {
            Self::App(visit) => visit.now,
            Self::Account(errand) => errand.now,
        }
    }

    pub fn browser(&self) -> &str {
        match self {
            Self::App(visit) => &visit.browser,
            Self::Account(errand) => &errand.browser,
        }
    }

    /// Cookies that the page has to set.
    pub fn cookies(&self) -> &[Cookie<'static>] {
        match self {
            Self::App(_) => &[],
            Self::Account(errand) => &errand.cookies,
        }
    }

    /// The app that waits.
    pub fn app(&self) -> Option<&Visit> {
        match self {
            Self::App(visit) => Some(visit),
            Self::Account(_) => None,
        }
    }

    /// Where the form may lead in the end.
    pub fn redirect_uri(&self) -> Option<&RedirectUri> {
        self.app().map(|visit| &visit.journey.understood.reply_to.redirect_uri)
    }
}
