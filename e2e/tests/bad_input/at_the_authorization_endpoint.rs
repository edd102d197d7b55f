//! `/authorize` (RFC 6749 section 4.1.2.1): what cannot be trusted is never redirected to.

use anyhow::{Context, Result, ensure};
use e2e::stack::Stack;
use e2e::steps::{Answer, App, AuthorizationRequest, Person};
use rstest::rstest;
use shared_claims::{Clock, ManualClock, SystemClock};
use time::Duration;
use url::Url;

async fn ask(app: &App, request: &AuthorizationRequest) -> Result<Answer> {
    app.auth_server.get_url(request.url(&app.auth_server)).await
}

fn is_an_error_page(answer: &Answer) -> Result<()> {
    ensure!(answer.status == 400, "not 400: {answer:?}");
    ensure!(answer.header("location").is_empty(), "redirected: {answer:?}");
    ensure!(answer.header("content-type").starts_with("text/html"), "not a page: {answer:?}");
    ensure!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "no CSP: {answer:?}");
    ensure!(!answer.body.contains("attacker.example"), "the page repeats what it was sent");
    Ok(())
}

/// The error that the app is redirected with, and never a code.
fn redirected_error(answer: &Answer, app: &App) -> Result<(String, Option<String>)> {
    ensure!(matches!(answer.status, 302 | 303), "not a redirect: {answer:?}");
    let location: Url = answer.header("location").parse().context("no Location")?;
    ensure!(location.as_str().starts_with(&app.redirect_uri), "redirected to {location}");
    let get = |name: &str| location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    ensure!(get("code").is_none(), "a code: {location}");
    ensure!(get("iss").as_deref() == Some(app.auth_server.issuer()), "no iss (RFC 9207): {location}");
    Ok((get("error").context("no error")?, get("state")))
}

#[tokio::test]
async fn an_unregistered_redirect_uri_is_never_redirected_to() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    let registered = app.redirect_uri.clone();
    let with_userinfo = registered.replace("http://", "http://attacker.example@");
    let wrong = [
        "https://attacker.example/callback".to_owned(),
        format!("{registered}/"),
        format!("{registered}?x=1"),
        format!("{registered}#x"),
        format!("{registered}/../other"),
        format!("{registered}%2f.."),
        registered.replace("localhost", "localhost.attacker.example"),
        registered.replace("localhost", "LOCALHOST"),
        registered.replace("http:", "https:"),
        registered.replace("/callback", "//callback"),
        with_userinfo,
        "javascript:alert(1)".to_owned(),
        "data:text/html,x".to_owned(),
        String::new(),
    ];
    for redirect_uri in wrong {
        let answer = ask(&app, &app.authorization_request().with("redirect_uri", &redirect_uri)).await?;
        is_an_error_page(&answer).with_context(|| redirect_uri)?;
    }
    stack.stop().await
}

#[rstest]
#[case::no_client(|request: AuthorizationRequest| request.without("client_id"))]
#[case::unknown_client(|request: AuthorizationRequest| request.with("client_id", "nobody"))]
#[case::client_twice(|request: AuthorizationRequest| request.and("client_id", "demo-web"))]
#[case::redirect_uri_twice(|request: AuthorizationRequest| request.and("redirect_uri", "https://attacker.example/"))]
#[case::long_client(|request: AuthorizationRequest| request.with("client_id", &"c".repeat(5000)))]
#[tokio::test]
async fn who_asks_must_be_known_before_anybody_is_redirected(
    #[case] change: impl Fn(AuthorizationRequest) -> AuthorizationRequest,
) -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    is_an_error_page(&ask(&app, &change(app.authorization_request())).await?)?;
    stack.stop().await
}

