//! The two cookies. `browser` names a browser and protects its forms; `session` is the proof of a sign-in.
//!
//! On https both have the `__Host-` prefix: no other host or path can set or shadow them (RFC 6265bis section 4.1.3).

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite, time::Duration};

use crate::store::OpaqueSecret;
use shared_claims::service::Issuer;

/// Which cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Browser,
    Session,
}

impl Name {
    fn on(self, issuer: &Issuer) -> &'static str {
        match (self, issuer.is_https()) {
            (Self::Browser, true) => "__Host-browser",
            (Self::Browser, false) => "browser",
            (Self::Session, true) => "__Host-session",
            (Self::Session, false) => "session",
        }
    }
}

/// Reads a cookie's value; what this server cannot have made is not looked at.
#[must_use]
pub fn read(request: &HttpRequest, name: Name, issuer: &Issuer) -> Option<String> {
    let value = request.cookie(name.on(issuer))?.value().to_owned();
    OpaqueSecret::is_possible(&value).then_some(value)
}

/// A cookie for the rest of the browser's session, or for as long as `max_age` says.
#[must_use]
pub fn set(name: Name, value: String, issuer: &Issuer, max_age: Option<std::time::Duration>) -> Cookie<'static> {
    let cookie = Cookie::build(name.on(issuer), value)
        .http_only(true)
        .secure(issuer.is_https())
        // Lax, since a person comes here by a link or redirect from the app's site.
        .same_site(SameSite::Lax)
        .path("/");
    match max_age {
        Some(max_age) => cookie.max_age(Duration::try_from(max_age).unwrap_or(Duration::DAY)).finish(),
        None => cookie.finish(),
    }
}

/// Takes a cookie away.
#[must_use]
pub fn remove(name: Name, issuer: &Issuer) -> Cookie<'static> {
    let mut cookie = set(name, String::new(), issuer, None);
    cookie.make_removal();
    cookie
}
