//! The configuration of a stack: the demo world's own files (`demo/*.toml`), with other ports and databases.

use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::{Ports, Service};

const AUTH_SERVER: &str = include_str!("../../../demo/auth-server.toml");
const API_A: &str = include_str!("../../../demo/api-a.toml");
const API_B: &str = include_str!("../../../demo/api-b.toml");
const API_C: &str = include_str!("../../../demo/api-c.toml");
const API_A2: &str = include_str!("../../../demo/api-a2.toml");

/// So many entries of a list are written together.
const PIECE: usize = 100;

/// How the services are configured. Each is a table that a test may change before the start.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub auth_server: Table,
    pub api_a: Table,
    pub api_b: Table,
    pub api_c: Table,
    pub api_a2: Table,
}

impl Configuration {
    /// The demo world at `ports`.
    pub fn demo(ports: Ports) -> Result<Self> {
        let read = |text: &str| at_ports(&without_variables(text), ports).parse::<Table>();
        Ok(Self {
            auth_server: read(AUTH_SERVER).context("demo/auth-server.toml")?,
            api_a: read(API_A).context("demo/api-a.toml")?,
            api_b: read(API_B).context("demo/api-b.toml")?,
            api_c: read(API_C).context("demo/api-c.toml")?,
            api_a2: read(API_A2).context("demo/api-a2.toml")?,
        })
    }

    /// The table of a service.
    #[must_use]
    pub fn of(&self, service: Service) -> &Table {
        match service {
            Service::AuthServer => &self.auth_server,
            Service::ApiA => &self.api_a,
            Service::ApiB => &self.api_b,
            Service::ApiC => &self.api_c,
            Service::ApiA2 => &self.api_a2,
        }
    }

    /// The issuer, exactly as configured; empty where there is none, with which nothing starts.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.auth_server.get("issuer").and_then(Value::as_str).unwrap_or_default()
    }

    /// Another issuer, for whoever names it.
    pub fn set_issuer(&mut self, issuer: &str) {
        for table in [&mut self.auth_server, &mut self.api_a, &mut self.api_b, &mut self.api_c, &mut self.api_a2] {
            set(table, "issuer", issuer);
        }
    }

    /// The auth server on the database at `auth_server`, the APIs on `SQLite` files in `directory`.
    pub fn store_at(&mut self, auth_server: &str, directory: &Path) {
        set(&mut self.auth_server, "database.url", auth_server);
        set(&mut self.api_a, "database.url", sqlite_in(directory, "api-a"));
        set(&mut self.api_b, "database.url", sqlite_in(directory, "api-b"));
        set(&mut self.api_c, "database.url", sqlite_in(directory, "api-c"));
        set(&mut self.api_a2, "database.url", sqlite_in(directory, "api-a2"));
    }
}

impl Configuration {
    /// A service's table as TOML, long lists piece by piece: writing one takes time that grows with the square of its length.
    pub fn written(&self, service: Service) -> Result<String> {
        let mut table = self.of(service).clone();
        let is_long = |value: &Value| value.as_array().is_some_and(|list| list.len() > PIECE && list[0].is_table());
        let long: Vec<String> =
            table.iter().filter(|(_, value)| is_long(value)).map(|(name, _)| name.clone()).collect();
        let lists: Vec<(String, Value)> = long.iter().filter_map(|name| table.remove_entry(name)).collect();
        let mut text = toml::to_string(&table)?;
        for (name, list) in &lists {
            for piece in list.as_array().into_iter().flat_map(|list| list.chunks(PIECE)) {
                text.push('\n');
                text.push_str(&toml::to_string(&Table::from_iter([(name.clone(), piece.to_vec().into())]))?);
            }
        }
        Ok(text)
    }
}

/// Changes to the lists of the auth server: `apis`, `clients`, `pairings`, `users`.
impl Configuration {
    /// The entries of a list.
    pub fn entries(&mut self, list: &str) -> impl Iterator<Item = &mut Table> {
        let entries = self.auth_server.get_mut(list).and_then(Value::as_array_mut);
        entries.into_iter().flatten().filter_map(Value::as_table_mut)
    }

