//! `/.well-known/jwks.json`: the public keys that verify this server's tokens (RFC 7517 section 5).

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use crate::server::AuthServer;
use crate::tokens::JWKS_MAX_AGE;

/// The key set. Clients may keep it for [`JWKS_MAX_AGE`]; a new key is published for longer than that before it signs.
pub async fn key_set(server: web::Data<AuthServer>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, format!("public, max-age={}", JWKS_MAX_AGE.whole_seconds())))
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(server.keys().jwks().to_owned())
}
