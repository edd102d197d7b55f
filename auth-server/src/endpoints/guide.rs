//! `/docs/on-behalf-of`: where `error_uri` leads (RFC 6749 section 5.2), in a server that is set to explain itself.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use super::page;
use crate::pages::GuidePage;
use crate::server::AuthServer;

pub const PATH: &str = "/docs/on-behalf-of";

pub async fn get(server: web::Data<AuthServer>) -> HttpResponse {
    if server.error_docs {
        page::send(StatusCode::OK, &GuidePage::new(&page::site(&server)), None)
    } else {
        page::not_found(&server)
    }
}
