//! `exchange`: questions about acting on behalf of a user, answered without issuing anything.

mod explain;
mod graph;

use std::process::ExitCode;

use clap::Subcommand;
use time::OffsetDateTime;

use crate::config::Config;

#[derive(Subcommand)]
pub(super) enum Exchange {
    /// Say why an exchange would be granted or refused: every rule, and the setting behind it.
    Explain(explain::Explain),
    /// Show every path from an app over APIs that the configuration allows, and what a change of it opens or closes.
    Graph(graph::Graph),
}

impl Exchange {
    pub(super) async fn run(self, config: &Config, now: OffsetDateTime) -> anyhow::Result<ExitCode> {
        match self {
            Self::Explain(explain) => explain.run(config, now).await,
            // Needs no database, and is done by now.
            Self::Graph(_) => Ok(ExitCode::SUCCESS),
        }
    }
}
