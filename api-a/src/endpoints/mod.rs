//! HTTP in, HTTP out. This file is the route table.

mod demo;
mod demo_app;
mod me;
mod report;

use std::sync::Arc;

use actix_web::Resource;
use actix_web::middleware::{Condition, from_fn};
use actix_web::web::{self, Data, ServiceConfig, get, post, resource, scope};
use shared_claims::service::{answer, health};
use shared_claims::{Clock, RequiredScope as _, Scope, protected_resource, required_scope};

use crate::demo::Demo;
use crate::receipts::{Archive, Chain};
use crate::store::Filings;
pub use demo_app::DemoApp;

/// What the handlers share beside the rows.
pub struct Settings {
    pub clock: Arc<dyn Clock>,
}

required_scope!(pub ReadReports = "read:reports");
required_scope!(pub WriteReports = "write:reports");

/// The scopes that this API knows.
pub fn scopes() -> Scope {
    [ReadReports::SCOPE, WriteReports::SCOPE].iter().filter_map(|name| name.parse().ok()).collect()
}

/// All routes. `archive`, `demo_app`, and `demo` (demo mode) with its `chain` are there where they are configured.
pub fn routes(
    filings: &Filings,
    archive: Option<Data<Archive>>,
    demo_app: Option<Data<DemoApp>>,
    demo: Option<Data<Demo>>,
    chain: Option<Data<Chain>>,
) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let health = health::routes(filings.store().clone());
    move |app: &mut ServiceConfig| {
        let mut api = scope("/api")
            .service(at("/me").route(get().to(me::me)))
            .service(at("/report").route(get().to(report::report)))
            .service(at("/receipts").route(get().to(report::receipts)).route(post().to(report::file)))
            .default_service(web::to(answer::not_found));
        if let Some(archive) = archive {
            api = api.app_data(archive).service(at("/archive").route(get().to(report::archive)));
        }
        let api = api.wrap(Condition::new(demo.is_some(), from_fn(demo::seen))).wrap(answer::api_headers());
        app.configure(health).service(protected_resource::route()).service(api);
        if let Some(demo) = demo {
            app.configure(demo::routes(demo, chain, demo_app.is_some()));
        }
        if let Some(demo_app) = demo_app {
            app.configure(demo_app::routes(demo_app));
        }
        app.default_service(web::to(answer::not_found));
    }
}

fn at(path: &str) -> Resource {
    resource(path).default_service(web::to(answer::method_not_allowed))
}
