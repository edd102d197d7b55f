//! Signing out: the question, and the answer (OIDC RP-Initiated Logout 1.0 sections 2 and 3).

use askama::Template;

use super::Site;

/// Asks before it signs out, since anybody can link to the logout endpoint.
#[derive(Template)]
#[template(path = "logout.html")]
pub struct LogoutPage<'a> {
    pub site: &'a Site,
    /// Who is signed in.
    pub username: &'a str,
    /// The app that asks.
    pub client_name: Option<&'a str>,
    pub csrf: &'a str,
    /// What the app sent and the form must repeat, as further hidden fields.
    pub fields: Vec<(&'a str, &'a str)>,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage<'a> {
    pub site: &'a Site,
    /// The person chose to stay.
    pub stayed: bool,
}
