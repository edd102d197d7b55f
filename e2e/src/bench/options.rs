//! What is to be measured, and how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::scenario::Scenario;
use crate::stack::{Database, Disk};

/// What is to be measured.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the figures go as JSON.
    pub json: Option<PathBuf>,
    /// Where they go as a page.
    pub html: Option<PathBuf>,
    pub depth: Depth,
    /// How long a load lasts; as the depth says, where nothing is said.
    pub time: Option<Duration>,
    /// How many exchanges are made before memory is looked at; as the depth says, where nothing is said.
    pub requests: Option<u64>,
    /// Whether a goal that is missed is a failure.
    pub check: bool,
    /// The auth server's port; any that is free, where nothing is said.
    pub port: Option<u16>,
    /// All that there are, where none is named; likewise below.
    pub parts: Vec<Part>,
    pub scenarios: Vec<Scenario>,
    pub algorithms: Vec<String>,
    pub databases: Vec<Engine>,
}

/// Signature algorithms of access tokens, as the configuration names them.
pub const ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "RS256"];

/// What docs recommend for chains, and what goals are about.
pub const RECOMMENDED: &str = ALGORITHMS[0];

/// How much time is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// A look at everything: the figures are rough.
    Quick,
    #[default]
    Full,
}

impl Depth {
    /// How many exchanges are made before memory is looked at.
    pub(super) fn exchanges(self) -> u64 {
        self.choose(1_000, 1_000_000)
    }

    /// With how many clients memory is looked at.
    pub(super) fn clients(self) -> usize {
        self.choose(1_000, 100_000)
    }

    /// How often the server is started.
    pub(super) fn starts(self) -> usize {
        self.choose(3, 10)
    }

    /// So many loads a point of growth is the middle of.
    pub(super) fn rounds(self) -> usize {
        self.choose(1, 15)
    }

    pub(super) fn choose<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }

    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Quick => ", a quick look: the figures are rough",
            Self::Full => "",
        }
    }
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Requests at the auth server.
    Load,
    /// The check of a token at an API.
    Validation,
    /// API A's call of the next API, with a token that it has.
    CachedCall,
    /// A call that goes through three APIs.
    Chain,
    /// Start-up, and memory.
    Start,
    /// How the cost of an exchange grows: with clients, users, grants, rows of the ledger (on `SQLite`), actors, and replicas (on
    /// `PostgreSQL`).
    Growth,
}

/// What the auth server stores in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Engine {
    #[value(name = "sqlite")]
    #[serde(rename = "SQLite")]
    Sqlite,
    #[serde(rename = "PostgreSQL")]
    Postgres,
}

impl Engine {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// A `PostgreSQL` that syncs what is committed, which those of tests do without.
    pub(super) fn disk(self) -> Option<Disk> {
        (self == Self::Postgres).then(|| Disk::Watched(Vec::new()))
    }
}

impl From<Engine> for Database {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite,
            Engine::Postgres => Self::OwnPostgres,
        }
    }
}

impl Options {
    pub(super) fn wants(&self, part: Part) -> bool {
        // Who names a scenario wants that alone.
        let by_default = part == Part::Load || self.scenarios.is_empty();
        if self.parts.is_empty() { by_default } else { self.parts.contains(&part) }
    }

    /// How long a load lasts.
    pub(super) fn time(&self) -> Duration {
        self.time.unwrap_or(self.depth.choose(Duration::from_millis(800), Duration::from_secs(4)))
    }

    pub(super) fn scenarios(&self) -> &[Scenario] {
        if self.scenarios.is_empty() { Scenario::value_variants() } else { &self.scenarios }
    }

    pub(super) fn algorithms(&self) -> Vec<&str> {
        if self.algorithms.is_empty() {
            ALGORITHMS.to_vec()
        } else {
            self.algorithms.iter().map(String::as_str).collect()
        }
    }

    /// Where one is enough.
    pub(super) fn algorithm(&self) -> &str {
        self.algorithms.first().map_or(RECOMMENDED, String::as_str)
    }

    /// Where one is enough.
    pub(super) fn engine(&self) -> Engine {
        self.databases.first().copied().unwrap_or(Engine::Sqlite)
    }

    /// But `PostgreSQL`, where its tests are left out too.
    pub(super) fn engines(&self) -> Vec<Engine> {
        let all = if self.databases.is_empty() { Engine::value_variants() } else { &self.databases };
        all.iter().copied().filter(|engine| !Database::from(*engine).is_left_out()).collect()
    }

    /// How many connections ask at once.
    pub(super) fn connections(&self) -> &'static [usize] {
        if self.depth == Depth::Quick { &[256] } else { &[1, 16, 256] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_measured_unless_something_is_named() {
        assert!(Options::default().wants(Part::Growth) && Options::default().wants(Part::Start));
        let alone = Options { parts: vec![Part::Growth], ..Options::default() };
        assert!(alone.wants(Part::Growth) && !alone.wants(Part::Load));
    }

    #[test]
    fn a_scenario_is_measured_alone() {
        let options = Options { scenarios: vec![Scenario::Jwks], ..Options::default() };
        assert!(options.wants(Part::Load) && !options.wants(Part::Validation));
    }
}
