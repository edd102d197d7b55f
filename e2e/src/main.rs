//! The binary `e2e`.

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    env_logger::init();
    e2e::cli::Cli::parse().run().await
}
