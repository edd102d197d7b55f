//! Steps 3 to 6: API A calls API B on behalf of the user.

use anyhow::{Context, Result, ensure};

use super::{Deployment, Line, Passed, Recorder, passed};
use crate::steps::{Credentials, Exchange, Jwt, Person, Tokens};
use crate::world;

const READ: &str = "read:receipts";
const WRITE: &str = "write:receipts";

pub(super) async fn check(recorder: &mut Recorder<impl FnMut(&Line)>, deployment: &Deployment, tokens: &Tokens) {
    recorder.check("3", "api a accepts the token", call_api_a(deployment, tokens)).await;
    recorder.check("3-6", "report over the user's receipts", report(deployment, tokens)).await;
    let Some(api_client) = deployment.api_client() else {
        recorder.skip("4-5", "exchange", "API A's client secret was not given (--api-client-secret-file)");
        return;
    };
    if let Some(token_b) = recorder.check("4-5", "exchange", exchange(deployment, tokens, api_client)).await {
        recorder.check("6", "api b answers the exchanged token", call_api_b(deployment, &token_b)).await;
        recorder.check("6", "the exchanged token is not for api a", token_b_at_api_a(deployment, &token_b)).await;
    }
    if deployment.target.demo_users {
        recorder.check("4-5", "bob may not write", bob_may_not_write(deployment, api_client)).await;
    } else {
        recorder.skip("4-5", "bob may not write", "bob of the demo world is not there");
    }
}

async fn call_api_a(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    let me = deployment.api_a.me(&tokens.access_token).await?.expect_status(200)?.json();
    let sub = Jwt::parse(&tokens.access_token)?;
    ensure!(me["sub"] == sub.text("sub"), "API A sees the user {}, the token says {}", me["sub"], sub.text("sub"));
    Ok(passed(format!("sub {}", sub.text("sub"))))
}

async fn report(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    let report = deployment.api_a.report(&tokens.access_token).await?.expect_status(200)?.json();
    ensure!(report.is_object(), "not a report: {report}");
    Ok(passed(""))
}

/// RFC 8693 section 2.2 and the claims of the design's section 5: same user, new audience, API A as the actor.
async fn exchange(deployment: &Deployment, tokens: &Tokens, api_client: &Credentials) -> Result<Passed<String>> {
    let (target, auth_server) = (&deployment.target, &deployment.auth_server);
    let request = Exchange::of(&tokens.access_token).to(&target.api_b_identifier).scope(READ);
    let answer = request.send(auth_server, api_client).await?.expect_status(200)?;
    ensure!(answer.header("cache-control").contains("no-store"), "no Cache-Control: no-store on tokens");
    let body = answer.json();
    let issued = &body["issued_token_type"];
    ensure!(issued == "urn:ietf:params:oauth:token-type:access_token", "issued_token_type is {issued}");
    ensure!(body["token_type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case("bearer")), "token_type is not Bearer");
    ensure!(body["scope"] == READ, "scope is {}, not {READ}", body["scope"]);
    ensure!(body["expires_in"].as_u64().is_some_and(|seconds| seconds > 0), "expires_in is {}", body["expires_in"]);
    let token = body["access_token"].as_str().context("no access_token")?;
    let keys = auth_server.jwks().await?;
    keys.verify_access_token(token, &target.issuer, &target.api_b_identifier)?;
    continues_the_chain(&Jwt::parse(&tokens.access_token)?, &Jwt::parse(token)?, deployment, api_client)?;
    let detail =
        format!("aud {}  scope {READ}  act {}", target.api_b_identifier, Jwt::parse(token)?.actors().join(" < "));
    Ok(passed(detail).with(token.to_owned()))
}

/// What an exchange keeps, and what it changes.
fn continues_the_chain(a: &Jwt, b: &Jwt, deployment: &Deployment, api_client: &Credentials) -> Result<()> {
    ensure!(b.claims["aud"] == deployment.target.api_b_identifier.as_str(), "aud is {}", b.claims["aud"]);
    for claim in ["sub", "txn", "sid", "auth_time"] {
        let (before, after) = (&a.claims[claim], &b.claims[claim]);
        ensure!(!before.is_null() && before == after, "{claim} was {before}, is {after}");
    }
    ensure!(b.text("client_id") == api_client.client_id(), "client_id is {}", b.claims["client_id"]);
    let actors = [api_client.client_id(), deployment.target.client_id.as_str()];
    ensure!(b.actors() == actors, "act names {:?}, not {actors:?}", b.actors());
    ensure!(b.seconds("exp") <= a.seconds("exp"), "the exchanged token outlives its subject");
    ensure!(b.text("jti") != a.text("jti"), "the same jti");
    Ok(())
}

async fn call_api_b(deployment: &Deployment, token_b: &str) -> Result<Passed> {
    deployment.api_b.receipts(token_b).await?.expect_status(200)?;
    let me = deployment.api_b.me(token_b).await?.expect_status(200)?.json();
    let token = Jwt::parse(token_b)?;
    ensure!(me["sub"] == token.text("sub"), "API B sees the user {}", me["sub"]);
    Ok(passed(format!("sub {}", token.text("sub"))))
}

async fn token_b_at_api_a(deployment: &Deployment, token_b: &str) -> Result<Passed> {
    deployment.api_a.me(token_b).await?.expect_challenge(401, "invalid_token")?;
    Ok(passed("401 invalid_token"))
}

/// Bob lacks the permission: the right is computed anew at the exchange, whatever the first token says.
async fn bob_may_not_write(deployment: &Deployment, api_client: &Credentials) -> Result<Passed> {
    let tokens = deployment.app.sign_in(&Person::named(world::BOB)?).await?;
    let request = Exchange::of(&tokens.access_token).to(&deployment.target.api_b_identifier);
    let both = request.clone().scope(&format!("{READ} {WRITE}")).send(&deployment.auth_server, api_client).await?;
    let granted = both.expect_status(200)?.json();
    ensure!(granted["scope"] == READ, "bob was granted {}", granted["scope"]);
    let write = request.scope(WRITE).send(&deployment.auth_server, api_client).await?;
    write.expect_error(400, "invalid_scope")?;
    Ok(passed("invalid_scope"))
}
