//! Where settings come from: one TOML text, then the environment over it.
//!
//! With the prefix `API_A`, `API_A_DATABASE__URL` sets `database.url` and `API_A_CONFIG_INLINE` is the whole text. In any
//! value, `${NAME}` and `${NAME:-otherwise}` stand for a variable. A secret can lie in a file: `secret_file` beside `secret`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use config::{Environment, File, FileFormat, Value, ValueKind};
use regex::{Captures, Regex};
use serde::de::DeserializeOwned;
use url::Url;

/// Keys that can come from a file, as `KEY_file`.
const SECRETS: [&str; 4] = ["master_key", "secret", "password", "url"];

/// The configuration cannot be used. The text says where, what, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {}", .mistakes.join("\n  "))]
pub struct ConfigError {
    /// The file, or what stands for it.
    pub origin: String,
    pub mistakes: Vec<String>,
}

/// Settings, and where they came from.
#[derive(Debug)]
pub struct Sourced<T> {
    pub origin: String,
    pub settings: T,
}

/// The sources of one server's settings, told apart by the prefix of its variables.
#[derive(Clone, Copy, Debug)]
pub struct Sources {
    prefix: &'static str,
}

impl Sources {
    /// `prefix`: without the underscore at its end, such as `API_A`.
    #[must_use]
    pub const fn with_prefix(prefix: &'static str) -> Self {
        Self { prefix }
    }

    /// Reads `file`, or the variable `..._CONFIG_INLINE`, and the variables with the prefix over it.
    pub fn read<T: DeserializeOwned>(
        self,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Sourced<T>, ConfigError> {
        let environment: HashMap<_, _> = environment.into_iter().collect();
        let inline = format!("{}_CONFIG_INLINE", self.prefix);
        let (origin, text) = match (file, environment.get(&inline)) {
            (Some(file), _) => {
                let name = file.display().to_string();
                let text = std::fs::read_to_string(file).map_err(|error| unreadable(&name, &error))?;
                (name, text)
            }
            (None, Some(text)) => (inline, text.clone()),
            (None, None) => ("environment".to_owned(), String::new()),
        };
        self.layered(origin, &text, &environment)
    }

    /// Reads a text alone.
    pub fn read_text<T: DeserializeOwned>(self, text: &str) -> Result<Sourced<T>, ConfigError> {
        self.layered("configuration".to_owned(), text, &HashMap::new())
    }

    fn layered<T: DeserializeOwned>(
        self,
        origin: String,
        text: &str,
        environment: &HashMap<String, String>,
    ) -> Result<Sourced<T>, ConfigError> {
        let mistake = |mistake: String| ConfigError { origin: origin.clone(), mistakes: vec![mistake] };
        let settings = environment.iter().filter(|(name, _)| self.is_setting(name));
        let environment_layer = Environment::with_prefix(self.prefix)
            .prefix_separator("_")
            .separator("__")
            .source(Some(settings.map(|(name, value)| (name.clone(), value.clone())).collect::<config::Map<_, _>>()));
        let layers = config::Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(environment_layer)
            .build()
            .map_err(|error| mistake(error.to_string()))?;

        let mut root = layers.cache;
        fill_in_variables(&mut root, environment).map_err(mistake)?;
        read_secret_files(&mut root).map_err(mistake)?;
        let settings = T::deserialize(root).map_err(|error| mistake(error.to_string()))?;
        Ok(Sourced { origin, settings })
    }

    /// Whether a variable sets a key: not those of the command line, and not those by which Kubernetes describes each
    /// service of the namespace (for one named `api-a` they begin like ours).
    fn is_setting(self, name: &str) -> bool {
        static SERVICE_LINK: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"^(PORT|PORT_[0-9]+_.*|SERVICE_HOST|SERVICE_PORT.*)$").ok());
        let Some(key) = name.strip_prefix(self.prefix).and_then(|key| key.strip_prefix('_')) else { return false };
        let service_link = SERVICE_LINK.as_ref().is_some_and(|pattern| pattern.is_match(key));
        !["CONFIG", "CONFIG_INLINE", "READY_FILE"].contains(&key) && !service_link
    }
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
        Some(name) => Err(format!(
            "${{{name}}} is used, but the variable {name} is not set: set it, or write ${{{name}:-otherwise}}"
        )),
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
                    let text =
                        std::fs::read_to_string(&path).map_err(|error| format!("{file_key}: {path}: {error}"))?;
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

/// What is wrong with an API's identifier: it is the `aud` of its tokens and a URI (RFC 8707 section 2).
#[must_use]
pub fn not_an_identifier(identifier: &str) -> Option<String> {
    let good = Url::parse(identifier).is_ok_and(|url| url.fragment().is_none());
    (!good)
        .then(|| format!("identifier {identifier:?} must be a URI without fragment, such as https://api.example.com"))
}

/// What is wrong with the base address of a service.
#[must_use]
pub fn not_a_base_url(key: &str, url: &Url) -> Option<String> {
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let example = "such as https://api.example.com";
    (!web || !bare || url.password().is_some())
        .then(|| format!("{key} must be an http or https URL without query, fragment and user name, {example}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        name: String,
        nested: Option<Nested>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        secret: String,
    }

    const SOURCES: Sources = Sources::with_prefix("DEMO");

    fn read(variables: &[(&str, &str)]) -> Result<Sourced<Example>, ConfigError> {
        SOURCES.read(None, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_environment_wins_over_the_text() {
        let read = read(&[
            ("DEMO_CONFIG_INLINE", "name = 'text'\n[nested]\nsecret = 'text'"),
            ("DEMO_NESTED__SECRET", "environment"),
        ]);
        let settings = read.unwrap().settings;
        assert_eq!((settings.name.as_str(), settings.nested.unwrap().secret.as_str()), ("text", "environment"));
    }

    #[test]
    fn a_value_takes_variables_and_says_which_one_is_missing() {
        let inline = ("DEMO_CONFIG_INLINE", "name = '${HOST:-localhost}:${PORT}'");
        assert_eq!(read(&[inline, ("PORT", "1")]).unwrap().settings.name, "localhost:1");
        assert_eq!(read(&[inline, ("PORT", "1"), ("HOST", "h")]).unwrap().settings.name, "h:1");
        let error = read(&[inline]).unwrap_err().to_string();
        assert!(error.contains("DEMO_CONFIG_INLINE") && error.contains("PORT"), "{error}");
    }

    #[test]
    fn a_secret_can_lie_in_a_file() {
        let file = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        std::fs::write(&file, "from the file\n").unwrap();
        let read = read(&[("DEMO_NAME", "n"), ("DEMO_NESTED__SECRET_FILE", file.to_str().unwrap())]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read.unwrap().settings.nested.unwrap().secret, "from the file");
    }

    #[test]
    fn an_unknown_key_and_a_missing_one_are_named() {
        let error = SOURCES.read_text::<Example>("name = 'n'\nnmae = 'n'").unwrap_err().to_string();
        assert!(error.contains("nmae"), "{error}");
        let error = SOURCES.read_text::<Example>("").unwrap_err().to_string();
        assert!(error.contains("name"), "{error}");
    }

    #[test]
    fn variables_of_the_command_line_and_of_the_neighbourhood_are_no_settings() {
        let others = [("DEMO_CONFIG", "x"), ("DEMO_READY_FILE", "x"), ("DEMO_SERVICE_HOST", "x"), ("DEMO_PORT", "x")];
        assert!(read(&[&others[..], &[("DEMO_NAME", "n")]].concat()).is_ok());
    }
}
