//! From what the exchange client lets be seen to the events of a trace.

use serde_json::json;
use shared_claims::ExchangeError;
use shared_claims::exchange::ExchangedToken;
use shared_claims::exchange::observer::{Leg, Moment, Observation, Observer, RequestId, SentRequest};
use url::Url;

use super::event::{Event, Request, Response, State, milliseconds, pairs, text};
use super::traces::Traces;

/// An API that this one calls, and how people know it.
pub struct Neighbour {
    pub identifier: String,
    /// Its name in the picture, such as `api-b`.
    pub name: &'static str,
    pub url: Url,
    pub public_url: Url,
}

/// Writes what it sees into the traces.
pub struct Watching {
    pub traces: Traces,
    /// The name of this API in the picture: its client identity.
    pub name: String,
    pub neighbours: Vec<Neighbour>,
}

const AUTH_SERVER: &str = "auth-server";

impl Observer for Watching {
    fn observe(&self, observation: &Observation<'_>) {
        let Some(trace) = observation.traceparent.and_then(|header| header.split('-').nth(1)) else { return };
        let Some((origin, event)) = self.event(observation) else { return };
        self.traces.record(trace, origin.map(|number| (0, number)), event);
    }
}

impl Watching {
    /// None: something that has no place in the picture.
    fn event(&self, Observation { audience, moment, .. }: &Observation<'_>) -> Option<(Option<u64>, Event)> {
        Some(match moment {
            Moment::Sent { request, content } => {
                let event = self.about(*request, audience, State::Started);
                (Some(request.number), Event { request: Some(self.request(audience, content)), ..event })
            }
            Moment::Answered { request, status, headers, body, took } => {
                let response = Response { status: *status, headers: pairs(headers), body: body.map(text) };
                let event = self.about(*request, audience, State::of(*status));
                (Some(request.number), Event { response: Some(response), took_ms: Some(milliseconds(*took)), ..event })
            }
            Moment::Failed { request, error, took } => {
                let event = self.about(*request, audience, State::Failed);
                let (error, took_ms) = (Some((*error).to_owned()), Some(milliseconds(*took)));
                (Some(request.number), Event { took_ms, error, ..event })
            }
            Moment::Kept(Ok(token)) => {
                (None, Event { cached: true, response: Some(kept(token)), ..self.exchange(State::Done) })
            }
            Moment::Kept(Err(refusal)) => {
                (None, Event { cached: true, error: Some(refusal.to_string()), ..self.exchange(State::Refused) })
            }
            Moment::NotSent(error) => {
                let expired = matches!(error, ExchangeError::SubjectExpired);
                let state = if expired { State::Refused } else { State::Failed };
                (None, Event { error: Some(error.to_string()), ..self.exchange(state) })
            }
            _ => return None,
        })
    }

    fn about(&self, request: RequestId, audience: &str, state: State) -> Event {
        match request.leg {
            Leg::Exchange => self.exchange(state),
            Leg::Call => {
                let to = self.neighbour(audience).map_or(audience, |neighbour| neighbour.name);
                Event { step: 6, to: to.to_owned(), ..self.exchange(state) }
            }
        }
    }

    fn exchange(&self, state: State) -> Event {
        Event {
            id: 0,
            step: 4,
            hop: 0,
            from: self.name.clone(),
            to: AUTH_SERVER.to_owned(),
            state,
            cached: false,
            at_ms: 0.0,
            took_ms: None,
            request: None,
            response: None,
            error: None,
        }
    }

    fn neighbour(&self, audience: &str) -> Option<&Neighbour> {
        self.neighbours.iter().find(|neighbour| neighbour.identifier == audience)
    }

    fn request(&self, audience: &str, sent: &SentRequest<'_>) -> Request {
        let url = self.neighbour(audience).and_then(|neighbour| neighbour.publicly(sent.url));
        Request {
            method: sent.method.to_owned(),
            url: url.unwrap_or_else(|| sent.url.to_owned()),
            headers: sent.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            body: sent.body.map(text),
        }
    }
}

impl Neighbour {
    /// Where people reach it at another address, `public_url`.
    pub fn new(name: &'static str, identifier: &str, url: &Url, public_url: Option<&Url>) -> Self {
        let public_url = public_url.unwrap_or(url).clone();
        Self { identifier: identifier.to_owned(), name, url: url.clone(), public_url }
    }

    /// An address of this API as people reach it, so that it works when it is pasted into a terminal.
    pub fn publicly(&self, url: &str) -> Option<String> {
        let path = url.strip_prefix(self.url.as_str().trim_end_matches('/'))?;
        Some(format!("{}{path}", self.public_url.as_str().trim_end_matches('/')))
    }
}

/// The answer of the earlier exchange, as far as it is kept.
fn kept(token: &ExchangedToken) -> Response {
    let token_type = if token.is_bound() { "DPoP" } else { "Bearer" };
    let body = json!({ "access_token": token.text(), "token_type": token_type, "scope": token.scope.to_string() });
    Response { status: 200, headers: Vec::new(), body: Some(body.to_string()) }
}
