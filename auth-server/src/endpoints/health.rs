//! `/healthz`: the process answers. `/readyz`: the database and the keys are there, so requests can be served. `/metrics`:
//! figures for Prometheus.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::server::AuthServer;

pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "ok" }))
}

pub async fn readyz(server: web::Data<AuthServer>) -> HttpResponse {
    let database = server.store.ping().await;
    if let Err(error) = &database {
        log::warn!("not ready: {error}");
    }
    let signs = server.keys().signer(server.signing_alg, server.now()).is_some();
    let word = |good: bool| if good { "ok" } else { "unavailable" };
    let ready = database.is_ok() && signs;
    let body = json!({
        "status": word(ready),
        "checks": { "database": word(database.is_ok()), "keys": word(signs) },
    });
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if !ready {
        response.insert_header((RETRY_AFTER, "1"));
    }
    response.insert_header((CACHE_CONTROL, "no-store")).json(body)
}

pub async fn metrics(server: web::Data<AuthServer>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(server.metrics.render())
}
