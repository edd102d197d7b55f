//! Microsoft's MSAL for Python and for Node: on behalf of a user by the grant type jwt-bearer (RFC 7523).

use anyhow::Result;

use crate::kit::Kit;
use crate::library::keeps;

async fn python(promise: &str) -> Result<()> {
    keeps(Kit::Python, "msal_obo", promise).await
}

async fn node(promise: &str) -> Result<()> {
    keeps(Kit::Node, "msal-node", promise).await
}

#[tokio::test]
async fn msal_python_gets_a_token_on_behalf_of_its_caller_by_scope_and_by_default() -> Result<()> {
    python("on_behalf_of").await
}

#[tokio::test]
async fn msal_python_finds_the_token_in_its_cache_by_the_scope_that_was_asked() -> Result<()> {
    python("cache").await
}

#[tokio::test]
async fn msal_python_reads_a_refusal_and_goes_on() -> Result<()> {
    python("refusal").await
}

#[tokio::test]
async fn msal_node_gets_a_token_on_behalf_of_its_caller_by_scope_and_by_default() -> Result<()> {
    node("on_behalf_of").await
}

#[tokio::test]
async fn msal_node_answers_from_its_cache_for_the_same_user_and_scope_alone() -> Result<()> {
    node("cache").await
}

#[tokio::test]
async fn msal_node_reads_a_refusal_and_goes_on() -> Result<()> {
    node("refusal").await
}
