//! Node's libraries: `openid-client` and `oauth4webapi` (certified relying parties), Auth0's `auth0-auth-js`.

use anyhow::Result;

use crate::kit::Kit;
use crate::library::keeps;

async fn openid_client(promise: &str) -> Result<()> {
    keeps(Kit::Node, "openid-client", promise).await
}

#[tokio::test]
async fn openid_client_checks_issuer_state_nonce_and_the_id_token_s_signature_at_sign_in() -> Result<()> {
    openid_client("sign_in").await
}

#[tokio::test]
async fn openid_client_checks_that_a_refresh_keeps_the_user() -> Result<()> {
    openid_client("refresh").await
}

#[tokio::test]
async fn openid_client_exchanges_by_basic_and_by_post() -> Result<()> {
    openid_client("exchange").await
}

#[tokio::test]
async fn openid_client_reads_the_oauth_error_of_a_refused_exchange() -> Result<()> {
    openid_client("refusal").await
}

async fn oauth4webapi(promise: &str) -> Result<()> {
    keeps(Kit::Node, "oauth4webapi", promise).await
}

#[tokio::test]
async fn oauth4webapi_checks_every_answer_of_a_sign_in() -> Result<()> {
    oauth4webapi("sign_in").await
}

#[tokio::test]
async fn oauth4webapi_checks_that_an_exchanged_token_is_an_access_token_of_rfc_9068_for_its_target() -> Result<()> {
    oauth4webapi("exchange").await
}

#[tokio::test]
async fn oauth4webapi_binds_an_exchanged_token_to_its_key_and_checks_the_proof_at_the_target() -> Result<()> {
    oauth4webapi("bound").await
}

async fn auth0(promise: &str) -> Result<()> {
    keeps(Kit::Node, "auth0-auth-js", promise).await
}

#[tokio::test]
async fn auth0_auth_js_signs_in_and_refreshes() -> Result<()> {
    auth0("sign_in").await
}

#[tokio::test]
async fn auth0_auth_js_exchanges_a_token_for_another_api() -> Result<()> {
    auth0("exchange").await
}

#[tokio::test]
async fn auth0_auth_js_reads_why_an_exchange_was_refused() -> Result<()> {
    auth0("refusal").await
}

#[tokio::test]
async fn auth0_auth_js_builds_a_logout_link_that_leads_back_to_the_app() -> Result<()> {
    auth0("logout").await
}
