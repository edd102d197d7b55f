//! `GET /demo/trace/{id}`: what a call did, as it does it (server-sent events, HTML standard section 9.2). May be opened before
//! the call; says `end` when nothing more will come.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::stream::unfold;
use shared_claims::service::answer;
use tokio::sync::OwnedSemaphorePermit;

use crate::demo::{Demo, Event, Follower};

/// Nobody tries again: the trace is over.
const END: &str = "event: end\ndata: {}\n\n";

pub async fn trace(request: HttpRequest, id: Path<String>, demo: Data<Demo>) -> Result<HttpResponse, Error> {
    let is_trace_id = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_trace_id {
        return Err(answer::not_found().await.into());
    }
    let Ok(permit) = Arc::clone(&demo.readers).try_acquire_owned() else {
        return Err(answer::passing(StatusCode::SERVICE_UNAVAILABLE, "Too many traces are being read. Try again."));
    };
    let follower = demo.traces.follow(id.into_inner(), position(&request));
    let events = unfold(Reader { follower, open: true, _permit: permit }, async |mut reader| {
        let chunk = reader.next().await?;
        Some((Ok::<_, Error>(chunk), reader))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(events))
}

/// Where a reader that was cut off goes on.
fn position(request: &HttpRequest) -> usize {
    let last = request.headers().get("last-event-id").and_then(|last| last.to_str().ok()?.parse::<usize>().ok());
    last.map_or(0, |last| last.saturating_add(1))
}

struct Reader {
    follower: Follower,
    open: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        if !self.open {
            return None;
        }
        if let Some(events) = self.follower.next().await {
            return Some(events.iter().map(|(number, event)| written(*number, event)).collect::<String>().into());
        }
        self.open = false;
        Some(Bytes::from_static(END.as_bytes()))
    }
}

fn written(number: usize, event: &Event) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {number}\nevent: step\ndata: {data}\n\n")
}
