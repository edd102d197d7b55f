//! The caller's receipts, at the downstream API: steps 3 to 6 of the flow. The caller's token is exchanged for one of that
//! API, and only that one is sent there.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared_claims::service::observe;
use shared_claims::{AccessToken, ExchangeClient, ExchangeError, Scope, http};

use crate::config::Downstream;
use crate::report::Receipt;

/// How long one call of the downstream API may take in all.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// A thousand receipts are far less.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A receipt as a caller sends it. The API that keeps it judges what is in it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReceipt {
    merchant: String,
    amount_cents: i64,
    currency: String,
    purchased_on: String,
}

/// Why the downstream API gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallFailure {
    #[error("exchange: {0}")]
    Exchange(#[from] ExchangeError),
    /// It cannot be reached.
    #[error("the downstream API is away: {0}")]
    Away(String),
    #[error("the downstream API did not answer in time")]
    Slow,
    /// It is there and asks for patience.
    #[error("the downstream API is not ready")]
    NotReady,
    /// It does not allow it.
    #[error("the downstream API answers 403")]
    Forbidden,
    /// It does not take what the caller sent, and says why.
    #[error("the downstream API refuses the request with {status}")]
    Refused { status: StatusCode, detail: String },
    #[error("the downstream API's answer cannot be used: {0}")]
    Fault(String),
}

/// Receipts at the downstream API.
pub struct Receipts {
    exchange: ExchangeClient,
    http: reqwest::Client,
    downstream: Downstream,
    address: String,
}

#[derive(Deserialize)]
struct List {
    receipts: Vec<Receipt>,
}

/// What is read of a problem document (RFC 9457).
#[derive(Deserialize)]
struct TheirProblem {
    #[serde(default)]
    detail: String,
}

impl Receipts {
    pub fn at(downstream: Downstream, exchange: ExchangeClient) -> reqwest::Result<Self> {
        let address = format!("{}/api/receipts", downstream.url.as_str().trim_end_matches('/'));
        Ok(Self { exchange, http: http::client(PATIENCE)?, downstream, address })
    }

    /// All receipts of the caller's user.
    pub async fn of(&self, caller: &AccessToken) -> Result<Vec<Receipt>, CallFailure> {
        let list: List = self.call(caller, &self.downstream.read_scope, Method::GET, None).await?;
        Ok(list.receipts)
    }

    /// Files one for the caller's user.
    pub async fn file(&self, caller: &AccessToken, receipt: &NewReceipt) -> Result<Receipt, CallFailure> {
        self.call(caller, &self.downstream.write_scope, Method::POST, Some(receipt)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        caller: &AccessToken,
        scope: &Scope,
        method: Method,
        body: Option<&NewReceipt>,
    ) -> Result<T, CallFailure> {
        let traceparent = observe::traceparent();
        let audience = &self.downstream.audience;
        let token = self.exchange.exchange_traced(caller, audience, scope, Some(&traceparent)).await?;
        let mut request =
            self.http.request(method, &self.address).bearer_auth(token.text()).header("traceparent", traceparent);
        if let Some(body) = body {
            request = request.json(body);
        }
        read(request.send().await.map_err(not_answered)?).await
    }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, CallFailure> {
    match response.status() {
        status if status.is_success() => http::json(response, LARGEST_ANSWER).await.map_err(|error| match error {
            http::ReadError::Broken(error) => not_answered(error),
            error => CallFailure::Fault(error.to_string()),
        }),
        StatusCode::FORBIDDEN => Err(CallFailure::Forbidden),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Err(CallFailure::NotReady),
        StatusCode::GATEWAY_TIMEOUT => Err(CallFailure::Slow),
        status @ (StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY) => {
            let problem: Result<TheirProblem, _> = http::json(response, LARGEST_ANSWER).await;
            let detail = problem.map(|problem| problem.detail).unwrap_or_default();
            Err(CallFailure::Refused { status, detail: detail.chars().take(500).collect() })
        }
        status => Err(CallFailure::Fault(format!("it answers {status}"))),
    }
}

fn not_answered(error: reqwest::Error) -> CallFailure {
    if error.is_timeout() && !error.is_connect() {
        CallFailure::Slow
    } else {
        CallFailure::Away(error.without_url().to_string())
    }
}
