//! Steps 3 and 6: the demo APIs, called with an access token (RFC 6750 section 2.1).

use anyhow::Result;
use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use super::{Answer, http};

/// An API at an address.
#[derive(Clone)]
struct Api {
    base: Url,
    http: Client,
}

impl Api {
    fn at(base: &Url) -> Result<Self> {
        Ok(Self { base: base.clone(), http: http::client()? })
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Result<Answer> {
        self.send(self.http.get(self.base.join(path)?), token).await
    }

    async fn head(&self, path: &str) -> Result<Answer> {
        self.send(self.http.head(self.base.join(path)?), None).await
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Result<Answer> {
        self.send(self.http.post(self.base.join(path)?).json(body), Some(token)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, token: Option<&str>) -> Result<Answer> {
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Answer::from(request.send().await?).await
    }
}

/// API A "Reports", which calls API B on behalf of its caller.
#[derive(Clone)]
pub struct ApiA(Api);

impl ApiA {
    pub fn at(base: &Url) -> Result<Self> {
        Api::at(base).map(Self)
    }

    /// The caller as API A sees it.
    pub async fn me(&self, token: &str) -> Result<Answer> {
        self.0.get("api/me", Some(token)).await
    }

    /// Steps 3 to 6: a report over the user's receipts, which lie at API B.
    pub async fn report(&self, token: &str) -> Result<Answer> {
        self.0.get("api/report", Some(token)).await
    }

    /// The same over the archive, which wants the user to agree first.
    pub async fn archive(&self, token: &str) -> Result<Answer> {
        self.0.get("api/archive", Some(token)).await
    }

    /// Files a receipt at API B on behalf of the user.
    pub async fn file_receipt(&self, token: &str, receipt: &Value) -> Result<Answer> {
        self.0.post("api/receipts", token, receipt).await
    }

    /// `GET path`, with a token or without one.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Result<Answer> {
        self.0.get(path, token).await
    }
}

/// API B "Receipts", the target of the exchange; or API C, which is the same with other settings.
#[derive(Clone)]
pub struct ApiB(Api);

impl ApiB {
    pub fn at(base: &Url) -> Result<Self> {
        Api::at(base).map(Self)
    }

    /// What `GET path` would answer to anybody, without its body.
    pub async fn head(&self, path: &str) -> Result<Answer> {
        self.0.head(path).await
    }

    /// The caller as API B sees it: the user, and who acts for them.
    pub async fn me(&self, token: &str) -> Result<Answer> {
        self.0.get("api/me", Some(token)).await
    }

    /// The caller's own receipts.
    pub async fn receipts(&self, token: &str) -> Result<Answer> {
        self.0.get("api/receipts", Some(token)).await
    }

    /// Writes a receipt of the caller.
    pub async fn file_receipt(&self, token: &str, receipt: &Value) -> Result<Answer> {
        self.0.post("api/receipts", token, receipt).await
    }

    /// `GET path`, with a token or without one.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Result<Answer> {
        self.0.get(path, token).await
    }
}

/// A receipt as the demo APIs take it.
#[must_use]
pub fn receipt(merchant: &str, amount_cents: u32) -> Value {
    json!({ "merchant": merchant, "amount_cents": amount_cents, "currency": "EUR", "purchased_on": "2026-01-15" })
}
