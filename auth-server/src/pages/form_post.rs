//! The page that carries an authorization response to the app by a form (OAuth 2.0 Form Post Response Mode section 2).
//!
//! A script from this server submits it at once; without JavaScript there is a button.

use askama::Template;

use super::Site;
use crate::protocol::RedirectUri;

#[derive(Template)]
#[template(path = "form_post.html")]
pub struct FormPostPage<'a> {
    pub site: &'a Site,
    pub action: &'a RedirectUri,
    pub fields: &'a [(&'static str, String)],
}
