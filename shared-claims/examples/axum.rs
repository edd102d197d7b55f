//! An API on Axum that calls another one on behalf of its caller. Nothing of actix is in it:
//! `cargo run -p shared-claims --no-default-features --features client --example axum`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{StatusCode, request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use shared_claims::bearer::presented_token;
use shared_claims::dpop::DPOP;
use shared_claims::problem::PROBLEM_JSON;
use shared_claims::{AccessToken, CallerAnswer, Challenge, ExchangeClient, Problem, ResourceServer, Scope};

/// What the handlers share.
pub struct Api {
    pub guard: ResourceServer,
    pub client: ExchangeClient,
    pub receipts: Target,
}

/// The API that is called on behalf of the callers.
pub struct Target {
    pub audience: String,
    pub scope: Scope,
    pub address: String,
}

pub fn routes(api: Api) -> Router {
    Router::new().route("/api/report", get(report)).with_state(Arc::new(api))
}

/// Steps 3 to 6 of the flow: the caller's token is checked, exchanged, and the target API called with the new one.
async fn report(Caller(caller): Caller, State(api): State<Arc<Api>>) -> Result<String, Refused> {
    let Target { audience, scope, address } = &api.receipts;
    let call = api.client.on_behalf_of(&caller).audience(audience).scope(scope).get(address);
    let list: List = call.receive().await.map_err(|failure| api.guard.answer_to(failure))?;
    let cents: u64 = list.receipts.iter().map(|receipt| receipt.amount_cents).sum();
    Ok(format!("{} has spent {cents} cents", caller.claims.sub))
}

#[derive(Deserialize)]
struct List {
    receipts: Vec<Receipt>,
}

#[derive(Deserialize)]
struct Receipt {
    amount_cents: u64,
}

/// Who calls.
struct Caller(AccessToken);

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut request::Parts, api: &Arc<Api>) -> Result<Self, Refused> {
        let all = |name| parts.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let token = presented_token(all(AUTHORIZATION.as_str()), all(DPOP), parts.uri.query().unwrap_or_default());
        let token = token.map_err(|refusal| api.guard.challenge(refusal))?;
        let caller = api.guard.authenticate_request(token, parts.method.as_str(), parts.uri.path()).await;
        caller.map(Self).map_err(|refused| match refused.refusal() {
            Some(refusal) => api.guard.challenge(refusal).into(),
            None => Refused { problem: Problem::new(503, "Service Unavailable"), headers: vec![] },
        })
    }
}

/// An answer without success, as Axum sends it.
struct Refused {
    problem: Problem,
    headers: Vec<(HeaderName, String)>,
}

impl From<CallerAnswer> for Refused {
    fn from(answer: CallerAnswer) -> Self {
        let challenge = answer.www_authenticate().map(|challenge| (WWW_AUTHENTICATE, challenge));
        let retry_after = answer.retry_after().map(|seconds| (RETRY_AFTER, seconds.to_string()));
        Self { problem: answer.problem().clone(), headers: challenge.into_iter().chain(retry_after).collect() }
    }
}

impl From<Challenge> for Refused {
    fn from(challenge: Challenge) -> Self {
        Self { problem: challenge.problem(), headers: vec![(WWW_AUTHENTICATE, challenge.header_value())] }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self.problem).unwrap_or_default();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let headers = self.headers.into_iter().filter_map(|(name, value)| Some((name, value.parse().ok()?)));
        response.headers_mut().extend(headers);
        response
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = "api-a-demo-secret-0123456789abcdefghijklmnopqrstuv".into();
    let api = Api {
        guard: ResourceServer::builder("http://localhost:9000", "https://api-a.example").build()?,
        client: ExchangeClient::builder("http://localhost:9000").client("api-a", secret).build()?,
        receipts: Target {
            audience: "https://api-b.example".to_owned(),
            scope: "read:receipts".parse()?,
            address: "http://localhost:9002/api/receipts".to_owned(),
        },
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:9010").await?;
    Ok(axum::serve(listener, routes(api)).await?)
}
