//! What happens around every request: ids for the log (W3C Trace Context), one line when it is done, figures for
//! `/metrics`, and headers that hold for every answer.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use metrics::{counter, histogram};

use crate::logging::RequestIds;

/// Wraps a request; see the module.
pub async fn request<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let ids = RequestIds {
        request_id: uuid::Uuid::new_v4().simple().to_string(),
        trace_id: trace_id(&request).unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string()),
    };
    ids.clone().scope(answered(request, next, ids)).await
}

async fn answered<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
    ids: RequestIds,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let started = Instant::now();
    let method = request.method().clone();
    // The pattern, never the path or the query: those hold input, and sometimes secrets.
    let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let mut response = next.call(request).await?;

    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    let labels = [("route", route.clone()), ("status", status.to_string())];
    counter!("http_requests_total", &labels).increment(1);
    histogram!("http_request_duration_seconds", "route" => route.clone()).record(elapsed);
    log::info!(target: "access", status, duration_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX); "{method} {route}");

    let headers = response.headers_mut();
    if let Ok(request_id) = HeaderValue::from_str(&ids.request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), request_id);
    }
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// The trace id of a well-formed `traceparent` (W3C Trace Context section 3.2).
fn trace_id(request: &ServiceRequest) -> Option<String> {
    let header = request.headers().get("traceparent")?.to_str().ok()?;
    let mut parts = header.split('-');
    let (version, trace_id, parent_id) = (parts.next()?, parts.next()?, parts.next()?);
    let hexadecimal = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let well_formed = hexadecimal(version, 2) && hexadecimal(trace_id, 32) && hexadecimal(parent_id, 16);
    let all_zero = trace_id.bytes().all(|byte| byte == b'0');
    (well_formed && version != "ff" && !all_zero).then(|| trace_id.to_owned())
}
