//! Where settings come from: one TOML text, then the environment over it.
//!
//! `AUTH_SERVER_DATABASE__URL` sets `database.url`. `AUTH_SERVER_CONFIG_INLINE` is the whole text. In any value,
//! `${NAME}` and `${NAME:-otherwise}` stand for a variable. A secret can lie in a file: `secret_file` beside `secret`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use config::{Environment, File, FileFormat, Value, ValueKind};
use regex::{Captures, Regex};
use serde::Deserialize as _;

use super::settings::Settings;
use super::{ConfigError, Sourced};

const PREFIX: &str = "AUTH_SERVER_";
const INLINE: &str = "AUTH_SERVER_CONFIG_INLINE";
/// Variables of the command line, not settings.
const NOT_SETTINGS: [&str; 3] = [INLINE, "AUTH_SERVER_CONFIG", "AUTH_SERVER_READY_FILE"];
/// Keys that name a file to read the secret from.
const SECRETS: [&str; 4] = ["master_key", "secret", "password", "url"];

pub(super) fn read(file: Option<&Path>, environment: HashMap<String, String>) -> Result<Sourced, ConfigError> {
    let (origin, text) = match (file, environment.get(INLINE)) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).map_err(|error| unreadable(&file.display().to_string(), &error))?;
            (file.display().to_string(), text)
        }
        (None, Some(text)) => (INLINE.to_owned(), text.clone()),
        (None, None) => ("environment".to_owned(), String::new()),
    };
    layered(origin, &text, &environment)
}

pub(super) fn read_text(text: &str) -> Result<Sourced, ConfigError> {
    layered("configuration".to_owned(), text, &HashMap::new())
}

fn layered(origin: String, text: &str, environment: &HashMap<String, String>) -> Result<Sourced, ConfigError> {
    let mistake = |mistake: String| ConfigError { origin: origin.clone(), mistakes: vec![mistake] };
    let settings = environment.iter().filter(|(name, _)| is_setting(name)).map(|(k, v)| (k.clone(), v.clone()));
    let environment_layer = Environment::with_prefix(PREFIX.trim_end_matches('_'))
        .prefix_separator("_")
        .separator("__")
        .source(Some(settings.collect::<config::Map<_, _>>()));
    let layers = config::Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .add_source(environment_layer)
        .build()
        .map_err(|error| mistake(error.to_string()))?;

    let mut root = layers.cache;
    fill_in_variables(&mut root, environment).map_err(mistake)?;
    read_secret_files(&mut root).map_err(mistake)?;
    let settings = Settings::deserialize(root).map_err(|error| mistake(error.to_string()))?;
    Ok(Sourced { origin, settings })
}

/// Kubernetes describes each service of the namespace in variables: for one named `auth-server` they begin like ours.
fn is_setting(name: &str) -> bool {
    static SERVICE_LINK: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^AUTH_SERVER_(PORT|PORT_[0-9]+_.*|SERVICE_HOST|SERVICE_PORT.*)$").ok());
    let service_link = SERVICE_LINK.as_ref().is_some_and(|pattern| pattern.is_match(name));
    name.starts_with(PREFIX) && !NOT_SETTINGS.contains(&name) && !service_link
}

fn fill_in_variables(value: &mut Value, environment: &HashMap<String, String>) -> Result<(), String> {
    match &mut value.kind {
        ValueKind::String(text) if text.contains("${") => *text = filled_in(text, environment)?,
        ValueKind::Table(table) => {
            for member in table.values_mut() {
                fill_in_variables(member, environment)?;
            }
        }
        ValueKind::Array(members) => {
            for member in members {
                fill_in_variables(member, environment)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn filled_in(text: &str, environment: &HashMap<String, String>) -> Result<String, String> {
    static VARIABLE: LazyLock<Result<Regex, regex::Error>> =
        LazyLock::new(|| Regex::new(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}"));
    let variable = VARIABLE.as_ref().map_err(ToString::to_string)?;
    let mut unset = None;
    let filled = variable.replace_all(text, |found: &Captures<'_>| {
        let otherwise = found.get(2).map(|text| text.as_str().to_owned());
        environment.get(&found[1]).filter(|value| !value.is_empty()).cloned().or(otherwise).unwrap_or_else(|| {
            unset = Some(found[1].to_owned());
            String::new()
        })
    });
    match unset {
        Some(name) => Err(format!("${{{name}}} is used, but the variable {name} is not set: set it, or write ${{{name}:-otherwise}}")),
        None => Ok(filled.into_owned()),
    }
}

fn read_secret_files(value: &mut Value) -> Result<(), String> {
    match &mut value.kind {
        ValueKind::Table(table) => {
            for secret in SECRETS {
                let file_key = format!("{secret}_file");
                if let Some(path) = table.remove(&file_key) {
                    let path = path.into_string().map_err(|_| format!("{file_key} must be the path of a file"))?;
                    let text = std::fs::read_to_string(&path).map_err(|error| format!("{file_key}: {path}: {error}"))?;
                    if table.insert(secret.to_owned(), Value::from(text.trim_end().to_owned())).is_some() {
                        return Err(format!("give {secret} or {file_key}, not both"));
                    }
                }
            }
            table.values_mut().try_for_each(read_secret_files)
        }
        ValueKind::Array(members) => members.iter_mut().try_for_each(read_secret_files),
        _ => Ok(()),
    }
}

fn unreadable(file: &str, error: &std::io::Error) -> ConfigError {
    ConfigError {
        origin: file.to_owned(),
        mistakes: vec![format!("cannot be read ({error}): name the configuration file with --config FILE")],
    }
}
