//! What the next API of a longer chain did in the same trace: read there as it happens, and told here one hop further on.

use reqwest::Client;
use serde_json::from_slice;

use super::event::Event;
use super::traces::{Going, Traces};

/// More is no trace.
const LARGEST: usize = 1024 * 1024;

/// Reads the trace at `address` to its end. `going`: the call here that it belongs to has not ended before.
pub async fn relay(http: Client, address: String, traces: Traces, id: String, going: Going) {
    if let Err(error) = read(&http, &address, &traces, &id).await {
        log::debug!("the trace of the next API breaks off: {}", error.without_url());
    }
    drop(going);
}

async fn read(http: &Client, address: &str, traces: &Traces, id: &str) -> reqwest::Result<()> {
    let mut answer = http.get(address).send().await?.error_for_status()?;
    let (mut unread, mut size) = (Vec::new(), 0);
    while let Some(chunk) = answer.chunk().await? {
        size += chunk.len();
        if size > LARGEST {
            return Ok(());
        }
        unread.extend_from_slice(&chunk);
        while let Some(length) = unread.windows(2).position(|pair| pair == b"\n\n") {
            let message: Vec<u8> = unread.drain(..length + 2).collect();
            let Some(event) = told(&message) else { return Ok(()) };
            traces.record(id, Some((event.hop + 1, event.id)), Event { hop: event.hop + 1, ..event });
        }
    }
    Ok(())
}

/// The event of a message; none in the last one.
fn told(message: &[u8]) -> Option<Event> {
    let data = message.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data: "))?;
    from_slice::<Event>(data).ok().filter(|event| event.hop < u8::MAX)
}
