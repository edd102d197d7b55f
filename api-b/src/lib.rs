//! API B, "Receipts": the target API of the demo. It answers with the own rows of the user behind the call, and only to
//! tokens that were issued for it: whoever calls on behalf of a user has to exchange that user's token first.
//!
//! A request passes through `endpoints` (which token, which scope), `receipt` (what is taken in) and `store` (whose rows).

mod config;
mod demo_receipts;
mod endpoints;
mod receipt;
mod running;
mod store;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use shared_claims::Clock;
use shared_claims::service::cli::Service;

pub use config::Config;
pub use running::start;
pub use shared_claims::service::{ConfigError, Running};

/// API B for the command line.
pub struct ApiB;

impl Service for ApiB {
    const NAME: &'static str = "api-b";
    const ABOUT: &'static str = "The demo target API Receipts: answers with the own rows of the user behind the call";
    const CONFIG_VARIABLE: &'static str = "API_B_CONFIG";
    const READY_FILE_VARIABLE: &'static str = "API_B_READY_FILE";
    type Config = Config;

    fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        Config::load(file, environment)
    }

    fn identifier(config: &Config) -> &str {
        &config.identifier
    }

    fn listen(config: &Config) -> SocketAddr {
        config.listen
    }

    async fn start(config: Config, listener: TcpListener, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
        running::start(config, listener, clock).await
    }
}
