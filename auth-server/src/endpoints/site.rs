//! `/`: what this server is. `/assets/...`: the files that pages use.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};

use super::page;
use crate::pages::{IndexPage, asset};
use crate::server::AuthServer;

pub async fn index(server: web::Data<AuthServer>) -> HttpResponse {
    let site = page::site(&server);
    page::send(StatusCode::OK, &IndexPage { site: &site, issuer: server.issuer.as_str() }, None)
}

pub async fn file(request: HttpRequest, path: web::Path<String>, server: web::Data<AuthServer>) -> HttpResponse {
    let Some(asset) = asset(&path) else { return page::not_found(&server) };
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known == Some(asset.etag.as_str()) {
        return HttpResponse::NotModified().insert_header((ETAG, asset.etag)).finish();
    }
    let mut response = HttpResponse::Ok();
    for header in asset.headers() {
        response.insert_header(header);
    }
    response.body(asset.bytes.into_owned())
}

pub async fn not_found(server: web::Data<AuthServer>) -> HttpResponse {
    page::not_found(&server)
}
