//! What nobody may get through with: forged tokens, tokens for somebody else, exchanges that are not allowed.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{Deployment, Line, Passed, Recorder, passed};
use crate::steps::{Answer, Credentials, Exchange, Tokens, forgery};

pub(super) async fn check(recorder: &mut Recorder<impl FnMut(&Line)>, deployment: &Deployment, tokens: &Tokens) {
    recorder.check("6", "token a at api b is refused", token_a_at_api_b(deployment, tokens)).await;
    recorder.check("3", "no token is refused", no_token(deployment)).await;
    recorder.check("3", "a tampered token is refused", tampered(deployment, tokens)).await;
    recorder.check("3", "alg none is refused", unsigned(deployment, tokens)).await;
    recorder.check("3", "a foreign key is refused", foreign_key(deployment, tokens)).await;
    recorder.check("3", "an id token is no access token", id_token(deployment, tokens)).await;
    let Some(api_client) = deployment.api_client() else {
        recorder.skip("4", "exchanges that are not allowed", "API A's client secret was not given");
        return;
    };
    recorder.check("4", "an unpaired target is refused", unpaired(deployment, tokens, api_client)).await;
    recorder.check("4", "too wide a scope is refused", too_wide(deployment, tokens, api_client)).await;
    recorder.check("4", "a wrong client secret is refused", wrong_secret(deployment, tokens, api_client)).await;
    recorder.check("4", "the app itself may not exchange", by_the_app(deployment, tokens)).await;
}

async fn token_a_at_api_b(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    refused(deployment.api_b.receipts(&tokens.access_token).await?)
}

/// RFC 6750 section 3.1: a challenge without an error code, since nothing was wrong with the token.
async fn no_token(deployment: &Deployment) -> Result<Passed> {
    let answer = deployment.api_a.get("api/report", None).await?.expect_status(401)?;
    ensure!(answer.challenge().starts_with("Bearer"), "no Bearer challenge: {answer:?}");
    ensure!(!answer.challenge().contains("error="), "an error code although no token was sent: {answer:?}");
    Ok(passed("401"))
}

async fn tampered(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    let other_user = forgery::tampered(&tokens.access_token, "sub", json!("usr_somebody_else"))?;
    refused(deployment.api_a.me(&other_user).await?)?;
    let broken = forgery::with_a_broken_signature(&tokens.access_token)?;
    refused(deployment.api_a.me(&broken).await?)
}

async fn unsigned(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    for alg in ["none", "nOnE"] {
        let token = forgery::unsigned(&tokens.access_token, alg)?;
        refused(deployment.api_a.me(&token).await?).context(alg)?;
    }
    refused(deployment.api_a.me(&forgery::unsigned(&tokens.access_token, "RS256")?).await?)
}

async fn foreign_key(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    let keys = deployment.auth_server.jwks().await?;
    for token in forgery::signed_with_the_public_key(&tokens.access_token, &keys)? {
        refused(deployment.api_a.me(&token).await?).context("HS256 with the public key")?;
    }
    refused(deployment.api_a.me(&forgery::signed_by_a_foreign_key(&tokens.access_token)?).await?)
}

async fn id_token(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    refused(deployment.api_a.me(tokens.id_token()?).await?)
}

fn refused(answer: Answer) -> Result<Passed> {
    answer.expect_challenge(401, "invalid_token")?;
    Ok(passed("401 invalid_token"))
}

async fn unpaired(deployment: &Deployment, tokens: &Tokens, api_client: &Credentials) -> Result<Passed> {
    let ask = |audience: &str| Exchange::of(&tokens.access_token).to(audience);
    let server = &deployment.auth_server;
    let (nowhere, itself) = ("https://nowhere.example", deployment.target.api_a_identifier.as_str());
    let unknown = ask(nowhere).send(server, api_client).await?.expect_error(400, "invalid_target")?;
    // API A is known but not paired with itself: the answer must not tell the two apart.
    let unpaired = ask(itself).send(server, api_client).await?.expect_error(400, "invalid_target")?;
    ensure!(unknown.body.replace(nowhere, itself) == unpaired.body, "unknown and unpaired targets are told apart");
    Ok(passed(format!("invalid_target  {}", unknown.reason())))
}

async fn too_wide(deployment: &Deployment, tokens: &Tokens, api_client: &Credentials) -> Result<Passed> {
    let request = Exchange::of(&tokens.access_token).to(&deployment.target.api_b_identifier);
    let answer = request.scope("read:receipts delete:receipts").send(&deployment.auth_server, api_client).await?;
    let answer = answer.expect_error(400, "invalid_scope")?;
    Ok(passed(format!("invalid_scope  {}", answer.reason())))
}

async fn wrong_secret(deployment: &Deployment, tokens: &Tokens, api_client: &Credentials) -> Result<Passed> {
    let wrong = Credentials::basic(api_client.client_id(), "not-the-secret");
    let request = Exchange::of(&tokens.access_token).to(&deployment.target.api_b_identifier);
    let answer = request.send(&deployment.auth_server, &wrong).await?.expect_error(401, "invalid_client")?;
    ensure!(answer.challenge().starts_with("Basic"), "no Basic challenge (RFC 6749 section 5.2)");
    Ok(passed("401 invalid_client"))
}

async fn by_the_app(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    let request = Exchange::of(&tokens.access_token).to(&deployment.target.api_b_identifier);
    let answer = request.send(&deployment.auth_server, &deployment.app.credentials).await?;
    ensure!(matches!(answer.status, 400 | 401), "expected a refusal, got {answer:?}");
    ensure!(matches!(answer.error().as_str(), "unauthorized_client" | "invalid_client"), "got {answer:?}");
    Ok(passed(answer.error()))
}
