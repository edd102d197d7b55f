//! A target API that asks its users first: without their consent there is no token for it, and the app hears how to go on.

use anyhow::{Result, ensure};

use super::{Deployment, Line, Passed, Recorder, passed};
use crate::steps::{Answer, Tokens};

const NAME: &str = "consent opens the archive";

pub(super) async fn check(recorder: &mut Recorder<impl FnMut(&Line)>, deployment: &Deployment, tokens: &Tokens) {
    if !deployment.target.demo_users {
        recorder.skip("4", NAME, "the archive of the demo world is not there");
        return;
    }
    recorder.check("4", NAME, agrees(deployment, tokens)).await;
}

/// The person is sent to the consent page, agrees, and the same call goes through. Who agreed in an earlier run is not
/// refused before.
async fn agrees(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    let before = deployment.api_a.archive(&tokens.access_token).await?;
    let asked = before.status != 200;
    if asked {
        refused_until_the_user_agrees(before)?;
    }
    let app = &deployment.app;
    let request = app.authorization_request().with("prompt", "consent");
    let callback = app.authorize(&request, &deployment.person()?).await?.callback()?;
    let code = app.code_from(&callback, &request)?;
    let agreed: Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    let report = deployment.api_a.archive(&agreed.access_token).await?.expect_status(200)?.json();
    ensure!(report["receipts"].as_u64().is_some(), "not a report: {report}");
    // Consent is the person's, not one token's.
    deployment.api_a.archive(&tokens.access_token).await?.expect_status(200)?;
    Ok(passed(if asked { "401 interaction_required, then 200" } else { "agreed earlier, 200" }))
}

fn refused_until_the_user_agrees(answer: Answer) -> Result<()> {
    let answer = answer.expect_challenge(401, "interaction_required")?;
    ensure!(answer.challenge().contains("error_description="), "no word on what to do: {answer:?}");
    ensure!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    Ok(())
}
