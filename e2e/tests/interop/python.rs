//! Python's libraries: Auth0's `auth0-api-python`, and Authlib as a client and as an API.

use anyhow::Result;

use crate::kit::Kit;
use crate::library::keeps;

async fn auth0_api(promise: &str) -> Result<()> {
    keeps(Kit::Python, "auth0_api", promise).await
}

#[tokio::test]
async fn auth0_api_python_takes_an_access_token_for_its_audience() -> Result<()> {
    auth0_api("verify").await
}

#[tokio::test]
async fn auth0_api_python_refuses_another_audience_and_another_signature() -> Result<()> {
    auth0_api("refuses").await
}

#[tokio::test]
async fn auth0_api_python_gets_a_token_on_behalf_of_its_caller() -> Result<()> {
    auth0_api("on_behalf_of").await
}

#[tokio::test]
async fn auth0_api_python_reads_why_an_exchange_was_refused() -> Result<()> {
    auth0_api("refusal").await
}

async fn authlib_client(promise: &str) -> Result<()> {
    keeps(Kit::Python, "authlib_client", promise).await
}

#[tokio::test]
async fn authlib_checks_state_nonce_and_the_hash_of_the_access_token_at_sign_in() -> Result<()> {
    authlib_client("sign_in").await
}

#[tokio::test]
async fn authlib_exchanges_by_basic_and_by_post() -> Result<()> {
    authlib_client("exchange").await
}

#[tokio::test]
async fn authlib_reads_the_oauth_error_of_a_refused_exchange() -> Result<()> {
    authlib_client("refusal").await
}

async fn authlib_api(promise: &str) -> Result<()> {
    keeps(Kit::Python, "authlib_api", promise).await
}

#[tokio::test]
async fn authlib_takes_an_exchanged_token_by_rfc_9068() -> Result<()> {
    authlib_api("takes").await
}

#[tokio::test]
async fn authlib_refuses_a_token_for_another_api_and_one_without_the_scope() -> Result<()> {
    authlib_api("refuses").await
}
