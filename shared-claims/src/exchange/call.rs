//! Step 6 of the flow, from the caller's side: a request to the target API with the exchanged token, and what its failures
//! mean for the own caller.

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{IntoUrl, Method, Request, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::observer::Sight;
use super::on_behalf::OnBehalfOf;
use super::target_challenge::demand_to_the_user;
use super::{ExchangeError, ExchangedToken};
use crate::dpop::DPOP;
use crate::http;

/// What [`Call::receive`] reads at most.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;
const LONGEST_DETAIL: usize = 500;

/// A call of a target API on behalf of the caller's user. The token is exchanged when it is sent.
#[must_use = "send it"]
pub struct Call<'a> {
    wanted: OnBehalfOf<'a>,
    request: RequestBuilder,
}

/// Why the target API gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There was no token for it; or it passes on that it got none for the API behind it, because of the user.
    #[error("exchange: {0}")]
    Exchange(#[from] ExchangeError),
    /// The request cannot be made: its address or its body is wrong.
    #[error("the request cannot be made: {0}")]
    Request(String),
    #[error("the target API is away: {0}")]
    Away(String),
    #[error("the target API did not answer in time")]
    TimedOut,
    /// It is there and asks for patience.
    #[error("the target API is not ready: it answers {0}")]
    NotReady(u16),
    /// It refuses the token, which was good a moment ago: it was let go of, and the next call exchanges anew.
    #[error("the target API refuses the exchanged token")]
    TokenRefused,
    /// It does not allow it.
    #[error("the target API answers 403")]
    Forbidden,
    /// It does not take what it was sent, and says why.
    #[error("the target API refuses the request with {status}")]
    Refused { status: u16, detail: String },
    #[error("the target API's answer cannot be used: {0}")]
    Fault(String),
}

/// What is read of a problem document (RFC 9457).
#[derive(Deserialize)]
struct TheirProblem {
    #[serde(default)]
    detail: String,
}

impl<'a> OnBehalfOf<'a> {
    /// `GET url`, with the token.
    pub fn get(self, url: impl IntoUrl) -> Call<'a> {
        self.request(Method::GET, url)
    }

    /// `POST url`, with the token.
    pub fn post(self, url: impl IntoUrl) -> Call<'a> {
        self.request(Method::POST, url)
    }

    /// A request with the token.
    pub fn request(self, method: Method, url: impl IntoUrl) -> Call<'a> {
        Call { request: self.http().request(method, url), wanted: self }
    }
}

impl Call<'_> {
    /// With `body` as JSON.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.with(|request| request.json(body))
    }

    /// With whatever else reqwest can put into a request. `Authorization` is set when it is sent, whatever stands there.
    pub fn with(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = change(self.request);
        self
    }

    /// Exchanges the token and sends the request: the answer, whatever it is, except a 401 in which the API demands something
    /// of the user. A token that it refuses is let go of.
    pub async fn send(self) -> Result<Response, CallError> {
        let Call { wanted, request } = self;
        let (response, _) = answer(&wanted, request).await?;
        Ok(response)
    }

    /// Sends it and reads the JSON that comes back with a success; everything else is sorted by what it means. That there is
    /// nothing (404) is a fault: where it can be otherwise, [`Self::send`] tells.
    pub async fn receive<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let Call { wanted, request } = self;
        let (response, sight) = answer(&wanted, request).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(refused(response, sight).await);
        }
        let body = http::text(response, LARGEST_ANSWER).await.map_err(|error| match error {
            http::ReadError::Broken(error) => not_answered(error),
            error => CallError::Fault(error.to_string()),
        });
        let (body, sight) = sight.after(body)?;
        sight.read(&body);
        serde_json::from_slice(&body).map_err(|error| CallError::Fault(http::ReadError::from(error).to_string()))
    }
}

/// Exchanges the token and sends the request.
async fn answer<'a>(wanted: &'a OnBehalfOf<'_>, request: RequestBuilder) -> Result<(Response, Sight<'a>), CallError> {
    let mut request = request.build().map_err(|error| CallError::Request(error.without_url().to_string()))?;
    let token = wanted.token().await?;
    let headers = request.headers_mut();
    // In place of what may stand there: never two, and never the user's own token.
    headers.insert(AUTHORIZATION, authorization(&token)?);
    if let Some(traceparent) = wanted.trace() {
        headers.insert("traceparent", traceparent.clone());
    }
    let again = request.try_clone();
    let (mut response, mut sight) = execute(wanted, request, &token).await?;
    if let Some(again) = again.filter(|_| token.is_bound() && wants_nonce(&response)) {
        (response, sight) = execute(wanted, again, &token).await?;
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        if let Some(demand) = demand_to_the_user(response.headers()) {
            return Err(demand.into());
        }
        wanted.refused(&token).await;
    }
    Ok((response, sight))
}

/// Sends the request, with a proof where the token is bound.
async fn execute<'a>(
    wanted: &'a OnBehalfOf<'_>,
    mut request: Request,
    token: &ExchangedToken,
) -> Result<(Response, Sight<'a>), CallError> {
    let (prover, url) = (wanted.prover(), request.url().clone());
    if token.is_bound() {
        let proof = prover.proof(request.method().as_str(), &url, Some(token.text()))?;
        request.headers_mut().insert(HeaderName::from_static("dpop"), proof);
    }
    let sight = wanted.sends(&request);
    let (response, mut sight) = sight.after(wanted.http().execute(request).await.map_err(not_answered))?;
    sight.begun(&response);
    prover.learn(&url, response.headers());
    Ok((response, sight))
}

/// RFC 9449 section 9: the API wants its own nonce in the proof, and gave it with this answer.
fn wants_nonce(response: &Response) -> bool {
    let challenges = response.headers().get_all(WWW_AUTHENTICATE);
    let says_so = challenges.iter().any(|it| it.to_str().is_ok_and(|it| it.contains("\"use_dpop_nonce\"")));
    response.status() == StatusCode::UNAUTHORIZED && says_so
}

fn authorization(token: &ExchangedToken) -> Result<HeaderValue, CallError> {
    let scheme = if token.is_bound() { DPOP } else { "Bearer" };
    let value = HeaderValue::from_str(&format!("{scheme} {}", token.text()));
    let mut value = value.map_err(|_| ExchangeError::Fault("the issued token fits no header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn refused(response: Response, sight: Sight<'_>) -> CallError {
    let status = response.status();
    let says_why = [
        StatusCode::BAD_REQUEST,
        StatusCode::CONFLICT,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNPROCESSABLE_ENTITY,
    ]
    .contains(&status);
    let body = if says_why || sight.is_watched() {
        http::text(response, LARGEST_ANSWER).await.unwrap_or_default()
    } else {
        Vec::new()
    };
    sight.read(&body);
    match status {
        StatusCode::UNAUTHORIZED => CallError::TokenRefused,
        StatusCode::FORBIDDEN => CallError::Forbidden,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => CallError::NotReady(status.as_u16()),
        StatusCode::GATEWAY_TIMEOUT => CallError::TimedOut,
        _ if says_why => {
            let problem: Result<TheirProblem, _> = serde_json::from_slice(&body);
            let detail = problem.map(|problem| problem.detail).unwrap_or_default();
            CallError::Refused { status: status.as_u16(), detail: detail.chars().take(LONGEST_DETAIL).collect() }
        }
        _ => CallError::Fault(format!("it answers {status}")),
    }
}

fn not_answered(error: reqwest::Error) -> CallError {
    if error.is_timeout() && !error.is_connect() {
        CallError::TimedOut
    } else {
        CallError::Away(error.without_url().to_string())
    }
}
