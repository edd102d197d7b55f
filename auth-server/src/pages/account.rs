//! The account page: which apps have something of the person, and which APIs act for them behind it.

use askama::Template;

use super::{ConsentGroup, Site};

#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage<'a> {
    pub site: &'a Site,
    pub csrf: &'a str,
    /// Who is signed in.
    pub username: &'a str,
    pub apps: Vec<AppAccess<'a>>,
}

/// What one app has.
pub struct AppAccess<'a> {
    pub client_id: &'a str,
    pub name: &'a str,
    /// What the app itself may do.
    pub groups: Vec<ConsentGroup<'a>>,
    pub pairings: Vec<PairingAccess<'a>>,
}

/// What one API may do at another on the person's behalf, when the app calls.
pub struct PairingAccess<'a> {
    pub source: &'a str,
    pub target: &'a str,
    pub group: ConsentGroup<'a>,
}
