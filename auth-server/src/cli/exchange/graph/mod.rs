//! `exchange graph`: what a configuration allows, without a database and without a server.

mod answer;
mod dot;
mod json;
mod mermaid;
mod picture;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use shared_claims::service::cli::BAD_CONFIGURATION;

use crate::cli::listing;
use crate::config::{Config, ConfigError};
use crate::exchange::Limits;
use crate::exchange::graph::{self, Changes, Wanted};
use crate::registry::Registry;

use answer::Answer;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Graph {
    /// Who can get this scope, and on which paths? `API/SCOPE` where several APIs have one of this name.
    #[arg(long, value_name = "SCOPE", conflicts_with = "diff")]
    can_reach: Option<String>,
    /// Compare two configurations: what can the new one do that the old one could not, and the other way round?
    #[arg(long, num_args = 2, value_names = ["OLD.toml", "NEW.toml"])]
    diff: Option<Vec<PathBuf>>,
    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const EXAMPLES: &str = "Examples:
  auth-server --config demo/auth-server.toml exchange graph
  auth-server --config demo/auth-server.toml exchange graph --can-reach write:receipts
  auth-server --config demo/auth-server.toml exchange graph --can-reach https://api-b.example/write:receipts
  auth-server exchange graph --diff old.toml new.toml
  auth-server --config demo/auth-server.toml exchange graph --format dot | dot -Tsvg > graph.svg

Scopes are the widest that can flow: for a user who may do everything and agrees to everything. In brackets stands what a
certain user may lack: consent, permissions, a sign-in of the demanded kind.

Exit code: 0; with --can-reach 1 when nobody can; with --diff 1 when the new configuration opens something; 2 when a
configuration cannot be used, or no API has the scope.";

#[derive(Clone, Copy, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// A picture in Markdown, as GitHub and GitLab draw it
    Mermaid,
    /// A picture for Graphviz
    Dot,
    /// For programs
    Json,
}

impl Graph {
    /// Prints the answer; returns the exit code. `load` reads and checks a configuration.
    pub(in crate::cli) fn run(
        &self,
        file: Option<&Path>,
        load: impl Fn(Option<&Path>) -> Result<Config, ConfigError>,
    ) -> ExitCode {
        match self.answer(file, load).and_then(|answer| Ok((self.format.write(&answer)?, answer))) {
            Ok((text, answer)) => match listing::print_text(&text) {
                Ok(()) if answer.is_good_news() => ExitCode::SUCCESS,
                Ok(()) => ExitCode::FAILURE,
                Err(error) => {
                    eprintln!("auth-server: standard output: {error}");
                    ExitCode::FAILURE
                }
            },
            Err(error) => {
                eprintln!("auth-server: {error:#}");
                ExitCode::from(BAD_CONFIGURATION)
            }
        }
    }

    fn answer(
        &self,
        file: Option<&Path>,
        load: impl Fn(Option<&Path>) -> Result<Config, ConfigError>,
    ) -> anyhow::Result<Answer> {
        let read = |file: Option<&Path>| Rules::of(load(file)?);
        if let Some([old, new]) = self.diff.as_deref() {
            let (old, new) = (read(Some(old))?, read(Some(new))?);
            return Ok(Answer::Changes(Changes::between((&old.registry, old.limits), (&new.registry, new.limits))));
        }
        let Rules { registry, limits } = read(file)?;
        let mut paths = graph::paths(&registry, limits.max_actors);
        let Some(scope) = &self.can_reach else { return Ok(Answer::All(paths)) };
        let wanted = Wanted::read(scope, &registry).map_err(anyhow::Error::msg)?;
        paths.retain(|path| wanted.is_where(path));
        Ok(Answer::Reach { wanted, paths })
    }
}

/// What of a configuration decides about paths.
struct Rules {
    registry: Registry,
    limits: Limits,
}

impl Rules {
    fn of(config: Config) -> anyhow::Result<Self> {
        Ok(Self { registry: Registry::new(config.apis, config.clients, config.pairings)?, limits: config.exchange })
    }
}

impl Format {
    fn write(self, answer: &Answer) -> anyhow::Result<String> {
        Ok(match self {
            Self::Text => text::write(answer),
            Self::Mermaid => mermaid::write(answer),
            Self::Dot => dot::write(answer),
            Self::Json => json::write(answer)?,
        })
    }
}
