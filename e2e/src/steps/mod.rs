//! The six steps, each with a client of its own.
//!
//! 1, 2: a [`Person`] signs in to an [`App`] at the [`AuthServer`] and the app gets [`Tokens`]. 3: the app calls
//! [`ApiA`]. 4, 5: API A's part, an [`Exchange`]. 6: [`ApiB`]. Each can also be asked wrongly: an [`Answer`] holds
//! whatever came back, and [`forgery`] makes the tokens that nobody may accept. A [`Holder`] proves a key with each request.

mod answer;
mod api;
mod app;
mod auth_server;
mod exchange;
pub mod forgery;
mod holder;
mod http;
mod page;
mod person;
mod token;

pub use answer::Answer;
pub use api::{ApiA, ApiB, receipt};
pub use app::{App, AuthorizationRequest, Tokens};
pub use auth_server::{AuthServer, Credentials, Metadata};
pub use exchange::Exchange;
pub use holder::Holder;
pub use http::{is_unreachable, trust};
pub use page::{Form, Page};
pub use person::{Callback, Landing, Person};
pub use token::{Jwks, Jwt};