    /// Sets the value at a dotted `key` in the entries for which `field` is `is`.
    pub fn set_in(&mut self, list: &str, (field, is): (&str, &str), key: &str, value: impl Into<Value>) {
        let value = value.into();
        for entry in self.entries(list).filter(|entry| has(entry, field, is)) {
            set(entry, key, value.clone());
        }
    }

    /// Adds an entry, written in TOML.
    pub fn add(&mut self, list: &str, entry: &str) -> Result<()> {
        let entry: Table = entry.parse().with_context(|| format!("{list}: {entry}"))?;
        let entries = self.auth_server.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        entries.as_array_mut().with_context(|| format!("{list} is no list"))?.push(entry.into());
        Ok(())
    }

    /// Removes the entries for which `field` is `is`.
    pub fn remove(&mut self, list: &str, (field, is): (&str, &str)) {
        if let Some(entries) = self.auth_server.get_mut(list).and_then(Value::as_array_mut) {
            entries.retain(|entry| entry.as_table().is_none_or(|entry| !has(entry, field, is)));
        }
    }
}

fn has(entry: &Table, field: &str, is: &str) -> bool {
    entry.get(field).and_then(Value::as_str) == Some(is)
}

/// The URL of a `SQLite` file of a service.
#[must_use]
pub fn sqlite_in(directory: &Path, service: &str) -> String {
    format!("sqlite://{}", directory.join(format!("{service}.sqlite")).display())
}

/// Sets the value at a dotted `key`, and makes the tables on the way.
pub fn set(table: &mut Table, key: &str, value: impl Into<Value>) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value.into());
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Table::new().into());
            if let Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// The text with `${NAME:-otherwise}` as if no such variable were set: a stack is the same wherever it runs.
fn without_variables(text: &str) -> String {
    let mut parts = text.split("${");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once('}').unwrap_or((part, ""));
        plain.push_str(variable.split_once(":-").map_or("", |(_, otherwise)| otherwise));
        plain.push_str(rest);
    }
    plain
}

/// The text with the demo's ports replaced. All at once: a new port may be another service's old one.
fn at_ports(text: &str, ports: Ports) -> String {
    let replacements = [
        (Ports::DEMO.auth_server, ports.auth_server),
        (Ports::DEMO.api_a, ports.api_a),
        (Ports::DEMO.api_b, ports.api_b),
        (Ports::DEMO.api_c, ports.api_c),
        (Ports::DEMO.api_a2, ports.api_a2),
    ];
    let mut text = text.to_owned();
    for (place, (old, _)) in replacements.iter().enumerate() {
        text = text.replace(&format!(":{old}"), &format!(":\u{0}{place}\u{0}"));
    }
    for (place, (_, new)) in replacements.iter().enumerate() {
        text = text.replace(&format!("\u{0}{place}\u{0}"), &new.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_may_change_places() {
        let swapped = Ports { auth_server: 9001, api_a: 9000, api_b: 7, api_c: 8, api_a2: 9 };
        let text = "http://localhost:9000 http://127.0.0.1:9001/callback :9002";
        assert_eq!(at_ports(text, swapped), "http://localhost:9001 http://127.0.0.1:9000/callback :7");
    }

    #[test]
    fn a_long_list_is_written_whole_and_in_its_order() {
        let mut world = Configuration::demo(Ports::DEMO).unwrap();
        for number in 0..250 {
            let client = format!("id = 'further-{number}'\nallowed_scopes = {{ '{number}' = ['read:reports'] }}");
            world.add("clients", &client).unwrap();
        }
        let read: Table = world.written(Service::AuthServer).unwrap().parse().unwrap();
        assert_eq!(&read, world.of(Service::AuthServer));
    }

    #[test]
    fn variables_are_not_read() {
        let text = "a = \"${URL:-http://localhost:9001}/callback\"\nb = \"${PORT:-9001}${NONE}\"";
        assert_eq!(without_variables(text), "a = \"http://localhost:9001/callback\"\nb = \"9001\"");
    }

    #[test]
    fn a_dotted_key_is_set_in_its_table() {
        let mut table = Table::new();
        set(&mut table, "database.url", "sqlite://a");
        set(&mut table, "database.pool", 3);
        assert_eq!(table["database"]["url"].as_str(), Some("sqlite://a"));
        assert_eq!(table["database"]["pool"].as_integer(), Some(3));
    }
}
