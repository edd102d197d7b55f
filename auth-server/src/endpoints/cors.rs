//! Which pages may call from a browser (Fetch standard, CORS protocol). Never with credentials: no cookie of this server
//! is ever sent along.

use actix_cors::Cors;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use actix_web::web;

use crate::server::AuthServer;

const PREFLIGHT_AGE: usize = 600;

/// Metadata and keys are for everybody.
pub fn for_anybody() -> Cors {
    Cors::default().allow_any_origin().send_wildcard().allowed_methods(["GET", "HEAD"]).max_age(PREFLIGHT_AGE)
}

/// Tokens and userinfo are for pages of registered clients' origins, as they are registered at that moment.
pub fn for_clients(server: &web::Data<AuthServer>) -> Cors {
    let server = server.clone();
    Cors::default()
        .allowed_origin_fn(move |origin, _| origin.to_str().is_ok_and(|origin| server.registry().is_web_origin(origin)))
        .allowed_methods(["GET", "POST"])
        .allowed_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            HeaderName::from_static("dpop"),
            HeaderName::from_static("auth0-client"),
            HeaderName::from_static("traceparent"),
        ])
        .expose_headers([HeaderName::from_static("dpop-nonce"), WWW_AUTHENTICATE])
        // Another origin gets no permission to read the answer; the request itself is judged as any other.
        .block_on_origin_mismatch(false)
        .max_age(PREFLIGHT_AGE)
}
