//! What a row of the ledger says: everything that its event tells, and the request that it belongs to.

use std::net::IpAddr;

use serde::Serializer as _;
use shared_claims::service::RequestIds;
use time::OffsetDateTime;

use super::address;
use super::event::Described;
use super::strangers::Refused;
use crate::store::LedgerRow;

/// When something happens, and in which request.
#[derive(Clone, Copy)]
pub(super) struct Circumstances {
    at: OffsetDateTime,
    address: Option<IpAddr>,
    ids: Option<RequestIds>,
}

impl Circumstances {
    /// Those of the work at hand.
    pub fn at(now: OffsetDateTime) -> Self {
        Self { at: now, address: address::current(), ids: RequestIds::current() }
    }
}

/// The row of an event: everything that the event tells, and the request that it belongs to.
pub(super) fn row_of(event: &Described<'_>, circumstances: &Circumstances) -> LedgerRow {
    let Circumstances { at, address, ids } = circumstances;
    let address = address.map(|address| address.to_string());
    let address = address.as_deref().filter(|_| event.field("address").is_none());
    let around = [
        ("address", address),
        ("request_id", ids.as_ref().map(|ids| ids.request_id.as_str())),
        ("trace_id", ids.as_ref().map(|ids| ids.trace_id.as_str())),
    ];
    let around = around.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let told = event.fields.iter().map(|(key, value)| (*key, value.as_ref()));
    let body = as_json(told.chain(around));
    let text = |key: &str| event.field(key).map(str::to_owned);
    unlinked(event.kind, body, text("grant"), text("user"), *at)
}

/// One object of texts.
#[expect(clippy::expect_used, reason = "a map of texts can always be written")]
fn as_json<'a>(fields: impl Iterator<Item = (&'static str, &'a str)>) -> String {
    let mut body = Vec::with_capacity(1024);
    serde_json::Serializer::new(&mut body).collect_map(fields).expect("a map of texts can be written as JSON");
    String::from_utf8(body).expect("JSON is UTF-8")
}

pub(super) fn row_of_strangers(refused: &Refused, count: u64, now: OffsetDateTime) -> LedgerRow {
    let Refused { endpoint, error, reason, address } = refused;
    let address = address.map_or_else(|| "many".to_owned(), |address| address.to_string());
    let body = serde_json::json!({
        "endpoint": endpoint, "error": error, "reason": reason, "address": address, "count": count,
    });
    unlinked("refused strangers", body.to_string(), None, None, now)
}

/// A row without its place in the chain.
pub(super) fn unlinked(
    kind: &str,
    body: String,
    grant_id: Option<String>,
    user_id: Option<String>,
    now: OffsetDateTime,
) -> LedgerRow {
    // As precise as the database keeps it: the hash must hold when the row is read.
    let at = now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now);
    let (chain, hash) = (String::new(), Vec::new());
    LedgerRow { chain, seq: 0, at, kind: kind.to_owned(), body, hash, grant_id, user_id }
}
