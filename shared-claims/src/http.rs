//! How this crate speaks to an auth server: with time-outs, without redirects, and with an end to what it reads.

use std::time::Duration;

use reqwest::{Client, Response, redirect};
use serde::de::DeserializeOwned;

/// Time to reach the server; the whole call has the time-out that its caller gives.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A client for calls to an auth server. No redirects: an endpoint that moves is found in the metadata.
pub fn client(timeout: Duration) -> reqwest::Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("shared-claims/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What came back is not what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Broken(#[from] reqwest::Error),
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    #[error("the answer is not the JSON that it should be: {0}")]
    NotJson(#[from] serde_json::Error),
}

/// Reads an answer of at most `limit` bytes.
pub async fn text(mut response: Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads an answer of at most `limit` bytes as JSON.
pub async fn json<T: DeserializeOwned>(response: Response, limit: usize) -> Result<T, ReadError> {
    Ok(serde_json::from_slice(&text(response, limit).await?)?)
}
