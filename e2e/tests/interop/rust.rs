//! Rust's libraries: the crates `openidconnect` and `oauth2`.

use anyhow::Result;

use crate::kit::Kit;
use crate::library::keeps;

#[tokio::test]
async fn openidconnect_checks_the_id_token_the_hash_in_it_and_the_user_after_a_refresh() -> Result<()> {
    keeps(Kit::Rust, "openidconnect", "sign_in").await
}

async fn oauth2(promise: &str) -> Result<()> {
    keeps(Kit::Rust, "oauth2", promise).await
}

#[tokio::test]
async fn oauth2_reads_the_answers_of_the_code_flow_and_of_a_refresh() -> Result<()> {
    oauth2("code_flow").await
}

#[tokio::test]
async fn oauth2_gets_a_machine_s_token_by_basic_and_by_post() -> Result<()> {
    oauth2("machine").await
}

#[tokio::test]
async fn oauth2_reads_why_a_client_was_refused() -> Result<()> {
    oauth2("refusal").await
}
