//! Which pages may call from a browser (Fetch standard, CORS protocol): none unless set. Never with credentials, since a caller
//! here has a token and no cookie.

use actix_cors::Cors;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};

const PREFLIGHT_AGE: usize = 600;

/// For pages of these origins, compared character by character.
pub fn for_pages_of(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("traceparent")])
        .expose_headers([WWW_AUTHENTICATE])
        // Another origin gets no permission to read the answer; the request itself is judged as any other.
        .block_on_origin_mismatch(false)
        .max_age(PREFLIGHT_AGE);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
