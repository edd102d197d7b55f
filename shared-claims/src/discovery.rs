//! Where an issuer's endpoints are (RFC 8414, OpenID Connect Discovery 1.0).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::http;

/// How long metadata is kept before it is read again.
const MAX_AGE: Duration = Duration::from_mins(5);
/// How long a failure is remembered, so that a server that is down is not asked by every request.
const COOL_DOWN: Duration = Duration::from_secs(1);
const LARGEST_DOCUMENT: usize = 64 * 1024;

/// What this crate needs of an issuer's metadata, with addresses as this service reaches them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    pub issuer: String,
    pub jwks_uri: Url,
    pub token_endpoint: Url,
    /// The same as the issuer itself names it: what a proof for it names (RFC 9449 section 4.2).
    pub token_endpoint_name: Url,
    /// Where the addresses of its status lists are (Token Status List section 9.2).
    pub status_lists: Option<Url>,
    /// Where it explains exchanges: this project's auth server may.
    pub explain_endpoint: Option<Url>,
}

/// The metadata cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    #[error("the auth server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the auth server's metadata cannot be used: {0}")]
    Unusable(String),
}

/// Finds an issuer's endpoints, and keeps what it found: also, while the server is down, beyond its age.
#[derive(Clone, Debug)]
pub struct Discovery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: String,
    backchannel_url: Option<Url>,
    http: Client,
    known: Mutex<Known>,
    /// The first answer, for callers that come while a newer one is asked for. Endpoints hardly ever move.
    last: OnceLock<Arc<ServerMetadata>>,
}

#[derive(Debug, Default)]
struct Known {
    metadata: Option<Arc<ServerMetadata>>,
    fresh_until: Option<Instant>,
    failed: Option<(Instant, DiscoveryError)>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Url,
    token_endpoint: Url,
    #[serde(default)]
    status_list_aggregation_endpoint: Option<Url>,
    #[serde(default)]
    explain_endpoint: Option<Url>,
}

impl Discovery {
    /// `backchannel_url`: the auth server's base address where this service reaches it under another name than browsers
    /// do. The issuer is compared all the same.
    #[must_use]
    pub fn new(issuer: &str, backchannel_url: Option<Url>, http: Client) -> Self {
        Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            backchannel_url,
            http,
            known: Mutex::default(),
            last: OnceLock::new(),
        }))
    }

    /// The metadata. Of callers that come together one asks the server; the others take what is known, however old, and
    /// wait only where nothing is.
    pub async fn metadata(&self) -> Result<Arc<ServerMetadata>, DiscoveryError> {
        let mut known = match (self.0.known.try_lock(), self.0.last.get()) {
            (Ok(known), _) => known,
            (Err(_), Some(metadata)) => return Ok(Arc::clone(metadata)),
            (Err(_), None) => self.0.known.lock().await,
        };
        let now = Instant::now();
        if let Some(metadata) = &known.metadata
            && known.fresh_until.is_some_and(|until| now < until)
        {
            return Ok(Arc::clone(metadata));
        }
        if let Some((at, error)) = &known.failed
            && now < *at + COOL_DOWN
        {
            return known.metadata.clone().ok_or_else(|| error.clone());
        }
        match self.0.fetch().await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                let _ = self.0.last.set(Arc::clone(&metadata));
                let fresh_until = Some(Instant::now() + MAX_AGE);
                *known = Known { metadata: Some(Arc::clone(&metadata)), fresh_until, failed: None };
                Ok(metadata)
            }
            Err(error) => {
                log::warn!("discovery of {}: {error}", self.0.issuer);
                known.failed = Some((Instant::now(), error.clone()));
                known.metadata.clone().ok_or(error)
            }
        }
    }
}

impl Discovery {
    /// An address of the issuer's, as this service reaches it.
    pub(crate) fn reachable(&self, address: Url) -> Result<Url, DiscoveryError> {
        self.0.reachable(address)
    }
}

