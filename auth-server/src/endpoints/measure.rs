//! Figures of every request for `/metrics`, and where it comes from for the ledger.

use std::sync::Arc;
use std::time::Instant;

use actix_web::HttpMessage as _;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web;
use metrics::{SharedString, counter, histogram};
use shared_claims::service::observe::Route;

use super::peer::client_address;
use crate::audit::coming_from;
use crate::server::AuthServer;

/// Counts and times a request by its route: the pattern, never the path, which is input and would grow without end. Within
/// [`observe::request`](shared_claims::service::observe::request), which finds it out.
pub async fn request<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let started = Instant::now();
    let route: Arc<str> =
        request.extensions().get::<Route>().map_or_else(|| "unmatched".into(), |route| Arc::clone(&route.0));
    let server = request.app_data::<web::Data<AuthServer>>();
    let address = server.map(|server| client_address(request.request(), &server.trusted_proxies));
    let answered = next.call(request);
    let response = match address {
        Some(address) => coming_from(address, answered).await?,
        None => answered.await?,
    };
    let route = SharedString::from_shared(route);
    let labels = [("route", route.clone()), ("status", response.status().as_u16().to_string().into())];
    counter!("http_requests_total", &labels).increment(1);
    histogram!("http_request_duration_seconds", "route" => route).record(started.elapsed());
    Ok(response)
}
