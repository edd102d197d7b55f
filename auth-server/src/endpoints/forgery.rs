//! Protection of forms against forgery: the form carries an HMAC of the browser's cookie, and a request that says that it
//! comes from another site is refused whatever it carries.

use actix_web::HttpRequest;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::cookies::{self, Name};
use crate::protocol::{OAuthError, Parameters};
use crate::server::AuthServer;

/// The value of the hidden field `csrf` for a browser.
#[must_use]
pub fn token(server: &AuthServer, browser: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(server.master_key.forms(), browser.as_bytes()))
}

/// Checks a posted form; returns the browser that it belongs to.
pub fn check(request: &HttpRequest, form: &Parameters, server: &AuthServer) -> Result<String, OAuthError> {
    let refused = || {
        OAuthError::invalid_request(
            "form_not_from_here",
            "this form did not come from a page of this server in this browser, or its cookie is gone: start again",
        )
    };
    if !comes_from_here(request, server) {
        return Err(refused());
    }
    let browser = cookies::read(request, Name::Browser, &server.issuer).ok_or_else(refused)?;
    let sent = form.one("csrf")?.and_then(|token| URL_SAFE_NO_PAD.decode(token).ok()).ok_or_else(refused)?;
    hmac::verify(server.master_key.forms(), browser.as_bytes(), &sent).map_err(|_| refused())?;
    Ok(browser)
}

/// What the browser itself says of the sender. Both headers are missing in old browsers only; the HMAC holds there.
fn comes_from_here(request: &HttpRequest, server: &AuthServer) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let own_site = header("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    // `null` is what a page without referrer sends, and this server's pages have none.
    let own_origin = header("origin").is_none_or(|origin| origin == server.issuer.origin() || origin == "null");
    own_site && own_origin
}
