//! Bad input, over HTTP: a clear OAuth error each time, and nothing lost or leaked.

mod at_the_apis;
mod at_the_authorization_endpoint;
mod at_the_exchange;
mod at_the_storage;
mod at_the_token_endpoint;
mod every_parameter;
mod longer_chain;
