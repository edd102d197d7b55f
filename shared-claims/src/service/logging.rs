//! Log lines: text, or one JSON object a line with `LOG_FORMAT=json`. Every line of a request carries the request's id and
//! its trace id (W3C Trace Context), wherever in the server it is written.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use env_logger::Target;
use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Key, Value, VisitSource};
use time::format_description::well_known::Rfc3339;

use super::RequestIds;
use super::log_output::LogOutput;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Lines are written for as long as this is there, and none is lost when it goes.
#[must_use = "the last lines are written when it is dropped"]
pub struct Logging(Option<LogOutput>);

impl Drop for Logging {
    fn drop(&mut self) {
        if let Some(output) = &self.0 {
            output.write_out();
        }
    }
}

/// Starts logging to standard error. `filter` is as in `RUST_LOG`; the default is `info`.
pub fn start(format: Format, filter: Option<&str>) -> Logging {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(filter.unwrap_or("info"));
    builder.format(move |out, record| match format {
        Format::Text => write_text(out, record),
        Format::Json => write_json(out, record),
    });
    // Without a thread to spare, each line is written as it comes.
    let output = LogOutput::to(io::stderr()).ok();
    if let Some(output) = output.clone() {
        builder.target(Target::Pipe(Box::new(output)));
    }
    // A second start (several servers in one process, as the harness has them) keeps the first.
    let _ = builder.try_init();
    Logging(output)
}

fn write_text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    write!(out, "{} {:<5} {}: ", out.timestamp_millis(), record.level(), record.target())?;
    // Only writing to `out` could fail.
    let _ = write!(OneLine(out), "{}", record.args());
    let _ = record.key_values().visit(&mut TextFields(out));
    if let Some(RequestIds { request_id, trace_id }) = RequestIds::current() {
        write!(out, " request_id={request_id} trace_id={trace_id}")?;
    }
    out.write_all(b"\n")
}

fn write_json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let mut line = serde_json::Map::new();
    line.insert("time".into(), timestamp().into());
    line.insert("level".into(), record.level().as_str().into());
    line.insert("target".into(), record.target().into());
    line.insert("message".into(), record.args().to_string().into());
    let _ = record.key_values().visit(&mut JsonFields(&mut line));
    if let Some(RequestIds { request_id, trace_id }) = RequestIds::current() {
        line.insert("request_id".into(), request_id.as_str().into());
        line.insert("trace_id".into(), trace_id.as_str().into());
    }
    writeln!(out, "{}", serde_json::Value::Object(line))
}

/// Input that reached a message cannot start a line of its own or send control sequences to a terminal.
struct OneLine<'a>(&'a mut Formatter);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let written = if text.contains(char::is_control) {
            text.chars().try_for_each(|character| match character {
                control if control.is_control() => write!(self.0, "{}", control.escape_default()),
                plain => write!(self.0, "{plain}"),
            })
        } else {
            self.0.write_all(text.as_bytes())
        };
        written.map_err(|_| fmt::Error)
    }
}

/// A text that needs no quotes stands as it is; all else as JSON.
fn write_value(out: &mut Formatter, value: &Value<'_>) -> io::Result<()> {
    if let Some(text) = value.to_borrowed_str() {
        return if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
            out.write_all(text.as_bytes())
        } else {
            write!(out, "{}", serde_json::Value::from(text))
        };
    }
    match as_json(value) {
        serde_json::Value::String(text) => write_value(out, &Value::from(text.as_str())),
        other => write!(out, "{other}"),
    }
}

fn as_json(value: &Value<'_>) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_else(|_| value.to_string().into())
}

#[expect(clippy::disallowed_methods, reason = "a log line tells when it was written, whatever the server's clock says")]
fn timestamp() -> String {
    time::OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

struct TextFields<'a>(&'a mut Formatter);

impl<'kvs> VisitSource<'kvs> for TextFields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        self.0.write_all(b" ")?;
        self.0.write_all(key.as_str().as_bytes())?;
        self.0.write_all(b"=")?;
        Ok(write_value(self.0, &value)?)
    }
}

struct JsonFields<'a>(&'a mut serde_json::Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for JsonFields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        self.0.insert(key.as_str().to_owned(), as_json(&value));
        Ok(())
    }
}
