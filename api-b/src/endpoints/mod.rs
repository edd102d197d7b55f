//! HTTP in, HTTP out. This file is the route table.

mod me;
mod receipts;

use std::sync::Arc;

use actix_web::Resource;
use actix_web::web::{self, ServiceConfig, get, post, resource, scope};
use shared_claims::service::{answer, health};
use shared_claims::{Clock, RequiredScope as _, Scope, protected_resource, required_scope};

use crate::store::Receipts;

/// What the handlers share beside the rows.
pub struct Settings {
    pub clock: Arc<dyn Clock>,
    pub demo_receipts: bool,
}

required_scope!(pub ReadReceipts = "read:receipts");
required_scope!(pub WriteReceipts = "write:receipts");

/// The scopes that this API knows.
pub fn scopes() -> Scope {
    [ReadReceipts::SCOPE, WriteReceipts::SCOPE].iter().filter_map(|name| name.parse().ok()).collect()
}

/// All routes.
pub fn routes(rows: &Receipts) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let health = health::routes(rows.store().clone());
    move |app: &mut ServiceConfig| {
        app.configure(health)
            .service(protected_resource::route())
            .service(
                scope("/api")
                    .wrap(answer::api_headers())
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
