//! The page at the root: what this server is, and where its metadata lies (RFC 8414, OIDC Discovery).

use askama::Template;

use super::Site;

#[derive(Template)]
#[template(path = "index.html")]
pub struct IndexPage<'a> {
    pub site: &'a Site,
    pub issuer: &'a str,
}
