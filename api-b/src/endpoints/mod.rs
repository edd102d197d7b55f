//! HTTP in, HTTP out. This file is the route table.

mod cors;
mod me;
mod receipts;

use std::sync::Arc;

use actix_web::Resource;
use actix_web::middleware::Condition;
use actix_web::web::{self, ServiceConfig, get, post, resource, scope};
use shared_claims::service::{answer, health};
use shared_claims::{Clock, Scope, protected_resource};

use crate::store::Receipts;

/// What the handlers share beside the rows.
pub struct Settings {
    pub clock: Arc<dyn Clock>,
    pub read_scope: Scope,
    pub write_scope: Scope,
    /// From how many years ago a user without receipts gets a few.
    pub demo_receipts: Option<u16>,
}

/// All routes. `pages`: origins of pages that may call this API from a browser.
pub fn routes(rows: &Receipts, pages: &[String]) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let cors = Condition::new(!pages.is_empty(), cors::for_pages_of(pages));
    let health = health::routes(rows.store().clone());
    move |app: &mut ServiceConfig| {
        app.configure(health)
            .service(protected_resource::route())
            .service(
                scope("/api")
                    .wrap(answer::api_headers())
                    .wrap(cors)
                    .service(at("/receipts").route(get().to(receipts::list)).route(post().to(receipts::file)))
                    .service(at("/me").route(get().to(me::me)))
                    .default_service(web::to(answer::not_found)),
            )
            .default_service(web::to(answer::not_found));
    }
}

fn at(path: &str) -> Resource {
    resource(path).default_service(web::to(answer::method_not_allowed))
}
