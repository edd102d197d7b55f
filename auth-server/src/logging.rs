//! Log lines: text, or one JSON object a line with `LOG_FORMAT=json`. Every line of a request carries the request's id and
//! its trace id (W3C Trace Context), wherever in the server it is written.

use std::io::Write as _;

use log::kv::{Key, Value, VisitSource};
use time::format_description::well_known::Rfc3339;

tokio::task_local! {
    static CURRENT: RequestIds;
}

/// What names a request in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestIds {
    pub request_id: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
}

impl RequestIds {
    /// Runs `work` so that all its log lines carry these ids.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The ids of the request that this code runs for.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }
}

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Starts logging to standard error. `filter` is as in `RUST_LOG`; the default is `info`.
pub fn start(format: Format, filter: Option<&str>) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(filter.unwrap_or("info"));
    builder.format(move |out, record| match format {
        Format::Text => write_text(out, record),
        Format::Json => write_json(out, record),
    });
    // A second start (several servers in one process, as the harness has them) keeps the first.
    let _ = builder.try_init();
}

fn write_text(out: &mut env_logger::fmt::Formatter, record: &log::Record<'_>) -> std::io::Result<()> {
    write!(out, "{} {:<5} {}: {}", out.timestamp_millis(), record.level(), record.target(), one_line(record))?;
    let mut fields = Vec::new();
    let _ = record.key_values().visit(&mut Fields(&mut fields));
    for (name, value) in fields.iter().chain(&ids_of_the_request()) {
        write!(out, " {name}={}", plain(value))?;
    }
    writeln!(out)
}

fn write_json(out: &mut env_logger::fmt::Formatter, record: &log::Record<'_>) -> std::io::Result<()> {
    let mut line = serde_json::Map::new();
    line.insert("time".into(), timestamp().into());
    line.insert("level".into(), record.level().as_str().into());
    line.insert("target".into(), record.target().into());
    line.insert("message".into(), record.args().to_string().into());
    let mut fields = Vec::new();
    let _ = record.key_values().visit(&mut Fields(&mut fields));
    line.extend(fields.into_iter().chain(ids_of_the_request()));
    writeln!(out, "{}", serde_json::Value::Object(line))
}

fn ids_of_the_request() -> Vec<(String, serde_json::Value)> {
    RequestIds::current().map_or_else(Vec::new, |ids| {
        vec![("request_id".into(), ids.request_id.into()), ("trace_id".into(), ids.trace_id.into())]
    })
}

/// Input that reached a message cannot start a line of its own or send control sequences to a terminal.
fn one_line(record: &log::Record<'_>) -> String {
    record.args().to_string().chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) if text.bytes().all(|b| b.is_ascii_graphic() && b != b'"') => text.clone(),
        other => other.to_string(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a log line tells when it was written, whatever the server's clock says")]
fn timestamp() -> String {
    time::OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

struct Fields<'a>(&'a mut Vec<(String, serde_json::Value)>);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        self.0.push((key.as_str().to_owned(), serde_json::to_value(&value).unwrap_or_else(|_| value.to_string().into())));
        Ok(())
    }
}