impl Inner {
    async fn fetch(&self) -> Result<ServerMetadata, DiscoveryError> {
        let base = self.backchannel_url.as_ref().map_or(self.issuer.as_str(), Url::as_str).trim_end_matches('/');
        let address = format!("{base}/.well-known/openid-configuration");
        let unreachable = |error: reqwest::Error| DiscoveryError::Unreachable(error.without_url().to_string());
        let response = self.http.get(&address).send().await.map_err(unreachable)?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_server_error() => {
                return Err(DiscoveryError::Unreachable(format!("it answers {status}")));
            }
            status => return Err(DiscoveryError::Unusable(format!("{address} answers {status}"))),
        }
        let document: Document = http::json(response, LARGEST_DOCUMENT)
            .await
            .map_err(|error| DiscoveryError::Unusable(error.to_string()))?;
        // RFC 8414 section 3.3: character by character, or an attacker's metadata passes for this issuer's.
        if document.issuer != self.issuer {
            let found = document.issuer;
            return Err(DiscoveryError::Unusable(format!("it names the issuer {found:?}, expected {:?}", self.issuer)));
        }
        Ok(ServerMetadata {
            jwks_uri: self.reachable(document.jwks_uri)?,
            token_endpoint: self.reachable(document.token_endpoint.clone())?,
            token_endpoint_name: document.token_endpoint,
            status_lists: document.status_list_aggregation_endpoint.map(|url| self.reachable(url)).transpose()?,
            explain_endpoint: document.explain_endpoint.map(|url| self.reachable(url)).transpose()?,
            issuer: document.issuer,
        })
    }

    /// The same endpoint, at the address where this service reaches the server. The client's secret goes there, so it
    /// must be one of the issuer's own origin, or at least not be less safe than the issuer.
    fn reachable(&self, endpoint: Url) -> Result<Url, DiscoveryError> {
        let unusable = |why: &str| DiscoveryError::Unusable(format!("the endpoint {endpoint} {why}"));
        let issuer = Url::parse(&self.issuer).map_err(|_| unusable("cannot be compared with the issuer"))?;
        if issuer.scheme() == "https" && endpoint.scheme() != "https" {
            return Err(unusable("is not https, and the issuer is"));
        }
        let Some(backchannel) = &self.backchannel_url else { return Ok(endpoint) };
        let base = issuer.path().trim_end_matches('/');
        let path = endpoint.path().strip_prefix(base).filter(|path| path.starts_with('/'));
        match path {
            Some(path) if endpoint.origin() == issuer.origin() => {
                let mut reachable = backchannel.clone();
                reachable.set_path(&format!("{}{path}", backchannel.path().trim_end_matches('/')));
                Ok(reachable)
            }
            _ => Err(unusable("is not below the issuer, so backchannel_url cannot stand for it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const ISSUER: &str = "http://localhost:9000";

    async fn server(issuer: &str) -> MockServer {
        let server = MockServer::start().await;
        let document = json!({
            "issuer": issuer,
            "jwks_uri": format!("{ISSUER}/.well-known/jwks.json"),
            "token_endpoint": format!("{ISSUER}/oauth/token"),
        });
        Mock::given(path("/.well-known/openid-configuration"))
            .respond_with(ResponseTemplate::new(200).set_body_json(document))
            .mount(&server)
            .await;
        server
    }

    fn discovery(server: &MockServer) -> Discovery {
        let backchannel = server.uri().parse().unwrap();
        Discovery::new(ISSUER, Some(backchannel), http::client(Duration::from_secs(2)).unwrap())
    }

    #[tokio::test]
    async fn endpoints_are_reached_by_the_backchannel_and_the_issuer_stays() {
        let server = server(ISSUER).await;
        let metadata = discovery(&server).metadata().await.unwrap();
        assert_eq!(metadata.issuer, ISSUER);
        assert_eq!(metadata.token_endpoint.as_str(), format!("{}/oauth/token", server.uri()));
        assert_eq!(metadata.token_endpoint_name.as_str(), format!("{ISSUER}/oauth/token"));
    }

    #[tokio::test]
    async fn metadata_of_another_issuer_is_refused_to_the_character() {
        let server = server("http://localhost:9000/").await;
        assert!(matches!(discovery(&server).metadata().await, Err(DiscoveryError::Unusable(_))));
    }

    #[test]
    fn a_secret_is_never_sent_to_a_host_that_only_begins_like_the_issuer() {
        let backchannel = "http://auth-server:9000".parse().unwrap();
        let http = http::client(Duration::from_secs(2)).unwrap();
        let discovery = Discovery::new("https://auth.example", Some(backchannel), http);
        for endpoint in ["https://auth.example.evil/t", "https://auth.example:444/t", "http://auth.example/t"] {
            assert!(discovery.0.reachable(endpoint.parse().unwrap()).is_err(), "{endpoint}");
        }
        let reachable = discovery.0.reachable("https://auth.example/oauth/token".parse().unwrap()).unwrap();
        assert_eq!(reachable.as_str(), "http://auth-server:9000/oauth/token");
    }

    #[tokio::test]
    async fn callers_that_come_together_ask_once() {
        let server = server(ISSUER).await;
        let discovery = discovery(&server);
        let calls = (0..20).map(|_| discovery.metadata());
        assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_ok));
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_server_that_is_down_is_unreachable_and_not_asked_by_everybody() {
        let server = MockServer::start().await;
        Mock::given(path("/.well-known/openid-configuration"))
            .respond_with(ResponseTemplate::new(503))
            .mount(&server)
            .await;
        let discovery = discovery(&server);
        for _ in 0..5 {
            assert!(matches!(discovery.metadata().await, Err(DiscoveryError::Unreachable(_))));
        }
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}
