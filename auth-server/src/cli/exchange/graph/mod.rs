//! `exchange graph`: who can get where, from the configuration alone.

mod diff;
mod drawing;
mod json;
mod text;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use shared_claims::ScopeToken;

use super::misused;
use crate::config::Config;
use crate::exchange::graph::{Way, change, reaching, ways};
use crate::registry::Registry;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Graph {
    /// Only the ways to this scope, written `SCOPE` or `API/SCOPE`. Exit code 1: nobody gets there.
    #[arg(long, value_name = "SCOPE", conflicts_with = "diff")]
    can_reach: Option<String>,
    /// What the second configuration opens and closes. Exit code 1: it opens something.
    #[arg(long, num_args = 2, value_names = ["OLD.toml", "NEW.toml"])]
    diff: Option<Vec<PathBuf>>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

const EXAMPLES: &str = "Examples:
  auth-server --config demo/auth-server.toml exchange graph
  auth-server --config demo/auth-server.toml exchange graph --can-reach write:receipts
  auth-server --config demo/auth-server.toml exchange graph --format mermaid > graph.mmd
  auth-server exchange graph --diff main.toml branch.toml";

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Mermaid,
    Dot,
    Json,
}

impl Graph {
    /// The two configurations that are compared, where that is asked for.
    pub(in crate::cli) fn compared(&self) -> Option<(&Path, &Path)> {
        match self.diff.as_deref() {
            Some([old, new]) => Some((old, new)),
            _ => None,
        }
    }

    pub(in crate::cli) fn show(&self, config: &Config) -> anyhow::Result<ExitCode> {
        let registry = registry_of(config)?;
        let all = ways(&registry, config.exchange.max_actors);
        let shown = match &self.can_reach {
            Some(asked) => match wanted(asked, &registry) {
                Ok((api, scope)) => reaching(all, api.as_deref(), &scope),
                Err(mistake) => return Ok(misused(&mistake.to_string())),
            },
            None => all,
        };
        print!("{}", self.draw(&shown)?);
        let nobody = self.can_reach.is_some() && shown.is_empty();
        Ok(if nobody { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    pub(in crate::cli) fn compare(&self, old: &Config, new: &Config) -> anyhow::Result<ExitCode> {
        let change = change((&registry_of(old)?, old.exchange), (&registry_of(new)?, new.exchange));
        match self.format {
            Format::Text => print!("{}", diff::text(&change)),
            Format::Json => println!("{}", serde_json::to_string_pretty(&diff::json(&change))?),
            Format::Mermaid | Format::Dot => return Ok(misused("--diff has the formats text and json")),
        }
        Ok(if change.opened.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn draw(&self, ways: &[Way]) -> anyhow::Result<String> {
        Ok(match self.format {
            Format::Text if ways.is_empty() => "nobody\n".to_owned(),
            Format::Text => text::tree(ways),
            Format::Mermaid => drawing::mermaid(ways),
            Format::Dot => drawing::dot(ways),
            Format::Json => serde_json::to_string_pretty(&json::ways(ways))? + "\n",
        })
    }
}

fn registry_of(config: &Config) -> anyhow::Result<Registry> {
    Ok(Registry::new(config.apis.clone(), config.clients.clone(), config.pairings.clone())?)
}

/// `API/SCOPE` or `SCOPE`; a scope that no API has is a typing mistake, not one that nobody can reach.
fn wanted(asked: &str, registry: &Registry) -> anyhow::Result<(Option<String>, ScopeToken)> {
    let of_api = registry.apis().find_map(|api| {
        let name = asked.strip_prefix(api.identifier.as_str())?.strip_prefix('/')?;
        api.scopes.contains_key(name).then(|| (Some(api.identifier.clone()), name.to_owned()))
    });
    let known = registry.apis().any(|api| api.scopes.contains_key(asked));
    match of_api {
        Some((api, name)) => Ok((api, name.parse()?)),
        None if known => Ok((None, asked.parse()?)),
        None => {
            let all: Vec<_> = registry.apis().flat_map(|api| api.scopes.keys().map(ToString::to_string)).collect();
            bail!("no API has the scope {asked}: there are {}", all.join(", "))
        }
    }
}
