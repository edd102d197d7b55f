//! Routes of what anybody may read.

use actix_web::guard::{Any, Get, Head};
use actix_web::{Route, web};

/// `GET`, and `HEAD` for whoever only asks how that would be answered (RFC 9110 section 9.3.2), such as a load balancer.
#[must_use]
pub fn read() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}