#[tokio::test]
async fn a_wrong_request_of_a_known_app_is_told_to_the_app() -> Result<()> {
    type Change = fn(AuthorizationRequest) -> AuthorizationRequest;
    let cases: [(&str, &str, Change); 11] = [
        ("no response type", "invalid_request", |r| r.without("response_type")),
        ("implicit flow", "unsupported_response_type", |r| r.with("response_type", "token")),
        ("no PKCE", "invalid_request", |r| r.without("code_challenge").without("code_challenge_method")),
        ("PKCE downgraded to plain", "invalid_request", |r| r.with("code_challenge_method", "plain")),
        ("method left out, so plain", "invalid_request", |r| r.without("code_challenge_method")),
        ("challenge too short", "invalid_request", |r| r.with("code_challenge", "short")),
        ("nobody is signed in", "login_required", |r| r.with("prompt", "none")),
        ("prompt none and login", "invalid_request", |r| r.with("prompt", "none login")),
        ("scope with a quote", "invalid_scope", |r| r.with("scope", "openid \"x\"")),
        ("unknown API", "invalid_target", |r| r.with("audience", "https://nowhere.example")),
        ("request object", "request_not_supported", |r| r.with("request", "eyJhbGciOiJub25lIn0.e30.")),
    ];
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    for (name, expected, change) in cases {
        let request = change(app.authorization_request());
        let answer = ask(&app, &request).await?;
        let (error, state) = redirected_error(&answer, &app).with_context(|| name)?;
        ensure!(error == expected, "{name}: {error}, expected {expected}");
        ensure!(state.as_ref() == Some(&request.state), "{name}: the state was lost");
    }
    stack.stop().await
}

#[tokio::test]
async fn a_parameter_that_comes_twice_is_refused() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    for name in ["scope", "nonce", "code_challenge", "login_hint", "prompt"] {
        let request = app.authorization_request().and(name, "a").and(name, "b");
        let (error, _) = redirected_error(&ask(&app, &request).await?, &app).with_context(|| name)?;
        assert_eq!(error, "invalid_request", "{name}");
    }
    stack.stop().await
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    let url = app.authorization_request().without("state").url(&stack.auth_server);
    for broken in ["%ff%fe", "%zz", "%"] {
        let answer = stack.auth_server.get_url(format!("{url}&state={broken}").parse()?).await?;
        ensure!(matches!(answer.status, 302 | 303 | 400), "{broken}: {answer:?}");
        ensure!(!answer.header("location").contains("/login"), "{broken} was accepted: {answer:?}");
    }
    stack.stop().await
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    let person = Person::named("alice")?;
    let page = person.look_at(app.authorization_request().url(&stack.auth_server)).await?;
    let form = page.form(|form| form.asks_for("password"))?;
    for csrf in ["", "wrong"] {
        let forged = form.clone().fill("username", "alice").fill("password", "alice-password").fill("csrf", csrf);
        let answer = person.send(&forged).await?;
        ensure!(matches!(answer.status, 400 | 403), "csrf {csrf:?}: {answer:?}");
    }
    // Another browser cannot use this one's form either.
    let stranger = Person::named("alice")?;
    let answer = stranger.send(&form.fill("username", "alice").fill("password", "alice-password")).await?;
    ensure!(matches!(answer.status, 400 | 403), "another browser: {answer:?}");
    stack.stop().await
}

#[tokio::test]
async fn unknown_users_wrong_passwords_and_blocked_users_get_the_same_answer() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let app = stack.app()?;
    let mut texts = vec![];
    for (username, password) in
        [("alice", "wrong"), ("nobody", "wrong"), ("carol", "wrong"), ("carol", "carol-password")]
    {
        let person = Person::with_password(username, password)?;
        let page = app.authorize(&app.authorization_request(), &person).await?.page()?;
        texts.push((page.status, page.text()));
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
    assert_eq!(texts[0], texts[3]);
    stack.stop().await
}

#[tokio::test]
async fn guessing_is_slowed_down_alike_for_known_and_unknown_users() -> Result<()> {
    // Time stands still, so that no wait is over before the next guess.
    let clock = ManualClock::at(SystemClock.now());
    let stack = Stack::builder().in_process().with_clock(clock.clone()).start().await?;
    let app = stack.app()?;
    for username in ["alice", "nobody"] {
        let guesser = Person::with_password(username, "wrong")?;
        let mut slowed = None;
        for attempt in 1..=30 {
            let page = app.authorize(&app.authorization_request(), &guesser).await?.page()?;
            if page.status == 429 {
                slowed = Some((attempt, page));
                break;
            }
        }
        let (_, page) = slowed.with_context(|| format!("{username} may be guessed without end"))?;
        page.header("retry-after").parse::<u32>().context("no Retry-After in seconds")?;
    }
    // And the right password does not open the door while it is shut.
    let alice = app.authorize(&app.authorization_request(), &Person::named("alice")?).await?;
    assert_eq!(alice.page()?.status, 429);
    clock.advance(Duration::minutes(1));
    app.authorize(&app.authorization_request(), &Person::named("alice")?).await?.callback()?.code()?;
    stack.stop().await
}
