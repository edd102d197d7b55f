//! How tokens end: a replayed code, a rotated and a reused refresh token, a sign-out.

use anyhow::{Result, ensure};

use super::{Deployment, Line, Passed, Recorder, passed};
use crate::steps::Tokens;

pub(super) async fn check(recorder: &mut Recorder<impl FnMut(&Line)>, deployment: &Deployment) {
    recorder.check("2", "a replayed code revokes what it gave", replayed_code(deployment)).await;
    recorder.check("2", "refresh tokens rotate", rotation(deployment)).await;
    recorder.check("2", "a reused refresh token ends the grant", reuse(deployment)).await;
    recorder.check("1", "single sign-on, then sign-out", sign_out(deployment)).await;
}

/// RFC 6749 section 4.1.2: the second use is refused, and what the first one gave is dead.
async fn replayed_code(deployment: &Deployment) -> Result<Passed> {
    let app = &deployment.app;
    let (code, request) = app.obtain_code(&deployment.person()?).await?;
    let first: Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    app.redeem(&code, &request.verifier).await?.expect_error(400, "invalid_grant")?;
    app.refresh(first.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    deployment.auth_server.userinfo(&first.access_token).await?.expect_challenge(401, "invalid_token")?;
    Ok(passed("invalid_grant, and the first tokens are dead"))
}

async fn rotation(deployment: &Deployment) -> Result<Passed> {
    let app = &deployment.app;
    let first = app.sign_in(&deployment.person()?).await?;
    let answer = app.refresh(first.refresh_token()?).await?.expect_status(200)?;
    ensure!(answer.header("cache-control").contains("no-store"), "no Cache-Control: no-store on tokens");
    let second: Tokens = answer.read()?;
    ensure!(second.refresh_token()? != first.refresh_token()?, "the refresh token stayed the same");
    deployment.api_a.report(&second.access_token).await?.expect_status(200)?;
    Ok(passed("a new refresh token, and the new access token works"))
}

/// RFC 9700 section 4.14.2. The successor is used first: before that, a repetition counts as a lost response.
async fn reuse(deployment: &Deployment) -> Result<Passed> {
    let app = &deployment.app;
    let first = app.sign_in(&deployment.person()?).await?;
    let second: Tokens = app.refresh(first.refresh_token()?).await?.expect_status(200)?.read()?;
    let third: Tokens = app.refresh(second.refresh_token()?).await?.expect_status(200)?.read()?;
    app.refresh(first.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    app.refresh(third.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    Ok(passed("invalid_grant, and the newest one is dead too"))
}

/// `OpenID` Connect RP-Initiated Logout section 2.
async fn sign_out(deployment: &Deployment) -> Result<Passed> {
    let (app, person) = (&deployment.app, deployment.person()?);
    let tokens = app.sign_in(&person).await?;
    let silent = || app.authorization_request().with("prompt", "none");
    let again = app.authorize(&silent(), &person).await?.callback()?;
    ensure!(again.get("code").is_some(), "no single sign-on with prompt=none: {again:?}");
    let mut url = deployment.auth_server.metadata.end_session_endpoint.clone();
    url.query_pairs_mut().append_pair("id_token_hint", tokens.id_token()?);
    let page = person.look_at(url).await?;
    ensure!(page.status == 200, "the sign-out ended on {page:?}");
    let after = app.authorize(&silent(), &person).await?.callback()?;
    ensure!(after.get("error") == Some("login_required"), "still signed in: {after:?}");
    Ok(passed("login_required afterwards"))
}
