//! `/healthz`: the process answers. `/readyz`: the database answers too, so requests can be served.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER};
use actix_web::web::{ServiceConfig, resource};
use serde_json::json;

use super::read;
use super::store::Store;

/// Both routes.
pub fn routes(store: Store) -> impl FnOnce(&mut ServiceConfig) {
    move |app: &mut ServiceConfig| {
        let ready = move || readyz(store.clone());
        app.service(resource("/healthz").route(read().to(healthz)))
            .service(resource("/readyz").route(read().to(ready)));
    }
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": "ok" }))
}

async fn readyz(store: Store) -> HttpResponse {
    let database = store.ping().await;
    if let Err(error) = &database {
        log::warn!("not ready: {error}");
    }
    let word = if database.is_ok() { "ok" } else { "unavailable" };
    let mut answer = if database.is_ok() { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if database.is_err() {
        answer.insert_header((RETRY_AFTER, "1"));
    }
    answer.insert_header((CACHE_CONTROL, "no-store")).json(json!({ "status": word, "checks": { "database": word } }))
}
