//! The binary `e2e`.

use std::process::ExitCode;

use clap::Parser;

/// As the services have it: what the benchmark measures in this process is measured as at an API.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    env_logger::init();
    e2e::cli::Cli::parse().run().await
}
