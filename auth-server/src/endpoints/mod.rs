//! HTTP in, HTTP out: one file per endpoint, named by its RFC's term. This file is the route table.

mod account;
pub mod authorize;
mod client_request;
mod consent;
mod cookies;
mod cors;
mod discovery;
mod dpop;
mod end_session;
mod errand;
mod explain;
mod forgery;
mod form;
mod guide;
mod health;
mod introspect;
mod jwks;
mod login;
mod measure;
mod page;
mod peer;
mod revoke;
mod site;
mod status;
mod token;
mod userinfo;

use actix_web::web::{self, ServiceConfig, get, post, resource};
use shared_claims::service::read;

use crate::server::AuthServer;
use crate::tokens::STATUS_PATH;

pub use measure::request as measure_request;

/// All routes, below the issuer's own path.
pub fn routes(server: &web::Data<AuthServer>, metrics_here: bool) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (server, base) = (server.clone(), server.issuer.path().to_owned());
    move |app: &mut ServiceConfig| {
        app.app_data(server.clone());
        let below = |app: &mut ServiceConfig| routes_below(app, &server, metrics_here);
        if base.is_empty() {
            // A scope, be it empty, is one more service that every request passes.
            below(app);
        } else {
            // RFC 8414 section 3.1: for an issuer with a path, the well-known part comes before it.
            let inserted = format!("/.well-known/oauth-authorization-server{base}");
            app.service(open(&inserted).route(read().to(discovery::metadata)));
            app.service(web::scope(&base).configure(below));
        }
    }
}

fn routes_below(app: &mut ServiceConfig, server: &web::Data<AuthServer>, metrics_here: bool) {
    // Paths are compared one after the other: what is asked most comes first.
    app.service(resource(token::PATH).wrap(cors::for_clients(server)).route(post().to(token::token)))
        .service(open("/.well-known/openid-configuration").route(read().to(discovery::metadata)))
        .service(open("/.well-known/oauth-authorization-server").route(read().to(discovery::metadata)))
        .service(open("/.well-known/jwks.json").route(read().to(jwks::key_set)))
        .service(resource("/authorize").route(get().to(authorize::get)).route(post().to(authorize::post)))
        .service(resource("/login").route(get().to(login::get)).route(post().to(login::post)))
        .service(resource("/consent").route(get().to(consent::get)).route(post().to(consent::post)))
        .service(resource("/account").route(get().to(account::get)).route(post().to(account::post)))
        .service(open(STATUS_PATH).route(read().to(status::all)))
        .service(open(&format!("{STATUS_PATH}/{{list}}")).route(read().to(status::list)))
        .service(resource("/oauth/introspect").route(post().to(introspect::post)))
        .service(resource("/oauth/revoke").wrap(cors::for_clients(server)).route(post().to(revoke::post)))
        .service(
            resource(userinfo::PATH)
                .wrap(cors::for_clients(server))
                .route(get().to(userinfo::get))
                .route(post().to(userinfo::post)),
        )
        .service(resource("/oidc/logout").route(get().to(end_session::get)).route(post().to(end_session::post)))
        .service(resource("/v2/logout").route(get().to(end_session::get)))
        .service(resource(guide::PATH).route(read().to(guide::get)))
        .service(resource("/healthz").route(read().to(health::healthz)))
        .service(resource("/readyz").route(read().to(health::readyz)))
        .service(resource("/assets/{path:.*}").route(read().to(site::file)))
        .service(resource("/").route(read().to(site::index)));
    if server.explain_endpoint {
        app.service(resource(explain::PATH).route(post().to(explain::post)));
    }
    if metrics_here {
        app.service(resource("/metrics").route(read().to(health::metrics)));
    }
    app.default_service(web::to(site::not_found));
}

/// What anybody may read from any page: metadata and public keys.
fn open(
    path: &str,
) -> actix_web::Resource<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<actix_web::body::EitherBody<actix_web::body::BoxBody>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    resource(path).wrap(cors::for_anybody())
}

/// `/metrics` alone, for a port of its own.
pub fn metrics_routes(server: web::Data<AuthServer>) -> impl FnOnce(&mut ServiceConfig) {
    move |app: &mut ServiceConfig| {
        app.app_data(server).service(resource("/metrics").route(read().to(health::metrics)));
    }
}
