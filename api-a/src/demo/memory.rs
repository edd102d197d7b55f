//! The traces of the last few calls, bounded in number, size and age. Pure: the time comes in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::event::Event;

const MOST_TRACES: usize = 100;
const MOST_EVENTS: usize = 100;
const MOST_BYTES: usize = 8 * 1024 * 1024;
const OLDEST: Duration = Duration::from_mins(5);

/// Names a request: how far along the chain, and its number there. None: nothing was sent.
pub type Origin = Option<(u8, u64)>;

/// What is kept. A trace begins with a call of this API: whoever asks for one that never began makes nothing of it.
#[derive(Default)]
pub struct Memory {
    traces: HashMap<String, Trace>,
    bytes: usize,
}

struct Trace {
    begun: Instant,
    /// Calls that are under way.
    going: usize,
    ended: Option<Instant>,
    events: Vec<Event>,
    origins: Vec<Origin>,
    bytes: usize,
}

/// What there is to read of a trace.
#[derive(Debug)]
pub enum Found {
    /// No call has it, or it has been let go of.
    Nothing,
    Going(Vec<Event>),
    Ended(Vec<Event>, Instant),
}

impl Memory {
    /// A call with this trace begins.
    pub fn begin(&mut self, id: &str, now: Instant) {
        self.let_go(now);
        let trace = self.traces.entry(id.to_owned()).or_insert_with(|| Trace::begun(now));
        trace.going += 1;
        trace.ended = None;
        if self.traces.len() > MOST_TRACES {
            self.drop_oldest(id);
        }
    }

    pub fn end(&mut self, id: &str, now: Instant) {
        if let Some(trace) = self.traces.get_mut(id) {
            trace.going = trace.going.saturating_sub(1);
            trace.ended = (trace.going == 0).then_some(now);
        }
    }

    /// Adds what happened. Its number, its time and, for an outcome, its request are known here.
    pub fn record(&mut self, id: &str, origin: Origin, event: Event, now: Instant) {
        let Some(trace) = self.traces.get_mut(id).filter(|trace| trace.events.len() < MOST_EVENTS) else { return };
        let event = trace.numbered(origin, event, now);
        let size = event.size();
        trace.events.push(event);
        trace.bytes += size;
        self.bytes += size;
        while self.bytes > MOST_BYTES && self.drop_oldest(id) {}
    }

    /// The events from number `position` on.
    pub fn after(&self, id: &str, position: usize, now: Instant) -> Found {
        let Some(trace) = self.traces.get(id).filter(|trace| !trace.is_old(now)) else { return Found::Nothing };
        let events = trace.events.get(position..).unwrap_or_default().to_vec();
        match trace.ended {
            None => Found::Going(events),
            Some(at) => Found::Ended(events, at),
        }
    }

    fn let_go(&mut self, now: Instant) {
        self.traces.retain(|_, trace| !trace.is_old(now));
        self.bytes = self.traces.values().map(|trace| trace.bytes).sum();
    }

    /// Whether there was one to drop beside `kept`.
    fn drop_oldest(&mut self, kept: &str) -> bool {
        let others = self.traces.iter().filter(|(id, _)| *id != kept);
        let Some(oldest) = others.min_by_key(|(_, trace)| trace.begun).map(|(id, _)| id.clone()) else { return false };
        self.bytes -= self.traces.remove(&oldest).map_or(0, |trace| trace.bytes);
        true
    }
}

impl Trace {
    fn begun(now: Instant) -> Self {
        Self { begun: now, going: 0, ended: None, events: Vec::new(), origins: Vec::new(), bytes: 0 }
    }

    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.begun) > OLDEST
    }

    fn numbered(&mut self, origin: Origin, event: Event, now: Instant) -> Event {
        let known = self.origins.iter().position(|known| known.is_some() && *known == origin);
        let place = known.unwrap_or_else(|| {
            self.origins.push(origin);
            self.origins.len() - 1
        });
        let id = place as u64 + 1;
        let request = event.request.or_else(|| {
            self.events.iter().find(|earlier| earlier.id == id).and_then(|earlier| earlier.request.clone())
        });
        let at_ms = super::event::milliseconds(now.saturating_duration_since(self.begun));
        Event { id, at_ms, request, ..event }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Request, State};
    use super::*;

    fn event(state: State, body: Option<&str>) -> Event {
        let request = body.map(|body| {
            let (method, url, body) = ("POST".to_owned(), "http://localhost".to_owned(), Some(body.to_owned()));
            Request { method, url, headers: Vec::new(), body }
        });
        Event {
            id: 0,
            step: 4,
            hop: 0,
            from: "api-a".into(),
            to: "auth-server".into(),
            state,
            cached: false,
            at_ms: 0.0,
            took_ms: None,
            request,
            response: None,
            error: None,
        }
    }

    fn events(found: Found) -> Vec<Event> {
        match found {
            Found::Nothing => panic!("nothing"),
            Found::Going(events) | Found::Ended(events, _) => events,
        }
    }

    #[test]
    fn an_outcome_has_the_number_and_the_request_of_its_start() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.begin("a", now);
        memory.record("a", Some((0, 7)), event(State::Started, Some("x")), now);
        memory.record("a", Some((1, 7)), event(State::Started, Some("y")), now);
        memory.record("a", Some((0, 7)), event(State::Done, None), now + Duration::from_millis(12));
        let seen = events(memory.after("a", 0, now));
        assert_eq!(seen.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2, 1]);
        assert_eq!(seen[2].request.as_ref().unwrap().body.as_deref(), Some("x"));
        assert!((seen[2].at_ms - 12.0).abs() < 0.01);
    }

    #[test]
    fn a_trace_that_never_began_keeps_nothing() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.record("a", None, event(State::Done, None), now);
        assert!(matches!(memory.after("a", 0, now), Found::Nothing));
    }

    #[test]
    fn a_trace_ends_when_its_last_call_has_ended() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        memory.begin("a", now);
        memory.begin("a", now);
        memory.end("a", now);
        assert!(matches!(memory.after("a", 0, now), Found::Going(_)));
        memory.end("a", now);
        assert!(matches!(memory.after("a", 0, now), Found::Ended(..)));
    }

    #[test]
    fn traces_are_bounded_in_number_in_length_in_size_and_in_age() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        for number in 0..MOST_TRACES as u64 * 2 {
            memory.begin(&number.to_string(), start + Duration::from_millis(number));
        }
        assert_eq!(memory.traces.len(), MOST_TRACES);
        assert!(matches!(memory.after("0", 0, start), Found::Nothing));

        for _ in 0..MOST_EVENTS * 2 {
            memory.record("199", None, event(State::Started, None), start);
        }
        assert_eq!(events(memory.after("199", 0, start)).len(), MOST_EVENTS);

        let long = "x".repeat(MOST_BYTES / 40);
        for number in 100..200 {
            memory.record(&number.to_string(), None, event(State::Started, Some(&long)), start);
        }
        assert!(memory.bytes <= MOST_BYTES && memory.traces.len() < 50, "{}", memory.traces.len());

        let later = start + OLDEST + Duration::from_secs(1);
        assert!(matches!(memory.after("150", 0, later), Found::Nothing));
        memory.begin("new", later);
        assert!(memory.traces.len() == 1 && memory.bytes == 0);
    }
}
