//! Steps 4 and 5: API A's part, a token exchange (RFC 8693 section 2.1), by hand, so that it can also be done wrongly.

use anyhow::Result;
use reqwest::header::{HeaderName, HeaderValue};

use super::{Answer, AuthServer, Credentials};

pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A request for a token on behalf of the user of another one.
#[derive(Clone)]
pub struct Exchange {
    parameters: Vec<(String, String)>,
}

impl Exchange {
    /// Exchanges `subject_token`, an access token.
    #[must_use]
    pub fn of(subject_token: &str) -> Self {
        Self { parameters: vec![] }
            .and("grant_type", GRANT_TYPE)
            .and("subject_token", subject_token)
            .and("subject_token_type", ACCESS_TOKEN)
    }

    /// The API to be called.
    #[must_use]
    pub fn to(self, audience: &str) -> Self {
        self.and("audience", audience)
    }

    #[must_use]
    pub fn scope(self, scope: &str) -> Self {
        self.with("scope", scope)
    }

    /// The request with `name` set to `value`.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    /// The request with one more `name=value`.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(parameter, _)| parameter != name);
        self
    }

    /// Asks, as the client of `credentials`.
    pub async fn send(&self, auth_server: &AuthServer, credentials: &Credentials) -> Result<Answer> {
        self.send_with(auth_server, credentials, []).await
    }

    /// The same with further headers.
    pub async fn send_with(
        &self,
        auth_server: &AuthServer,
        credentials: &Credentials,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) -> Result<Answer> {
        auth_server.token_with(credentials, &self.form(), headers).await
    }

    /// The request's parameters.
    #[must_use]
    pub fn form(&self) -> Vec<(&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}
