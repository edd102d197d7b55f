//! What every request works with: the parts of the server, put together once at start.

use std::sync::Arc;

use ipnet::IpNet;
use shared_claims::Clock;
use shared_claims::service::Issuer;
use shared_claims::validator::AccessTokenVerifier;
use time::OffsetDateTime;

use crate::audit::Ledger;
use crate::config::Lifetimes;
use crate::exchange::Limits;
use crate::registry::{Api, Client, LiveRegistry, Registry, SigningAlgorithm};
use crate::store::Store;
use crate::tokens::{KeyRing, LiveKeys, MasterKey, StatusIndices, StatusLists};
use crate::users::{Sessions, SignIn};

/// The parts of the server.
pub struct AuthServer {
    pub issuer: Issuer,
    pub lifetimes: Lifetimes,
    pub exchange_limits: Limits,
    /// Whether a refusal names the page that explains it.
    pub error_docs: bool,
    /// Whether exchanges are explained at `/oauth/explain`.
    pub explain_endpoint: bool,
    pub signing_alg: SigningAlgorithm,
    pub trusted_proxies: Vec<IpNet>,
    /// Whether a proof of possession must carry a nonce of this server (RFC 9449 section 8).
    pub require_dpop_nonce: bool,
    pub sign_in_notice: Option<String>,
    pub clock: Arc<dyn Clock>,
    pub registry: LiveRegistry,
    pub keys: LiveKeys,
    /// Checks tokens of this server that come back to it.
    pub verifier: AccessTokenVerifier,
    pub master_key: MasterKey,
    pub store: Store,
    pub ledger: Ledger,
    pub sign_in: SignIn,
    pub sessions: Sessions,
    pub status_indices: StatusIndices,
    pub status_lists: StatusLists,
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

impl AuthServer {
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    /// All clients, APIs and pairings as they are now. Take it once per request, so that the request sees one version.
    #[must_use]
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.current()
    }

    #[must_use]
    pub fn keys(&self) -> Arc<KeyRing> {
        self.keys.current()
    }

    /// The audience that opens the userinfo endpoint. It satisfies no API's audience check, since no API may bear it.
    #[must_use]
    pub fn userinfo_audience(&self) -> String {
        self.issuer.endpoint("/userinfo")
    }

    /// What access tokens of this API are signed with.
    #[must_use]
    pub fn algorithm_for_api(&self, api: Option<&Api>) -> SigningAlgorithm {
        api.and_then(|api| api.signing_alg).unwrap_or(self.signing_alg)
    }

    /// What ID tokens of this client are signed with.
    #[must_use]
    pub fn algorithm_for_client(&self, client: &Client) -> SigningAlgorithm {
        client.id_token_signed_response_alg.unwrap_or(self.signing_alg)
    }
}
