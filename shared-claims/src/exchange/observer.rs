//! Seeing what a client sends and gets, for whoever shows it to people: a page that explains the flow, a log while developing.
//! Nobody looks unless the builder is given an [`Observer`]; then nothing is kept either, and the client's secret is masked.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Request, Response};

use super::{ExchangeError, ExchangedToken};

/// What stands in a request in place of the client's secret.
pub const MASKED_SECRET: &str = "$CLIENT_SECRET";
const MASKED: &str = "***";

/// Is told what a client does, in the task that does it: it must be quick, and must not block.
///
/// It sees access tokens, the caller's as well as exchanged ones. Whatever shows or keeps them is for development and demos.
pub trait Observer: Send + Sync {
    fn observe(&self, observation: &Observation<'_>);
}

/// Something that happened on behalf of a user.
pub struct Observation<'a> {
    /// The trace that it belongs to (W3C Trace Context), where the call has one.
    pub traceparent: Option<&'a str>,
    /// The identifier of the API that the token is for.
    pub audience: &'a str,
    pub moment: Moment<'a>,
}

/// What happened.
#[non_exhaustive]
pub enum Moment<'a> {
    /// A request is about to leave.
    Sent { request: RequestId, content: &'a SentRequest<'a> },
    /// Its answer is here. No body: whoever made the call reads it alone.
    Answered { request: RequestId, status: u16, headers: &'a HeaderMap, body: Option<&'a [u8]>, took: Duration },
    /// There will be no answer.
    Failed { request: RequestId, error: &'a str, took: Duration },
    /// Nothing was sent: an earlier exchange had told.
    Kept(Result<&'a ExchangedToken, &'a ExchangeError>),
    /// Nothing was sent: the auth server is left alone, or cannot be found, or the caller's token has expired.
    NotSent(&'a ExchangeError),
}

/// Names one request among all of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId {
    pub number: u64,
    pub leg: Leg,
}

/// Which part of the flow a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leg {
    /// At the auth server's token endpoint.
    Exchange,
    /// At the target API, with the exchanged token.
    Call,
}

/// A request, as it leaves. The HTTP client adds what it adds to every one.
pub struct SentRequest<'a> {
    pub method: &'a str,
    /// At the auth server: by the name that the issuer gives it, wherever this service reaches it.
    pub url: &'a str,
    pub headers: Vec<(&'a str, String)>,
    pub body: Option<&'a [u8]>,
}

/// Tells an observer, if there is one.
#[derive(Clone)]
pub(super) struct Watch(pub Option<Arc<dyn Observer>>);

/// What a request belongs to.
#[derive(Clone, Copy)]
pub(super) struct Belonging<'a> {
    pub traceparent: Option<&'a HeaderValue>,
    pub audience: &'a str,
}

impl Watch {
    /// A request is about to leave. `request` is made only where somebody looks.
    pub fn sends<'a>(
        &'a self,
        belonging: Belonging<'a>,
        leg: Leg,
        url: &str,
        request: impl FnOnce() -> Option<Request>,
    ) -> Sight<'a> {
        static SENT: AtomicU64 = AtomicU64::new(0);
        let seen = self.0.as_deref().zip(self.0.as_ref().and_then(|_| request())).map(|(observer, request)| {
            let id = RequestId { number: SENT.fetch_add(1, Ordering::Relaxed), leg };
            let content = SentRequest {
                method: request.method().as_str(),
                url,
                headers: request
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.as_str(), shown(name, value, leg)))
                    .collect(),
                body: request.body().and_then(reqwest::Body::as_bytes),
            };
            tell(observer, belonging, Moment::Sent { request: id, content: &content });
            Seen { observer, belonging, id, started: Instant::now(), head: None }
        });
        Sight(seen)
    }

    pub fn kept(&self, belonging: Belonging<'_>, outcome: Result<&ExchangedToken, &ExchangeError>) {
        if let Some(observer) = &self.0 {
            tell(observer.as_ref(), belonging, Moment::Kept(outcome));
        }
    }

    pub fn not_sent(&self, belonging: Belonging<'_>, error: &ExchangeError) {
        if let Some(observer) = &self.0 {
            tell(observer.as_ref(), belonging, Moment::NotSent(error));
        }
    }
}

fn tell(observer: &dyn Observer, belonging: Belonging<'_>, moment: Moment<'_>) {
    let traceparent = belonging.traceparent.and_then(|value| value.to_str().ok());
    observer.observe(&Observation { traceparent, audience: belonging.audience, moment });
}

/// A header for the observer: of what must not be seen, the exchanged token alone is shown, to be explained.
fn shown(name: &HeaderName, value: &HeaderValue, leg: Leg) -> String {
    match leg {
        Leg::Exchange if name == AUTHORIZATION => format!("Basic {MASKED_SECRET}"),
        Leg::Call if name == AUTHORIZATION => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        _ if value.is_sensitive() => MASKED.to_owned(),
        _ => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    }
}

/// A request that somebody may be looking at. Dropped before it has an answer, it counts as failed: its caller gave up.
pub(super) struct Sight<'a>(Option<Seen<'a>>);

struct Seen<'a> {
    observer: &'a dyn Observer,
    belonging: Belonging<'a>,
    id: RequestId,
    started: Instant,
    /// Of an answer whose body is not read yet.
    head: Option<(u16, HeaderMap)>,
}

impl Sight<'_> {
    /// Whether anybody looks: then a body is worth reading that is of no other use.
    pub fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// The answer has begun.
    pub fn begun(&mut self, response: &Response) {
        if let Some(seen) = &mut self.0 {
            seen.head = Some((response.status().as_u16(), response.headers().clone()));
        }
    }

    /// It has been read.
    pub fn read(mut self, body: &[u8]) {
        if let Some(seen) = self.0.take() {
            seen.tell(Some(body), "");
        }
    }

    /// What came of a part of it; where that is an error, there will be no answer, or it broke off.
    pub fn after<T, E: Display>(mut self, outcome: Result<T, E>) -> Result<(T, Self), E> {
        match outcome {
            Ok(value) => Ok((value, self)),
            Err(error) => {
                if let Some(seen) = self.0.take() {
                    Seen { head: None, ..seen }.tell(None, &error.to_string());
                }
                Err(error)
            }
        }
    }
}

impl Seen<'_> {
    fn tell(self, body: Option<&[u8]>, error: &str) {
        let (request, took) = (self.id, self.started.elapsed());
        let moment = match &self.head {
            Some((status, headers)) => Moment::Answered { request, status: *status, headers, body, took },
            None => Moment::Failed { request, error, took },
        };
        tell(self.observer, self.belonging, moment);
    }
}

impl Drop for Sight<'_> {
    fn drop(&mut self) {
        if let Some(seen) = self.0.take() {
            seen.tell(None, "no answer came in time");
        }
    }
}
