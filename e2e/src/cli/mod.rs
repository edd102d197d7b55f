//! The command line of `e2e`. Exit codes: 0 passed, 1 a check failed, 2 wrong usage, 3 nobody answers at the target.

mod run;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::stack::Ports;
use crate::steps::is_unreachable;
use crate::{bench, demo};

/// The harness of Deputy: starts the demo world, and checks any deployment from outside.
#[derive(Debug, Parser)]
#[command(name = "e2e", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the services of the demo world, without Docker.
    Demo(DemoArgs),
    /// Check a deployment: the six steps, and what must be refused. One line a check.
    ///
    /// Exit codes: 0 all passed, 1 a check failed, 2 wrong usage, 3 nobody answers at the target.
    Run(Box<run::RunArgs>),
    /// Steps 1 and 2: sign a demo user in and print the access token.
    Token(token::TokenArgs),
    /// Steps 4 and 5: exchange a token and print the new one.
    Exchange(token::ExchangeArgs),
    /// Measure what an exchange costs, beside the signatures that it cannot do without. Takes some minutes.
    Bench(BenchArgs),
    /// Print what is in a token, without checking it.
    Decode(token::DecodeArgs),
}

#[derive(Debug, Args)]
struct DemoArgs {
    #[arg(long, default_value_t = Ports::DEMO.auth_server, env = "E2E_AUTH_SERVER_PORT")]
    auth_server_port: u16,
    #[arg(long, default_value_t = Ports::DEMO.api_a, env = "E2E_API_A_PORT")]
    api_a_port: u16,
    #[arg(long, default_value_t = Ports::DEMO.api_b, env = "E2E_API_B_PORT")]
    api_b_port: u16,
    #[arg(long, default_value_t = Ports::DEMO.api_c, env = "E2E_API_C_PORT")]
    api_c_port: u16,
    #[arg(long, default_value_t = Ports::DEMO.api_a2, env = "E2E_API_A2_PORT")]
    api_a2_port: u16,
    /// Keep databases and logs in this directory [default: thrown away at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The auth server speaks https with a development CA, and its issuer ends in a slash: as the client libraries of
    /// Auth0 and Microsoft need it.
    #[arg(long)]
    tls: bool,
    /// Use the binaries beside this one as they are.
    #[arg(long)]
    no_build: bool,
}

#[derive(Debug, Args)]
struct BenchArgs {
    /// Write the figures to this file, for programs.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write them to this file as a page, with bars.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// A look at everything, a second each: the figures are rough.
    #[arg(long)]
    quick: bool,
    /// Measure this only (may be repeated): exchange, client-credentials, introspection, jwks, ...
    #[arg(long = "scenario", value_enum, value_name = "NAME")]
    scenarios: Vec<bench::Scenario>,
    /// Sign with this only (may be repeated): `ES256`, `EdDSA`, `RS256`.
    #[arg(long = "algorithm", value_name = "ALG")]
    algorithms: Vec<String>,
    /// Store here only (may be repeated).
    #[arg(long = "database", value_enum, value_name = "NAME")]
    databases: Vec<bench::Engine>,
}

impl From<BenchArgs> for bench::Options {
    fn from(arguments: BenchArgs) -> Self {
        let BenchArgs { json, html, quick, scenarios, algorithms, databases } = arguments;
        Self { json, html, quick, scenarios, algorithms, databases }
    }
}

impl From<DemoArgs> for demo::Options {
    fn from(arguments: DemoArgs) -> Self {
        let ports = Ports {
            auth_server: arguments.auth_server_port,
            api_a: arguments.api_a_port,
            api_b: arguments.api_b_port,
            api_c: arguments.api_c_port,
            api_a2: arguments.api_a2_port,
        };
        Self { ports, data: arguments.data, build: !arguments.no_build, tls: arguments.tls }
    }
}

impl Cli {
    /// Does what the command line says.
    pub async fn run(self) -> ExitCode {
        let outcome = match self.command {
            Command::Run(arguments) => return run::run(&arguments).await,
            Command::Demo(arguments) => Box::pin(demo::run(arguments.into())).await,
            Command::Bench(arguments) => Box::pin(bench::run(arguments.into())).await,
            Command::Token(arguments) => token::token(&arguments).await,
            Command::Exchange(arguments) => token::exchange(&arguments).await,
            Command::Decode(arguments) => token::decode(&arguments),
        };
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if is_unreachable(&error) => complain(&error, 3),
            Err(error) => complain(&error, 1),
        }
    }
}

fn complain(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("e2e: {error:#}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
