//! What happens around every request: ids for the log (W3C Trace Context), one line when it is done, and headers that hold
//! for every answer.

use std::sync::Arc;
use std::time::Instant;

use actix_web::HttpMessage as _;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;

use super::{HexId, RequestIds};

/// The pattern of a request's route, never the path or the query: those hold input, and sometimes secrets. For the middleware
/// within.
#[derive(Clone)]
pub struct Route(pub Arc<str>);

impl Route {
    fn of(request: &ServiceRequest) -> Self {
        Self(request.match_pattern().map_or_else(|| "unmatched".into(), Arc::from))
    }
}

/// Wraps a request, as middleware: `App::new().wrap(from_fn(observe::request))`.
pub async fn request<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let ids =
        RequestIds { request_id: HexId::random(), trace_id: trace_id(request.headers()).unwrap_or_else(HexId::random) };
    ids.scope(answered(request, next, ids)).await
}

async fn answered<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
    ids: RequestIds,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let started = Instant::now();
    let method = request.method().clone();
    let Route(route) = Route::of(&request);
    request.extensions_mut().insert(Route(Arc::clone(&route)));
    let mut response = next.call(request).await?;

    let status = response.status().as_u16();
    let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    // A probe that comes every two seconds and is content is no news.
    let content_probe = (route.ends_with("/healthz") || route.ends_with("/readyz")) && status == 200;
    let level = if content_probe { log::Level::Debug } else { log::Level::Info };
    log::log!(target: "access", level, status, duration_us; "{method} {route}");

    let headers = response.headers_mut();
    if let Ok(request_id) = HeaderValue::from_str(ids.request_id.as_str()) {
        headers.insert(HeaderName::from_static("x-request-id"), request_id);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// The `traceparent` for a call that this request makes: the same trace, a new span (W3C Trace Context section 3.2). A
/// trace of its own outside a request.
#[must_use]
pub fn traceparent() -> String {
    let trace_id = RequestIds::current().map_or_else(HexId::random, |ids| ids.trace_id);
    format!("00-{trace_id}-{}-01", &HexId::random().as_str()[..16])
}

/// The trace id of a well-formed `traceparent` (W3C Trace Context section 3.2).
#[must_use]
pub fn trace_id(headers: &HeaderMap) -> Option<HexId> {
    let header = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = header.split('-');
    let (version, trace_id, parent_id) = (parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let well_formed = hexadecimal(version, 2) && hexadecimal(parent_id, 16);
    let all_zero = trace_id.bytes().all(|byte| byte == b'0');
    HexId::parse(trace_id).filter(|_| well_formed && version != "ff" && !all_zero)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn read(traceparent: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("traceparent"), traceparent.parse().unwrap());
        trace_id(&headers).map(|id| id.to_string())
    }

    #[test]
    fn a_trace_goes_on_with_a_new_span() {
        let trace = read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        assert_eq!(trace, "0af7651916cd43dd8448eb211c80319c");
        let made = traceparent();
        assert_eq!((made.len(), read(&made).is_some()), (55, true));
    }

    #[rstest]
    #[case::empty("")]
    #[case::all_zero("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    #[case::upper_case("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    #[case::version("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    #[case::short("00-0af7-b7ad6b7169203331-01")]
    fn a_malformed_trace_is_not_taken_over(#[case] traceparent: &str) {
        assert_eq!(read(traceparent), None);
    }
}
