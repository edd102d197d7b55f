//! `exchange`: questions about acting on behalf of a user, answered without issuing anything.

mod explain;
mod graph;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use shared_claims::service::cli::BAD_CONFIGURATION;
use time::OffsetDateTime;

pub(super) use graph::Graph;

use crate::config::Config;

/// Exit code 1 is an answer here, so that a mistake has another.
fn misused(mistake: &str) -> ExitCode {
    eprintln!("auth-server: {mistake}");
    ExitCode::from(BAD_CONFIGURATION)
}

#[derive(Subcommand)]
pub(super) enum Exchange {
    /// Print every way app -> API -> API that the configuration allows, and what a change opens or closes.
    Graph(Graph),
    /// Say why an exchange would be granted or refused: every rule, and the setting behind it.
    Explain(explain::Explain),
}

impl Exchange {
    pub(super) async fn run(self, config: &Config, now: OffsetDateTime) -> anyhow::Result<ExitCode> {
        match self {
            Self::Graph(graph) => graph.show(config),
            Self::Explain(explain) => explain.run(config, now).await,
        }
    }

    /// The two configurations to be compared, if that is what is asked for: no other one is needed then.
    pub(super) fn comparison(&self) -> Option<(&Graph, &Path, &Path)> {
        match self {
            Self::Graph(graph) => graph.compared().map(|(old, new)| (graph, old, new)),
            Self::Explain(_) => None,
        }
    }
}
