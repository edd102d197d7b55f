//! The auth server as its clients see it: everything by its discovery document (`OpenID` Connect Discovery section 4,
//! RFC 8414), nothing by knowing its paths.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{Answer, Jwks, http};

const FORM: &str = "application/x-www-form-urlencoded";

/// What the harness reads of the discovery document; `document` is the whole.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    pub issuer: String,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    pub jwks_uri: Url,
    pub userinfo_endpoint: Url,
    pub end_session_endpoint: Url,
    pub introspection_endpoint: Url,
    pub revocation_endpoint: Url,
    #[serde(skip)]
    pub document: Value,
}

/// How a client proves who it is (RFC 6749 section 2.3).
#[derive(Clone)]
pub enum Credentials {
    /// Nothing at all.
    Nothing,
    /// A public client: only `client_id`.
    Public { id: String },
    /// `client_secret_basic`.
    Basic { id: String, secret: String },
    /// `client_secret_post`.
    Post { id: String, secret: String },
}

impl Credentials {
    #[must_use]
    pub fn public(id: &str) -> Self {
        Self::Public { id: id.to_owned() }
    }

    #[must_use]
    pub fn basic(id: &str, secret: &str) -> Self {
        Self::Basic { id: id.to_owned(), secret: secret.to_owned() }
    }

    #[must_use]
    pub fn post(id: &str, secret: &str) -> Self {
        Self::Post { id: id.to_owned(), secret: secret.to_owned() }
    }

    /// The client's id; empty for nobody.
    #[must_use]
    pub fn client_id(&self) -> &str {
        match self {
            Self::Nothing => "",
            Self::Public { id } | Self::Basic { id, .. } | Self::Post { id, .. } => id,
        }
    }

    fn in_form(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Nothing | Self::Basic { .. } => vec![],
            Self::Public { id } => vec![("client_id", id)],
            Self::Post { id, secret } => vec![("client_id", id), ("client_secret", secret)],
        }
    }

    /// Both halves are form-encoded before they are joined (RFC 6749 section 2.3.1).
    fn in_header(&self) -> Option<String> {
        let Self::Basic { id, secret } = self else { return None };
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret)))))
    }
}

/// The auth server of an issuer.
#[derive(Clone)]
pub struct AuthServer {
    pub metadata: Metadata,
    http: Client,
}

impl AuthServer {
    /// Reads the discovery document of `issuer`.
    pub async fn discover(issuer: &str) -> Result<Self> {
        let http = http::client()?;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let answer = Answer::from(http.get(&url).send().await?).await?.expect_status(200)?;
        let mut metadata: Metadata = answer.read().context("the discovery document")?;
        metadata.document = answer.json();
        Ok(Self { metadata, http })
    }

    /// The same issuer, asked for tokens at another port: a replica.
    #[must_use]
    pub fn at_port(&self, port: u16) -> Self {
        let mut replica = self.clone();
        // An http URL with a host takes any port.
        let _ = replica.metadata.token_endpoint.set_port(Some(port));
        replica
    }

    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.metadata.issuer
    }

    /// The URL of `path` below the issuer.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.issuer().trim_end_matches('/'), path.trim_start_matches('/'))
    }

    /// The keys that tokens are signed with.
    pub async fn jwks(&self) -> Result<Jwks> {
        Answer::from(self.http.get(self.metadata.jwks_uri.clone()).send().await?).await?.expect_status(200)?.read()
    }

    /// A request at the token endpoint.
    pub async fn token(&self, credentials: &Credentials, form: &[(&str, &str)]) -> Result<Answer> {
        self.token_with(credentials, form, []).await
    }

    /// The same with further headers.
    pub async fn token_with(
        &self,
        credentials: &Credentials,
        form: &[(&str, &str)],
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Answer> {
        let headers = headers.into_iter().collect();
        self.send_form(self.metadata.token_endpoint.clone(), credentials, form, headers).await
    }

    async fn send_form(
        &self,
        endpoint: Url,
        credentials: &Credentials,
        form: &[(&str, &str)],
        headers: HeaderMap,
    ) -> Result<Answer> {
        let mut fields = credentials.in_form();
        fields.extend_from_slice(form);
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self.http.post(endpoint).headers(headers).header(CONTENT_TYPE, FORM);
        if let Some(authorization) = credentials.in_header() {
            request = request.header(AUTHORIZATION, authorization);
        }
        Answer::from(request.body(body).send().await?).await
    }

    /// A request at the token endpoint, with a body that need not be a form.
    pub async fn token_raw(&self, authorization: Option<&str>, media_type: &str, body: Vec<u8>) -> Result<Answer> {
        let mut request = self.http.post(self.metadata.token_endpoint.clone()).header(CONTENT_TYPE, media_type);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        Answer::from(request.body(body).send().await?).await
    }

    /// What a token allows now (RFC 7662).
    pub async fn introspect(&self, credentials: &Credentials, token: &str) -> Result<Answer> {
        self.post_form(&self.metadata.introspection_endpoint, credentials, &[("token", token)]).await
    }

    /// A client gives back what it holds (RFC 7009).
    pub async fn revoke(&self, credentials: &Credentials, token: &str) -> Result<Answer> {
        self.post_form(&self.metadata.revocation_endpoint, credentials, &[("token", token)]).await
    }

    /// A client's request at one of its endpoints.
    pub async fn post_form(&self, endpoint: &Url, credentials: &Credentials, form: &[(&str, &str)]) -> Result<Answer> {
        self.post_form_with(endpoint, credentials, form, []).await
    }

    /// The same with further headers.
    pub async fn post_form_with(
        &self,
        endpoint: &Url,
        credentials: &Credentials,
        form: &[(&str, &str)],
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Answer> {
        self.send_form(endpoint.clone(), credentials, form, headers.into_iter().collect()).await
    }

    /// The user behind an access token (`OpenID` Connect Core section 5.3).
    pub async fn userinfo(&self, access_token: &str) -> Result<Answer> {
        let request = self.http.get(self.metadata.userinfo_endpoint.clone()).bearer_auth(access_token);
        Answer::from(request.send().await?).await
    }

    /// `GET path` below the issuer.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        Answer::from(self.http.get(self.url(path)).send().await?).await
    }

    /// What `GET path` would answer below the issuer, without its body (RFC 9110 section 9.3.2).
    pub async fn head(&self, path: &str) -> Result<Answer> {
        Answer::from(self.http.head(self.url(path)).send().await?).await
    }

    /// `GET url`, without cookies and without following a redirect.
    pub async fn get_url(&self, url: Url) -> Result<Answer> {
        Answer::from(self.http.get(url).send().await?).await
    }
}
