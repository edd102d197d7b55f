//! What is counted, for whoever installed a recorder of the crate `metrics`; otherwise nowhere. No label holds a name of a
//! user, a token or an API.

use std::time::Duration;

/// What was kept for a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    Token,
    Refusal,
    Nothing,
    /// The caller wanted none.
    Bypassed,
}

pub(super) fn looked_up(found: Found) {
    let result = match found {
        Found::Token => "hit",
        Found::Refusal => "refusal",
        Found::Nothing => "miss",
        Found::Bypassed => "bypassed",
    };
    metrics::counter!("token_exchange_cache_total", "result" => result).increment(1);
}

/// An exchange that was asked for at the auth server, or refused by the breaker.
pub(super) fn exchanged(outcome: &'static str, took: Duration) {
    metrics::counter!("token_exchanges_total", "outcome" => outcome).increment(1);
    metrics::histogram!("token_exchange_seconds", "outcome" => outcome).record(took.as_secs_f64());
}

pub(super) fn circuit_is_open(open: bool) {
    metrics::gauge!("token_exchange_circuit_open").set(if open { 1.0 } else { 0.0 });
}
