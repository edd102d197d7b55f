//! API A, "Reports": the source API of the demo. It makes reports of receipts that lie at API B, and gets them there on
//! behalf of the user who called: it exchanges the caller's token for one of API B, and sends only that one there.
//!
//! A request passes through `endpoints` (which token, which scope), `receipts` (the exchange and the call) and `report`
//! (what is made of the answer). What the caller hears when there is no token or no answer to be had is `shared_claims`'
//! `ResourceServer::answer_to`. The demo app lies at `/`; demo mode (`demo`) shows it what happens behind it.

mod config;
mod demo;
mod endpoints;
mod receipts;
mod report;
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

/// API A for the command line.
pub struct ApiA;

impl Service for ApiA {
    const NAME: &'static str = "api-a";
    const ABOUT: &'static str =
        "The demo source API Reports: calls API B on behalf of its caller, and serves the demo app";
    const CONFIG_VARIABLE: &'static str = "API_A_CONFIG";
    const READY_FILE_VARIABLE: &'static str = "API_A_READY_FILE";
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
