//! One event of a trace, as the page of the six steps gets it.

use serde::{Deserialize, Serialize};

/// Bodies are shown up to so many bytes: a report's are a few hundred.
const LONGEST_BODY: usize = 16 * 1024;

/// A request of the flow that leaves, or what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// Names the request in its trace: its start and its outcome have the same.
    pub id: u64,
    /// 4: the exchange (its answer is step 5). 6: the call of the next API.
    pub step: u8,
    /// How far along a longer chain: 0 is API A's own.
    pub hop: u8,
    pub from: String,
    pub to: String,
    pub state: State,
    /// An earlier exchange had told: nothing was sent.
    pub cached: bool,
    /// Since the trace began.
    pub at_ms: f64,
    pub took_ms: Option<f64>,
    pub request: Option<Request>,
    pub response: Option<Response>,
    /// Why there is no response, for people.
    pub error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Started,
    Done,
    Refused,
    Failed,
}

impl State {
    /// What an answer's status says.
    pub fn of(status: u16) -> Self {
        match status {
            200..400 => Self::Done,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// None: it was not read here.
    pub body: Option<String>,
}

impl Event {
    /// How much memory it takes, about.
    pub fn size(&self) -> usize {
        let pairs =
            |pairs: &[(String, String)]| pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let body = |body: &Option<String>| body.as_ref().map_or(0, String::len);
        let request = self.request.as_ref().map_or(0, |it| it.url.len() + pairs(&it.headers) + body(&it.body));
        let response = self.response.as_ref().map_or(0, |it| pairs(&it.headers) + body(&it.body));
        size_of::<Self>() + request + response + self.error.as_ref().map_or(0, String::len)
    }
}

/// A body as text, cut where it is longer than anybody reads.
pub fn text(body: &[u8]) -> String {
    let cut = &body[..body.len().min(LONGEST_BODY)];
    let mut text = String::from_utf8_lossy(cut).into_owned();
    if cut.len() < body.len() {
        text.push('…');
    }
    text
}

/// Headers by name and value.
pub fn pairs(headers: &reqwest::header::HeaderMap) -> Vec<(String, String)> {
    let shown = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), shown(value))).collect()
}

/// In milliseconds, as a page shows them.
pub fn milliseconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
