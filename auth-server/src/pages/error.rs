//! The error page: what happened, what to do, and a number by which the log can be searched. Nothing internal.

use askama::Template;

use super::Site;
use crate::protocol::OAuthError;

#[derive(Template)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    pub site: &'a Site,
    pub title: &'a str,
    pub what_happened: &'a str,
    pub what_to_do: &'a str,
    /// For those who run the app.
    pub detail: Option<String>,
    pub request_id: &'a str,
}

impl<'a> ErrorPage<'a> {
    /// The app's request is wrong in a way that forbids to go back to it (RFC 6749 section 4.1.2.1).
    #[must_use]
    pub fn refused_request(site: &'a Site, error: &OAuthError, request_id: &'a str) -> Self {
        Self {
            site,
            title: "This app’s request cannot be answered",
            what_happened: "The app that sent you here asked for something in a way that this server does not accept. \
                            You have not been sent back, to be on the safe side.",
            what_to_do: "Go back to the app and try again. If it keeps happening, tell the people who run the app: \
                         the lines below help them.",
            detail: Some(format!("{}: {}", error.code, error.error_description())),
            request_id,
        }
    }

    /// The request behind a page is gone, or its form does not belong to this browser.
    #[must_use]
    pub fn expired(site: &'a Site, request_id: &'a str) -> Self {
        Self {
            site,
            title: "This page has expired",
            what_happened: "The page was open for too long, was used already, or was opened in another browser.",
            what_to_do: "Go back to the app and start again from there. If your browser blocks cookies for this site, \
                         allow them first.",
            detail: None,
            request_id,
        }
    }

    #[must_use]
    pub fn not_found(site: &'a Site, request_id: &'a str) -> Self {
        Self {
            site,
            title: "There is no such page",
            what_happened: "The address does not lead anywhere on this server.",
            what_to_do: "Check the address, or go back to the app that you came from.",
            detail: None,
            request_id,
        }
    }

    /// 503: the database is away, or the server is busy.
    #[must_use]
    pub fn unavailable(site: &'a Site, request_id: &'a str) -> Self {
        Self {
            site,
            title: "Please try again in a moment",
            what_happened: "The server cannot answer right now. Nothing you did is lost or wrong.",
            what_to_do: "Wait a few seconds and reload this page.",
            detail: None,
            request_id,
        }
    }

    /// 500.
    #[must_use]
    pub fn unexpected(site: &'a Site, request_id: &'a str) -> Self {
        Self {
            site,
            title: "Something went wrong here",
            what_happened: "The server made a mistake. It has been written down.",
            what_to_do: "Go back to the app and try again. If it keeps happening, tell the people who run this server, \
                         and give them the number below.",
            detail: None,
            request_id,
        }
    }
}
