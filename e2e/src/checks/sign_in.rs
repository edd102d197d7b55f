//! Steps 1 and 2: a person signs in, the app gets tokens. And those who may not.

use anyhow::{Context, Result, ensure};

use super::{Deployment, Line, Passed, Recorder, passed};
use crate::steps::{AuthorizationRequest, Credentials, Jwt, Landing, Person, Tokens};
use crate::world;

/// The person's tokens, if they could sign in.
pub(super) async fn check(recorder: &mut Recorder<impl FnMut(&Line)>, deployment: &Deployment) -> Option<Tokens> {
    let (tokens, request) = recorder.check("1-2", "sign-in with PKCE", sign_in(deployment)).await?;
    recorder.check("2", "id token", id_token(deployment, &tokens, &request)).await;
    recorder.check("2", "access token (RFC 9068)", access_token(deployment, &tokens)).await;
    recorder.check("2", "userinfo", userinfo(deployment, &tokens)).await;
    Some(tokens)
}

/// What must not lead to a token.
pub(super) async fn check_refusals(recorder: &mut Recorder<impl FnMut(&Line)>, deployment: &Deployment) {
    recorder.check("1", "an unregistered redirect uri is refused", unregistered_redirect(deployment)).await;
    recorder.check("1", "a request without PKCE is refused", without_pkce(deployment)).await;
    recorder.check("2", "a wrong PKCE verifier is refused", wrong_verifier(deployment)).await;
    recorder.check("1", "a wrong password is refused", wrong_password(deployment)).await;
    if deployment.target.demo_users {
        recorder.check("1", "a blocked user cannot sign in", carol(deployment)).await;
    } else {
        recorder.skip("1", "a blocked user cannot sign in", "carol of the demo world is not there");
    }
}

async fn sign_in(deployment: &Deployment) -> Result<Passed<(Tokens, AuthorizationRequest)>> {
    let app = &deployment.app;
    let (code, request) = app.obtain_code(&deployment.person()?).await?;
    let answer = app.redeem(&code, &request.verifier).await?.expect_status(200)?;
    ensure!(answer.header("cache-control").contains("no-store"), "no Cache-Control: no-store on tokens");
    let tokens: Tokens = answer.read()?;
    ensure!(tokens.token_type.eq_ignore_ascii_case("bearer"), "token_type is {}", tokens.token_type);
    ensure!(tokens.expires_in > 0, "expires_in is 0");
    tokens.refresh_token()?;
    let detail = format!("{}  scope {}", deployment.target.username, tokens.scope);
    Ok(passed(detail).with((tokens, request)))
}

async fn id_token(deployment: &Deployment, tokens: &Tokens, request: &AuthorizationRequest) -> Result<Passed> {
    deployment.app.check_id_token(tokens, request).await?;
    let token = Jwt::parse(tokens.id_token()?)?;
    ensure!(token.seconds("auth_time") > 0, "no auth_time");
    ensure!(!token.text("sid").is_empty(), "no sid");
    Ok(passed(format!("sub {}  nonce and at_hash agree", token.text("sub"))))
}

async fn access_token(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    let (target, keys) = (&deployment.target, deployment.auth_server.jwks().await?);
    keys.verify_access_token(&tokens.access_token, &target.issuer, &target.api_a_identifier)?;
    let token = Jwt::parse(&tokens.access_token)?;
    ensure!(token.claims["act"].is_null(), "the first token of a chain has an act");
    ensure!(token.text("client_id") == target.client_id, "client_id is {}", token.claims["client_id"]);
    ensure!(token.text("sub") == Jwt::parse(tokens.id_token()?)?.text("sub"), "sub differs from the ID token's");
    ensure!(!token.text("txn").is_empty(), "no txn");
    Ok(passed(format!("aud {}  txn {}", token.audience().join(" "), token.text("txn"))))
}

async fn userinfo(deployment: &Deployment, tokens: &Tokens) -> Result<Passed> {
    let user = deployment.auth_server.userinfo(&tokens.access_token).await?.expect_status(200)?.json();
    let sub = Jwt::parse(tokens.id_token()?)?;
    ensure!(user["sub"] == sub.text("sub"), "sub is {}, not the ID token's", user["sub"]);
    Ok(passed(user["name"].as_str().unwrap_or_default()))
}

/// RFC 6749 section 4.1.2.1: never redirected to.
async fn unregistered_redirect(deployment: &Deployment) -> Result<Passed> {
    let request = deployment.app.authorization_request().with("redirect_uri", "https://attacker.example/callback");
    let answer = deployment.auth_server.get_url(request.url(&deployment.auth_server)).await?;
    ensure!(answer.status == 400 && answer.header("location").is_empty(), "expected a page with 400, got {answer:?}");
    Ok(passed("an error page, no redirect"))
}

/// RFC 7636, RFC 9700 section 2.1.1: a public client must use PKCE.
async fn without_pkce(deployment: &Deployment) -> Result<Passed> {
    let app = &deployment.app;
    let request = app.authorization_request().without("code_challenge").without("code_challenge_method");
    let callback = app.authorize(&request, &deployment.person()?).await?.callback()?;
    ensure!(callback.get("error") == Some("invalid_request"), "expected invalid_request, got {callback:?}");
    Ok(passed("invalid_request"))
}

async fn wrong_verifier(deployment: &Deployment) -> Result<Passed> {
    let app = &deployment.app;
    let (code, _) = app.obtain_code(&deployment.person()?).await?;
    app.redeem(&code, &app.authorization_request().verifier).await?.expect_error(400, "invalid_grant")?;
    Ok(passed("invalid_grant"))
}

async fn wrong_password(deployment: &Deployment) -> Result<Passed> {
    // A name that nobody has: the guess counts against no real account.
    let nobody = Person::with_password("nobody-e2e", "not-the-password")?;
    refused_at_the_door(deployment, &nobody).await.context("an unknown user")
}

async fn carol(deployment: &Deployment) -> Result<Passed> {
    refused_at_the_door(deployment, &Person::named(world::CAROL)?).await.context("a blocked user")
}

async fn refused_at_the_door(deployment: &Deployment, person: &Person) -> Result<Passed> {
    let app = &deployment.app;
    match app.authorize(&app.authorization_request(), person).await? {
        Landing::Page(page) => {
            ensure!(page.forms().iter().any(|form| form.asks_for("password")), "not the login page but {page:?}");
            Ok(passed("the login page again"))
        }
        Landing::Callback(callback) => {
            ensure!(callback.get("code").is_none(), "{} got a code", person.username);
            Ok(passed(callback.get("error").unwrap_or_default()))
        }
    }
}

impl Deployment {
    /// The credentials of API A, or the check's reason not to run.
    pub(super) fn api_client(&self) -> Option<&Credentials> {
        self.target.api_client.as_ref()
    }
}
