//! Demo mode (`demo_trace`): API A shows every exchange and every call to the page that caused it, access tokens included. For
//! this machine alone.

use serde::Deserialize;
use shared_claims::Scope;
use shared_claims::service::Issuer;
use url::Url;

use super::ClientIdentity;

/// What demo mode shows beside API A's own exchanges and calls.
#[derive(Debug)]
pub struct DemoMode {
    /// The first API of the longer chain, if there is one: another API A.
    pub chain: Option<Chain>,
    /// The client identity of another API, for attacks that only another API can try.
    pub other_client: Option<ClientIdentity>,
}

/// Another API A, which calls API B in its turn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Its identifier: the `audience` of the exchange.
    pub audience: String,
    /// Where it is reached.
    pub url: Url,
    /// Where people reach it, if that is elsewhere.
    pub public_url: Option<Url>,
    /// The scope that reading takes there.
    #[serde(default = "read_reports")]
    pub read_scope: Scope,
}

fn read_reports() -> Scope {
    "read:reports".parse().unwrap_or_default()
}

/// Tokens are shown: nobody else may come near (the issuer and the page on loopback).
pub(super) fn exposed(issuer: &Issuer, public_url: &Url) -> Option<String> {
    let page = Issuer::try_from(public_url.to_string());
    let is_confined = issuer.is_loopback() && page.is_ok_and(|page| page.is_loopback());
    (!is_confined).then(|| {
        format!("demo_trace shows access tokens: it is for this machine alone, and {issuer} or {public_url} is not (localhost, 127.0.0.1)")
    })
}
