//! `/oauth/status/{n}`: the status lists (Token Status List section 8), for whoever asks, and for caches between.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;
use shared_claims::status_list::MEDIA_TYPE;

use crate::grants::for_store;
use crate::server::AuthServer;
use crate::tokens::{Making, NoStatusList, list_address};

/// A cache may keep a list for a second: an API that asks every other second is never behind by more than the list's `ttl`.
const CACHED: &str = "public, max-age=1";

pub async fn list(request: HttpRequest, path: web::Path<i64>, server: web::Data<AuthServer>) -> HttpResponse {
    let keys = server.keys();
    let making = Making {
        issuer: server.issuer.as_str(),
        store: &server.store,
        keys: &keys,
        algorithm: server.signing_alg,
        now: server.now(),
    };
    let list = match server.status_lists.get(path.into_inner(), &making).await {
        Ok(list) => list,
        Err(error) => return failed(&error),
    };
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known == Some(list.etag.as_str()) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((CACHE_CONTROL, CACHED)).insert_header((ETAG, list.etag.as_str()));
    if known == Some(list.etag.as_str()) {
        response.finish()
    } else {
        response.insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(list.token.clone())
    }
}

/// All lists (Token Status List section 9.3): what an API may fetch, and nothing else.
pub async fn all(server: web::Data<AuthServer>) -> HttpResponse {
    match server.store.count_status_lists().await {
        Ok(count) => {
            let lists: Vec<_> = (0..count).map(|list| list_address(server.issuer.as_str(), list)).collect();
            HttpResponse::Ok().insert_header((CACHE_CONTROL, CACHED)).json(json!({ "status_lists": lists }))
        }
        Err(error) => failed(&error.into()),
    }
}

fn failed(error: &NoStatusList) -> HttpResponse {
    let error = match error {
        NoStatusList::Unknown => return HttpResponse::NotFound().insert_header((CACHE_CONTROL, "no-store")).finish(),
        NoStatusList::Store(error) => for_store(error),
        NoStatusList::Signing(error) => {
            log::error!("a status list cannot be signed: {error}");
            crate::protocol::OAuthError::server_error()
        }
    };
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, "1"));
    }
    response.json(error)
}
