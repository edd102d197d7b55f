//! The command line.

mod audit;
mod dev_ca;
mod exchange;
mod grants;
mod keys;
mod listing;
mod restored;
mod users;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use shared_claims::service::cli::{BAD_CONFIGURATION, VERSION, start_logging};
use shared_claims::service::serve::{self, Identity};
use shared_claims::{Clock, SystemClock};

use crate::audit::Ledger;
use crate::config::{Config, ConfigError};
use crate::store::Store;

/// OAuth 2.0 authorization server and OpenID provider, specialised in token exchange.
#[derive(Parser)]
#[command(version = VERSION, after_help = EXAMPLES)]
struct Cli {
    /// The configuration file (TOML). Variables `AUTH_SERVER_...` win over it.
    #[arg(long, value_name = "FILE", env = "AUTH_SERVER_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Options,
}

const EXAMPLES: &str = "Examples:
  auth-server --config demo/auth-server.toml
  auth-server --config demo/auth-server.toml check-config
  auth-server --config demo/auth-server.toml apply
  auth-server --config demo/auth-server.toml exchange explain --help
  auth-server --config demo/auth-server.toml exchange graph
  auth-server --config demo/auth-server.toml keys rotate --alg RS256
  auth-server --config demo/auth-server.toml users block carol
  auth-server --config demo/auth-server.toml grants revoke --user alice
  auth-server --config demo/auth-server.toml audit verify
  auth-server dev-ca --out certificates";

#[derive(Subcommand)]
enum Command {
    /// Serve (the default).
    Serve(serve::Options),
    /// Bring the database's tables up to date, and end.
    Migrate,
    /// Bring the database up to the configuration: tables, APIs, clients, pairings, users and keys. Running servers on the
    /// same database follow within a second, without a restart.
    Apply,
    /// Say whether the configuration can be used, and end: 0 yes, 2 no.
    CheckConfig,
    /// Ask a running server whether it is alive: 0 yes, 1 no. For a container's health check.
    Healthcheck,
    /// Acting on behalf of a user: what the configuration allows, and why a request is refused.
    #[command(subcommand)]
    Exchange(exchange::Exchange),
    /// Make a CA and certificates for development: for loopback and the names in docker-compose.yml.
    DevCa(dev_ca::Options),
    /// The ledger: what was issued, refused and revoked, for whom and by whom.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// What was given, to whom, and ending it.
    #[command(subcommand)]
    Grants(grants::Grants),
    /// The signing keys.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Say that the database comes from a backup, before the first server starts on it: all that was given before ends, since
    /// what was used or revoked after the backup is not known any more.
    Restored,
    /// The users.
    #[command(subcommand)]
    Users(users::Users),
}

/// Runs the command line; returns the process's exit code.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let _logging = start_logging();
    // Keys and secrets are in this process's memory: nobody gets to read them out of a core dump (Storm-0558).
    if let Err(error) = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0) {
        log::warn!("core dumps could not be switched off: {error}");
    }
    if let Some(Command::DevCa(options)) = &cli.command {
        return options.run(now()).map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS);
    }
    if let Some(command @ Command::Exchange(exchange::Exchange::Graph(graph))) = &cli.command {
        return graph.run(cli.config.as_deref(), |file| load(file, Some(command)));
    }
    let config = match load(cli.config.as_deref(), cli.command.as_ref()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("auth-server: {error}");
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let done = runtime.block_on(async {
        match cli.command {
            None => serve_until_stopped(config, cli.serve).await,
            Some(Command::Serve(options)) => serve_until_stopped(config, options).await,
            Some(Command::Migrate) => migrate(&config).await,
            Some(Command::Apply) => apply(&config).await,
            Some(Command::CheckConfig) => check_config(&config),
            Some(Command::Healthcheck) => {
                let scheme = if config.tls.is_some() { "https" } else { "http" };
                serve::healthcheck(scheme, config.listen, config.issuer.path()).await
            }
            Some(Command::Exchange(command)) => return command.run(&config, now()).await,
            // Needs no configuration, and is done by now.
            Some(Command::DevCa(_)) => Ok(()),
            Some(Command::Audit(command)) => command.run(&config).await,
            Some(Command::Grants(command)) => command.run(&config, now()).await,
            Some(Command::Keys(command)) => command.run(&config, now()).await,
            Some(Command::Restored) => restored::run(&config, now()).await,
            Some(Command::Users(command)) => command.run(&config, now()).await,
        }
        .map(|()| ExitCode::SUCCESS)
    });
    // What still runs on blocking threads must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done.unwrap_or_else(|error| failed(&error))
}

#[expect(clippy::disallowed_methods, reason = "start-up: this is where the configuration gets its environment")]
fn load(file: Option<&Path>, command: Option<&Command>) -> Result<Config, ConfigError> {
    match command {
        // Neither needs the files that the settings name.
        Some(Command::Healthcheck | Command::Exchange(_)) => Config::of_running(file, std::env::vars()),
        _ => Config::load(file, std::env::vars()),
    }
}

fn now() -> time::OffsetDateTime {
    SystemClock.now()
}

async fn serve_until_stopped(config: Config, options: serve::Options) -> anyhow::Result<()> {
    let identity = Identity { key: "issuer", value: config.issuer.to_string() };
    let listen = config.listen;
    serve::serve(identity, listen, options, |listener| crate::start(config, listener, Arc::new(SystemClock))).await
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("auth-server: {error:#}");
    ExitCode::FAILURE
}

async fn migrate(config: &Config) -> anyhow::Result<()> {
    Store::open_alone(&config.database)?.migrate().await?;
    Ok(listing::print_text("the tables are up to date")?)
}

async fn apply(config: &Config) -> anyhow::Result<()> {
    let store = Store::open_alone(&config.database)?;
    match crate::running::bring_up(config, &store, now()).await? {
        Some(changed) => {
            changed.record(&Ledger::open(store, Arc::new(SystemClock)).await?).await?;
            Ok(listing::print_text("applied: running servers follow within a second")?)
        }
        None => Ok(listing::print_text("nothing has changed")?),
    }
}

fn check_config(config: &Config) -> anyhow::Result<()> {
    let usable = format!(
        "the configuration can be used: issuer {}, {} APIs, {} clients, {} pairings, {} users",
        config.issuer,
        config.apis.len(),
        config.clients.len(),
        config.pairings.len(),
        config.users.len()
    );
    Ok(listing::print([usable])?)
}
