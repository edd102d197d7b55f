//! What every server of a chain has alike, kept in one place: settings from a file and the environment ([`settings`],
//! [`issuer`]), log lines that name their request ([`logging`], [`request_ids`],
//! [`observe`]), start and stop ([`running`], [`serve`]), and
//! the command line of a plain API ([`cli`]).

pub mod answer;
pub mod body;
pub mod caller;
pub mod cli;
#[cfg(feature = "store")]
pub mod health;
pub mod issuer;
mod log_output;
pub mod logging;
pub mod observe;
pub mod request_ids;
pub mod running;
pub mod serve;
pub mod settings;
#[cfg(feature = "store")]
pub mod store;

pub use crate::reading::read;
pub use issuer::Issuer;
pub use request_ids::{HexId, RequestIds};
pub use running::Running;
pub use settings::{ConfigError, Sourced, Sources};
