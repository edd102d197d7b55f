//! The route that serves the document.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use super::WELL_KNOWN_PATH;
use crate::ResourceServer;
use crate::reading::read;

/// The route that answers with the document, for an app that has `web::Data<ResourceServer>`. Any app may read it.
#[must_use]
pub fn route() -> actix_web::Resource {
    web::resource([WELL_KNOWN_PATH.to_owned(), format!("{WELL_KNOWN_PATH}/{{path:.*}}")]).route(read().to(metadata))
}

async fn metadata(api: web::Data<ResourceServer>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .insert_header(("Access-Control-Allow-Origin", "*"))
        .json(api.metadata())
}
