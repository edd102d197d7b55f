//! Figures of every request for `/metrics`, and where it comes from for the ledger.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpMessage as _;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web;
use metrics::{Counter, Histogram, SharedString, counter, histogram};
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
    count(route, response.status().as_u16(), started.elapsed());
    Ok(response)
}

/// A route's figures for answers of one status.
struct Figures {
    requests: Counter,
    duration: Histogram,
}

impl Figures {
    fn of(route: Arc<str>, status: u16) -> Self {
        let route = SharedString::from_shared(route);
        let labels = [("route", route.clone()), ("status", status.to_string().into())];
        Self {
            requests: counter!("http_requests_total", &labels),
            duration: histogram!("http_request_duration_seconds", "route" => route),
        }
    }
}

thread_local! {
    /// Those that this thread has counted in: to find them by their labels takes longer than to count. As many as there are
    /// routes and statuses.
    static FIGURES: RefCell<HashMap<(Arc<str>, u16), Figures>> = RefCell::default();
}

fn count(route: Arc<str>, status: u16, duration: Duration) {
    FIGURES.with_borrow_mut(|figures| {
        let known = figures.entry((route, status));
        let figures = known.or_insert_with_key(|(route, status)| Figures::of(Arc::clone(route), *status));
        figures.requests.increment(1);
        figures.duration.record(duration);
    });
}
