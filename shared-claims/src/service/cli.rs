//! The command line of a plain API: `serve` (the default), `check-config`, `healthcheck`. Exit codes: 0, also after SIGTERM;
//! 2 for a configuration that cannot be used; 1 otherwise.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::serve::{self, Identity};
use super::{ConfigError, Running, logging};
use crate::{Clock, SystemClock};

/// Exit code for a configuration that cannot be used.
pub const BAD_CONFIGURATION: u8 = 2;

/// A server that this command line can start.
pub trait Service {
    /// As the binary is called.
    const NAME: &'static str;
    const ABOUT: &'static str;
    /// Names the configuration file, such as `API_A_CONFIG`.
    const CONFIG_VARIABLE: &'static str;
    /// Names the file that says that the server is ready, such as `API_A_READY_FILE`.
    const READY_FILE_VARIABLE: &'static str;
    type Config;

    fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self::Config, ConfigError>;
    fn identifier(config: &Self::Config) -> &str;
    fn listen(config: &Self::Config) -> SocketAddr;
    fn start(
        config: Self::Config,
        listener: std::net::TcpListener,
        clock: Arc<dyn Clock>,
    ) -> impl Future<Output = anyhow::Result<Running>>;
}

/// What `--version` says: a debug build says that it is one, since it is many times slower.
pub const VERSION: &str = if cfg!(debug_assertions) {
    concat!(env!("CARGO_PKG_VERSION"), " (debug build)")
} else {
    env!("CARGO_PKG_VERSION")
};

#[derive(Parser)]
#[command(version = VERSION)]
struct Cli {
    /// The configuration file (TOML). Variables win over it.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Options,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default).
    Serve(serve::Options),
    /// Say whether the configuration can be used, and end: 0 yes, 2 no.
    CheckConfig,
    /// Ask a running server whether it is alive: 0 yes, 1 no. For a container's health check.
    Healthcheck,
}

/// Runs the command line; returns the process's exit code.
#[must_use]
pub fn run<S: Service>() -> ExitCode {
    let cli = parse::<S>();
    let _logging = start_logging();
    let config = match load::<S>(cli.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{}: {error}", S::NAME);
            return ExitCode::from(BAD_CONFIGURATION);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed::<S>(&error.into()),
    };
    let done = runtime.block_on(async {
        match cli.command {
            None => serve_until_stopped::<S>(config, cli.serve).await,
            Some(Command::Serve(options)) => serve_until_stopped::<S>(config, options).await,
            Some(Command::CheckConfig) => {
                let usable = writeln!(std::io::stdout(), "the configuration can be used: {}", S::identifier(&config));
                usable.context("standard output")
            }
            Some(Command::Healthcheck) => serve::healthcheck("http", S::listen(&config), "").await,
        }
    });
    // What still runs on blocking threads must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done.map_or_else(|error| failed::<S>(&error), |()| ExitCode::SUCCESS)
}

fn parse<S: Service>() -> Cli {
    let ready_file = |command: clap::Command| command.mut_arg("ready_file", |arg| arg.env(S::READY_FILE_VARIABLE));
    let command = ready_file(Cli::command())
        .name(S::NAME)
        .about(S::ABOUT)
        .mut_arg("config", |arg| arg.env(S::CONFIG_VARIABLE))
        .mut_subcommand("serve", ready_file);
    Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// Starts logging as `LOG_FORMAT` (`json` or text) and `RUST_LOG` say.
#[expect(clippy::disallowed_methods, reason = "start-up: how to log is known before the configuration is read")]
pub fn start_logging() -> logging::Logging {
    let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json");
    let format = if json { logging::Format::Json } else { logging::Format::Text };
    logging::start(format, std::env::var("RUST_LOG").ok().as_deref())
}

#[expect(clippy::disallowed_methods, reason = "start-up: this is where the configuration gets its environment")]
fn load<S: Service>(file: Option<&Path>) -> Result<S::Config, ConfigError> {
    S::load(file, std::env::vars())
}

async fn serve_until_stopped<S: Service>(config: S::Config, options: serve::Options) -> anyhow::Result<()> {
    let identity = Identity { key: "identifier", value: S::identifier(&config).to_owned() };
    let listen = S::listen(&config);
    serve::serve(identity, listen, options, |listener| S::start(config, listener, Arc::new(SystemClock))).await
}

fn failed<S: Service>(error: &anyhow::Error) -> ExitCode {
    eprintln!("{}: {error:#}", S::NAME);
    ExitCode::FAILURE
}
