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

/// Hardly any line is longer.
const USUAL_LINE: usize = 1024;

fn write_text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let mut line = String::with_capacity(USUAL_LINE);
    // A String takes all that is written to it.
    let _ = write!(line, "{} {:<5} {}: ", out.timestamp_millis(), record.level(), record.target());
    let _ = write!(OneLine(&mut line), "{}", record.args());
    let _ = record.key_values().visit(&mut TextFields(&mut line));
    if let Some(RequestIds { request_id, trace_id }) = RequestIds::current() {
        for part in [" request_id=", request_id.as_str(), " trace_id=", trace_id.as_str()] {
            line.push_str(part);
        }
    }
    line.push('\n');
    out.write_all(line.as_bytes())
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
    writeln!(out, "{}", without_controls(serde_json::Value::Object(line).to_string()))
}

/// JSON leaves DEL and the control characters behind it (C1) as they are; a terminal may take them for orders.
fn without_controls(json: String) -> String {
    if !json.contains(char::is_control) {
        return json;
    }
    json.chars().fold(String::with_capacity(json.len() + 64), |mut line, character| {
        if character.is_control() {
            let _ = write!(line, "\\u{:04x}", u32::from(character));
        } else {
            line.push(character);
        }
        line
    })
}

/// Input that reached a message cannot start a line of its own or send control sequences to a terminal.
struct OneLine<'a>(&'a mut String);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.contains(char::is_control) {
            for character in text.chars() {
                if character.is_control() {
                    self.0.extend(character.escape_default());
                } else {
                    self.0.push(character);
                }
            }
        } else {
            self.0.push_str(text);
        }
        Ok(())
    }
}

/// A text that needs no quotes stands as it is; all else as JSON.
fn write_value(line: &mut String, value: &Value<'_>) {
    let text = |line: &mut String, text: &str| {
        if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
            line.push_str(text);
        } else {
            let _ = write!(OneLine(line), "{}", serde_json::Value::from(text));
        }
    };
    if let Some(borrowed) = value.to_borrowed_str() {
        return text(line, borrowed);
    }
    match as_json(value) {
        serde_json::Value::String(owned) => text(line, &owned),
        other => drop(write!(line, "{other}")),
    }
}

fn as_json(value: &Value<'_>) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_else(|_| value.to_string().into())
}

#[expect(clippy::disallowed_methods, reason = "a log line tells when it was written, whatever the server's clock says")]
fn timestamp() -> String {
    time::OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

struct TextFields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for TextFields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        for part in [" ", key.as_str(), "="] {
            self.0.push_str(part);
        }
        write_value(self.0, &value);
        Ok(())
    }
}

struct JsonFields<'a>(&'a mut serde_json::Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for JsonFields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        self.0.insert(key.as_str().to_owned(), as_json(&value));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: &str = "red\u{1b}[31m\u{7f}\u{9b}31m\r\nanother line";

    fn as_text(value: &str) -> String {
        let mut line = String::new();
        write_value(&mut line, &Value::from(value));
        line
    }

    #[test]
    fn a_plain_text_stands_as_it_is_and_any_other_as_json() {
        assert_eq!(as_text("https://api-a.example"), "https://api-a.example");
        assert_eq!(as_text("read write"), "\"read write\"");
        assert_eq!(as_text("a\"b"), "\"a\\\"b\"");
    }

    #[test]
    fn no_value_and_no_message_orders_a_terminal_or_begins_a_line() {
        let mut message = String::new();
        OneLine(&mut message).write_str(ORDERS).unwrap();
        let json = without_controls(serde_json::json!({ "message": ORDERS }).to_string());
        for line in [message, as_text(ORDERS), json] {
            assert!(!line.contains(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn a_line_of_json_says_what_was_said() {
        let json = without_controls(serde_json::json!({ "message": ORDERS }).to_string());
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["message"], ORDERS);
    }
}
