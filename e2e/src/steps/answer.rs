//! What came back, whatever it is: status, headers and body, kept whole so that a test can ask for all of it.

use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An HTTP answer, read to its end.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub(crate) async fn from(response: reqwest::Response) -> Result<Self> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Ok(Self { status, headers, body: response.text().await? })
    }

    /// A header's value; the empty text where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; `null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The body as a `T`.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.body).with_context(|| format!("not the expected JSON: {}", self.summary()))
    }

    /// The OAuth error code (RFC 6749 section 5.2); empty where there is none.
    #[must_use]
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    /// The stable name of the refusal's reason: what stands before the colon of `error_description`.
    #[must_use]
    pub fn reason(&self) -> String {
        let description = self.json()["error_description"].as_str().unwrap_or_default().to_owned();
        description.split_once(':').map_or(String::new(), |(reason, _)| reason.to_owned())
    }

    /// The `WWW-Authenticate` header (RFC 6750 section 3); empty where there is none.
    #[must_use]
    pub fn challenge(&self) -> &str {
        self.header("www-authenticate")
    }

    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// This answer, if its status is `status`.
    pub fn expect_status(self, status: u16) -> Result<Self> {
        ensure!(self.status == status, "expected {status}, got {}", self.summary());
        Ok(self)
    }

    /// This answer, if it refuses with `status` and the OAuth error `code`.
    pub fn expect_error(self, status: u16, code: &str) -> Result<Self> {
        ensure!(self.status == status && self.error() == code, "expected {status} {code}, got {}", self.summary());
        Ok(self)
    }

    /// This answer, if it refuses as a resource server does (RFC 6750 section 3.1).
    pub fn expect_challenge(self, status: u16, code: &str) -> Result<Self> {
        let named = self.challenge().contains(&format!("error=\"{code}\""));
        ensure!(self.status == status && named, "expected {status} with a challenge {code}, got {}", self.summary());
        Ok(self)
    }

    /// One line for people: status, challenge if any, and the start of the body unless it carries tokens.
    #[must_use]
    pub fn summary(&self) -> String {
        let body = if self.json().get("access_token").is_some() {
            "(tokens)".to_owned()
        } else {
            self.body.chars().take(240).collect::<String>().replace(['\r', '\n'], " ")
        };
        match self.challenge() {
            "" => format!("{} {body}", self.status),
            challenge => format!("{} [{challenge}] {body}", self.status),
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.summary())
    }
}
