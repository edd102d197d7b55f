//! Rows as requests, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it: a library for it in any language
//! checks them.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use time::OffsetDateTime;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::NotDelivered;
use crate::audit::line::Line;
use crate::store::LedgerRow;

/// How long reaching the receiver, and the whole request, may take.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);

/// An answer is read to its end, so that the connection can be used again, if it is no longer than this.
const ANSWER_SIZE: usize = 4096;

/// What the specification demands of a secret, in bytes.
const SECRET_SIZES: std::ops::RangeInclusive<usize> = 24..=64;

#[derive(Clone)]
pub(super) struct Webhook {
    address: Url,
    key: Arc<hmac::Key>,
    http: Client,
}

impl Webhook {
    pub(super) fn new(address: &str, secret: &SecretString) -> Result<Self, String> {
        let example = "such as https://siem.example.com/deputy";
        // An address may hold a token: the error does not repeat it.
        let address =
            Url::parse(address).map_err(|error| format!("webhook is no URL ({error}): write one {example}"))?;
        let web = matches!(address.scheme(), "http" | "https") && address.has_host();
        if !web || !address.username().is_empty() || address.password().is_some() || address.fragment().is_some() {
            return Err(format!("webhook must be an https URL without user name and fragment, {example}"));
        }
        if address.scheme() == "http" && !is_loopback(&address) {
            return Err("webhook must be https: plain http is for this machine alone (localhost, 127.0.0.1)".to_owned());
        }
        let http = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // Somewhere else is somebody else.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("deputy-auth-server/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { address, key: Arc::new(key(secret)?), http })
    }

    pub(super) async fn deliver(&self, rows: Vec<LedgerRow>, now: OffsetDateTime) -> Result<(), NotDelivered> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        // The same rows have the same id, however often they are sent. No full stop in it: the signature's parts end in one.
        let id = format!("{}_{}_{}", last.chain, first.seq, last.seq);
        let message = Message { r#type: "ledger.rows", timestamp: last.at, data: Data { rows: lines(rows) } };
        let body = serde_json::to_vec(&message).map_err(|error| NotDelivered::Http(error.to_string()))?;
        let timestamp = now.unix_timestamp().to_string();
        let request = self
            .http
            .post(self.address.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-signature", signature(&self.key, &id, &timestamp, &body))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .body(body);
        let unreachable = |error: reqwest::Error| NotDelivered::Http(in_full(&error.without_url()));
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        // It is the status that counts.
        let _ = shared_claims::http::text(answer, ANSWER_SIZE).await;
        if status.is_success() { Ok(()) } else { Err(NotDelivered::Refused(status)) }
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook(..)")
    }
}

#[derive(Serialize)]
struct Message {
    r#type: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    timestamp: OffsetDateTime,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    rows: Vec<Line>,
}

fn lines(rows: Vec<LedgerRow>) -> Vec<Line> {
    rows.into_iter().map(|row| Line::of(row, None)).collect()
}

fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The key of a secret as the specification writes it: base64, with `whsec_` before it.
fn key(secret: &SecretString) -> Result<hmac::Key, String> {
    let text = secret.expose_secret().trim();
    let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).map(Zeroizing::new);
    match bytes {
        Ok(bytes) if SECRET_SIZES.contains(&bytes.len()) => Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
        _ => Err(
            "secret must be 24 to 64 bytes in base64, with or without whsec_ before them: `openssl rand -base64 32`"
                .into(),
        ),
    }
}

fn signature(key: &hmac::Key, id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

/// What went wrong, down to the cause: "error sending request" alone tells nothing.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let key = key(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[rstest]
    #[case("https://siem.example/hook?token=x", SECRET, None)]
    #[case("http://127.0.0.1:8080/hook", SECRET, None)]
    #[case("http://siem.example/hook", SECRET, Some("must be https"))]
    #[case("ftp://siem.example/hook", SECRET, Some("https URL"))]
    #[case("https://user:canary@siem.example/hook", SECRET, Some("without user name"))]
    #[case("canary", SECRET, Some("is no URL"))]
    #[case("https://siem.example/hook", "canary", Some("openssl rand"))]
    #[case("https://siem.example/hook", "whsec_Y2FuYXJ5", Some("24 to 64 bytes"))]
    fn an_address_that_others_could_read_and_a_weak_secret_are_refused(
        #[case] address: &str,
        #[case] secret: &str,
        #[case] expected: Option<&str>,
    ) {
        match (Webhook::new(address, &secret.into()), expected) {
            (Ok(webhook), None) => assert_eq!(format!("{webhook:?}"), "Webhook(..)"),
            (Err(error), Some(expected)) => {
                assert!(error.contains(expected) && !error.contains("canary"), "{error}");
            }
            (other, expected) => panic!("{other:?}, not {expected:?}"),
        }
    }
}
