//! HTTP in, HTTP out. This file is the route table.

mod me;
mod receipts;

use actix_web::web::{self, ServiceConfig, get, post, resource, scope};
use shared_claims::service::{answer, health};
use shared_claims::{protected_resource, required_scope};

use crate::store::Receipts;

required_scope!(pub ReadReceipts = "read:receipts");
required_scope!(pub WriteReceipts = "write:receipts");

/// All routes.
pub fn routes(rows: &Receipts) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let health = health::routes(rows.store().clone());
    move |app: &mut ServiceConfig| {
        app.configure(health)
            .configure(protected_resource::routes)
            .service(
                scope("/api")
                    .wrap(answer::api_headers())
                    .service(resource("/receipts").route(get().to(receipts::list)).route(post().to(receipts::file)))
                    .service(resource("/me").route(get().to(me::me)))
                    .default_service(web::to(answer::not_found)),
            )
            .default_service(web::to(answer::not_found));
    }
}
