//! What OpenID Connect asks of a provider, as a certification would look at it: sign-in, consent, claims, sign-out.

use anyhow::Result;
use e2e::stack::{Database, Stack};
use e2e::steps::{App, Exchange, Jwt, Landing, Page, Person, Tokens};
use e2e::world::{self, API_B};
use rstest::rstest;
use shared_claims::{Clock, ManualClock, SystemClock};
use time::Duration;

async fn stack() -> Result<Stack> {
    Stack::builder().in_process().start().await
}

/// Sends the person to `/authorize` with changes to the app's request; where they end up.
async fn land(app: &App, person: &Person, changes: &[(&str, &str)]) -> Result<Landing> {
    let request = changes.iter().fold(app.authorization_request(), |request, (name, value)| request.with(name, value));
    app.authorize(&request, person).await
}

/// Signs in with changes to the app's request.
async fn sign_in(app: &App, person: &Person, changes: &[(&str, &str)]) -> Result<Tokens> {
    let request = changes.iter().fold(app.authorization_request(), |request, (name, value)| request.with(name, value));
    let callback = app.authorize(&request, person).await?.callback()?;
    let code = app.code_from(&callback, &request)?;
    app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()
}

fn auth_time(tokens: &Tokens) -> Result<i64> {
    Ok(Jwt::parse(tokens.id_token()?)?.seconds("auth_time"))
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn without_a_page_a_signed_in_person_is_answered_and_nobody_else(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let silent = [("prompt", "none")];
    assert_eq!(land(&app, &alice, &silent).await?.callback()?.get("error"), Some("login_required"));

    let first = sign_in(&app, &alice, &[]).await?;
    let again = sign_in(&app, &alice, &silent).await?;
    let [first, again] = [&first, &again].map(|tokens| Jwt::parse(tokens.id_token().unwrap()).unwrap());
    for claim in ["sub", "auth_time", "sid"] {
        assert_eq!(first.claims[claim], again.claims[claim], "{claim}");
    }
    stack.stop().await
}

#[tokio::test]
async fn an_app_decides_how_fresh_a_sign_in_must_be() -> Result<()> {
    let clock = ManualClock::at(SystemClock.now());
    let stack = Stack::builder().in_process().with_clock(clock.clone()).start().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let first = auth_time(&sign_in(&app, &alice, &[]).await?)?;

    clock.advance(Duration::minutes(2));
    assert_eq!(auth_time(&sign_in(&app, &alice, &[("max_age", "10000")]).await?)?, first, "young enough");
    assert_eq!(auth_time(&sign_in(&app, &alice, &[("max_age", "60")]).await?)?, first + 120, "too old");
    clock.advance(Duration::minutes(2));
    assert_eq!(auth_time(&sign_in(&app, &alice, &[("prompt", "login")]).await?)?, first + 240, "asked for anew");
    assert_eq!(auth_time(&sign_in(&app, &alice, &[]).await?)?, first + 240, "the new sign-in stands");
    stack.stop().await
}

#[tokio::test]
async fn an_app_that_expects_somebody_gets_no_answer_about_somebody_else() -> Result<()> {
    let stack = stack().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let hint = sign_in(&app, &alice, &[]).await?.id_token()?.to_owned();
    let bob = Person::named("bob")?;
    sign_in(&app, &bob, &[]).await?;

    let silent = land(&app, &bob, &[("prompt", "none"), ("id_token_hint", &hint)]).await?.callback()?;
    assert_eq!(silent.get("error"), Some("login_required"));
    sign_in(&app, &alice, &[("prompt", "none"), ("id_token_hint", &hint)]).await?;
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_person_is_asked_for_consent_once_and_may_refuse(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let (app, alice) = (App::demo_web(&stack.auth_server), Person::named("alice")?);
    let refusing = alice.clone().who_denies();
    assert_eq!(land(&app, &refusing, &[]).await?.callback()?.get("error"), Some("access_denied"));
    let silent = [("prompt", "none")];
    assert_eq!(land(&app, &alice, &silent).await?.callback()?.get("error"), Some("consent_required"));

    sign_in(&app, &alice, &[]).await?;
    sign_in(&app, &alice, &silent).await?;
    // What was agreed to covers less, and nothing more.
    sign_in(&app, &alice, &[("prompt", "none"), ("scope", "openid")]).await?;
    let wider = land(&app, &alice, &[("prompt", "none"), ("scope", "openid email")]).await?.callback()?;
    assert_eq!(wider.get("error"), Some("consent_required"));
    let anew = land(&app, &refusing, &[("prompt", "consent")]).await?.callback()?;
    assert_eq!(anew.get("error"), Some("access_denied"), "asked again, although it was agreed to before");
    stack.stop().await
}

#[tokio::test]
async fn an_app_asks_for_claims_by_name_and_the_person_is_asked_about_them() -> Result<()> {
    let stack = stack().await?;
    let (app, alice) = (App::demo_web(&stack.auth_server).asking_for("openid read:reports"), Person::named("alice")?);
    let claims = r#"{"userinfo":{"email":{"essential":true}},"id_token":{"nickname":null}}"#;
    sign_in(&app, &alice, &[]).await?;
    let silent = land(&app, &alice, &[("claims", claims), ("prompt", "none")]).await?.callback()?;
    assert_eq!(silent.get("error"), Some("consent_required"), "the plain consent covers no e-mail address");

    let tokens = sign_in(&app, &alice, &[("claims", claims)]).await?;
    let userinfo = stack.auth_server.userinfo(&tokens.access_token).await?.expect_status(200)?.json();
    assert_eq!(userinfo["email"], "alice@people.example");
    assert!(userinfo.get("name").is_none() && userinfo.get("nickname").is_none(), "{userinfo}");
    assert_eq!(Jwt::parse(tokens.id_token()?)?.text("nickname"), "Al");
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn userinfo_tells_what_the_scope_allows_and_nothing_else(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    for (scope, there, missing) in [
        ("openid", vec!["sub"], vec!["name", "email", "address", "phone_number"]),
        ("openid email", vec!["email", "email_verified"], vec!["name", "address"]),
        ("openid profile", vec!["name", "birthdate", "updated_at", "locale"], vec!["email"]),
        ("openid address phone", vec!["address", "phone_number", "phone_number_verified"], vec!["name"]),
    ] {
        let tokens = sign_in(&app, &alice, &[("scope", scope)]).await?;
        let told = stack.auth_server.userinfo(&tokens.access_token).await?.expect_status(200)?.json();
        assert!(there.iter().all(|claim| told.get(claim).is_some()), "{scope}: {told}");
        assert!(missing.iter().all(|claim| told.get(claim).is_none()), "{scope}: {told}");
        assert_eq!(told["sub"], Jwt::parse(tokens.id_token()?)?.claims["sub"]);
    }
    stack.stop().await
}

#[tokio::test]
async fn userinfo_opens_to_its_own_tokens_only() -> Result<()> {
    let stack = stack().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let tokens = sign_in(&app, &alice, &[]).await?;
    let exchanged = Exchange::of(&tokens.access_token).to(API_B);
    let token_b: Tokens =
        exchanged.send(&stack.auth_server, &world::api_a_credentials()).await?.expect_status(200)?.read()?;
    for (what, token) in [("an ID token", tokens.id_token()?), ("token B", &token_b.access_token), ("garbage", "a.b.c")]
    {
        let answer = stack.auth_server.userinfo(token).await?;
        answer.expect_challenge(401, "invalid_token").map_err(|error| error.context(what))?;
    }
    let without_openid = sign_in(&app, &alice, &[("scope", "read:reports")]).await?;
    stack.auth_server.userinfo(&without_openid.access_token).await?.expect_challenge(401, "invalid_token")?;
    let none = stack.auth_server.get("/userinfo").await?.expect_status(401)?;
    assert!(none.challenge().starts_with("Bearer") && !none.challenge().contains("error"), "{none:?}");
    stack.stop().await
}

/// Opens the logout endpoint in the person's browser; the page that shows, or where the browser was sent.
async fn log_out(stack: &Stack, person: &Person, parameters: &[(&str, &str)]) -> Result<Landing> {
    let mut url = stack.auth_server.metadata.end_session_endpoint.clone();
    url.query_pairs_mut().extend_pairs(parameters);
    person.walk(url, &returning(stack)).await
}

fn returning(stack: &Stack) -> String {
    stack.api_a_url().to_string()
}

async fn is_signed_in(app: &App, person: &Person) -> Result<bool> {
    let silent = land(app, person, &[("prompt", "none")]).await?.callback()?;
    Ok(silent.get("error") != Some("login_required"))
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn an_app_signs_its_person_out_and_gets_them_back(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).start().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let tokens = sign_in(&app, &alice, &[]).await?;
    let (hint, back) = (tokens.id_token()?, returning(&stack));
    let asked = [("id_token_hint", hint), ("post_logout_redirect_uri", &back), ("state", "af0ifjsldkj-._~")];
    let landed = log_out(&stack, &alice, &asked).await?.callback()?;
    assert_eq!(landed.parameters, [("state".to_owned(), "af0ifjsldkj-._~".to_owned())]);
    assert!(!is_signed_in(&app, &alice).await?);

    // The demo app wants everything that it was given to end with the sign-out.
    let exchange = Exchange::of(&tokens.access_token).to(API_B);
    let refused = exchange.send(&stack.auth_server, &world::api_a_credentials()).await?;
    assert_eq!(refused.expect_error(400, "invalid_request")?.reason(), "subject_token_revoked");
    app.refresh(tokens.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    stack.stop().await
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_the_app_did_not_register_or_prove() -> Result<()> {
    let stack = stack().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let tokens = sign_in(&app, &alice, &[]).await?;
    let (hint, back) = (tokens.id_token()?, returning(&stack));
    let signature = hint.rfind('.').expect("a JWT") + 1;
    let other = if hint[signature..].starts_with('A') { 'B' } else { 'A' };
    let tampered = format!("{}{other}{}", &hint[..signature], &hint[signature + 1..]);
    let with_query = format!("{back}?foo=bar");
    for (what, parameters) in [
        ("unregistered", vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/")]),
        ("with a query of its own", vec![("id_token_hint", hint), ("post_logout_redirect_uri", &with_query)]),
        ("tampered hint", vec![("id_token_hint", &tampered), ("post_logout_redirect_uri", &back)]),
        ("an access token as the hint", vec![("id_token_hint", &tokens.access_token)]),
        ("no hint", vec![("post_logout_redirect_uri", &back)]),
        ("no hint but an unknown client", vec![("client_id", "nobody"), ("post_logout_redirect_uri", &back)]),
        ("no hint but another client", vec![("client_id", "demo-web"), ("post_logout_redirect_uri", &back)]),
    ] {
        let page = log_out(&stack, &alice, &parameters).await?.page().map_err(|error| error.context(what))?;
        assert_eq!(page.status, 400, "{what}");
        assert!(is_signed_in(&app, &alice).await?, "{what}");
    }
    stack.stop().await
}

#[tokio::test]
async fn a_person_is_asked_before_a_link_signs_them_out() -> Result<()> {
    let stack = stack().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    sign_in(&app, &alice, &[]).await?;
    let ask = async || log_out(&stack, &alice, &[]).await?.page();
    let answer = async |page: &Page, decision: &str| {
        let form = page.form(|form| form.has_button("decision", decision))?;
        alice.send(&form.press("decision", decision)).await
    };
    assert_eq!(answer(&ask().await?, "stay").await?.status, 200);
    assert!(is_signed_in(&app, &alice).await?, "who stays is signed in");
    assert_eq!(answer(&ask().await?, "sign-out").await?.status, 200);
    assert!(!is_signed_in(&app, &alice).await?);
    // There is nothing to ask somebody who is not signed in.
    assert!(ask().await?.form(|form| form.has_button("decision", "sign-out")).is_err());
    stack.stop().await
}

#[tokio::test]
async fn an_id_token_of_another_session_signs_nobody_out_unasked() -> Result<()> {
    let stack = stack().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    let elsewhere = sign_in(&app, &Person::named("alice")?, &[]).await?;
    sign_in(&app, &alice, &[]).await?;
    let page = log_out(&stack, &alice, &[("id_token_hint", elsewhere.id_token()?)]).await?.page()?;
    page.form(|form| form.has_button("decision", "sign-out"))?;
    assert!(is_signed_in(&app, &alice).await?);
    stack.stop().await
}

/// Auth0's server libraries build such a link: Section 2 names `client_id` for it.
#[tokio::test]
async fn a_client_that_keeps_no_id_token_gets_its_person_back_once_they_have_agreed() -> Result<()> {
    let stack = stack().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    sign_in(&app, &alice, &[]).await?;
    let back = returning(&stack);
    let asked = [("client_id", "demo-app"), ("post_logout_redirect_uri", &back), ("state", "s")];
    let page = log_out(&stack, &alice, &asked).await?.page()?;
    assert!(is_signed_in(&app, &alice).await?, "not before they are asked");
    let form = page.form(|form| form.has_button("decision", "sign-out"))?.press("decision", "sign-out");
    assert_eq!(alice.send(&form).await?.url.as_str(), format!("{back}?state=s"));
    assert!(!is_signed_in(&app, &alice).await?);
    stack.stop().await
}

#[tokio::test]
async fn the_alias_of_auth0_returns_to_registered_addresses_only_and_asks_first() -> Result<()> {
    let stack = stack().await?;
    let (app, alice) = (stack.app()?, Person::named("alice")?);
    sign_in(&app, &alice, &[]).await?;
    let at = |to: &str| -> Result<url::Url> {
        let mut url = url::Url::parse(&stack.auth_server.url("/v2/logout"))?;
        url.query_pairs_mut().append_pair("client_id", "demo-app").append_pair("returnTo", to);
        Ok(url)
    };
    assert_eq!(alice.look_at(at("https://evil.example/")?).await?.status, 400);
    let page = alice.look_at(at(&returning(&stack))?).await?;
    let form = page.form(|form| form.has_button("decision", "sign-out"))?.press("decision", "sign-out");
    assert!(alice.send(&form).await?.url.as_str().starts_with(&returning(&stack)), "back at the app");
    assert!(!is_signed_in(&app, &alice).await?);
    stack.stop().await
}

#[tokio::test]
async fn the_metadata_says_what_is_true_and_anybody_may_read_it() -> Result<()> {
    let stack = stack().await?;
    let document = &stack.auth_server.metadata.document;
    assert_eq!(document["issuer"], stack.issuer());
    for endpoint in
        ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"]
    {
        assert!(document[endpoint].as_str().unwrap().starts_with(stack.issuer()), "{endpoint}");
    }
    let lists = |name: &str, value: &str| document[name].as_array().unwrap().iter().any(|entry| entry == value);
    assert!(lists("id_token_signing_alg_values_supported", "RS256"));
    assert!(lists("code_challenge_methods_supported", "S256") && !lists("code_challenge_methods_supported", "plain"));
    assert!(lists("grant_types_supported", "urn:ietf:params:oauth:grant-type:token-exchange"));
    assert!(!lists("request_object_signing_alg_values_supported", "none"));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);

    for path in ["/.well-known/openid-configuration", "//.well-known/openid-configuration"] {
        let answer =
            stack.auth_server.get_url(format!("{}{path}", stack.issuer()).parse()?).await?.expect_status(200)?;
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
    }
    let oauth = stack.auth_server.get("/.well-known/oauth-authorization-server").await?.expect_status(200)?;
    assert_eq!(&oauth.json(), document);
    stack.stop().await
}

#[tokio::test]
async fn whatever_anybody_may_read_can_be_asked_about_without_its_body() -> Result<()> {
    let stack = stack().await?;
    stack.sign_in("alice").await?;
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/oauth/status",
        "/oauth/status/0",
        "/docs/on-behalf-of",
        "/assets/page.css",
        "/healthz",
        "/readyz",
        "/",
    ] {
        let (whole, about) = (stack.auth_server.get(path).await?, stack.auth_server.head(path).await?);
        assert_eq!((about.status, about.body.as_str()), (200, ""), "{path}");
        assert_eq!(about.header("content-type"), whole.header("content-type"), "{path}");
        assert_eq!(about.header("content-length"), whole.body.len().to_string(), "{path}");
    }
    for path in ["healthz", ".well-known/oauth-protected-resource"] {
        assert_eq!(stack.api_b.head(path).await?.status, 200, "{path}");
    }
    let token_endpoint = stack.auth_server.head("/oauth/token").await?;
    assert_eq!(token_endpoint.status, 405);
    stack.stop().await
}

#[tokio::test]
async fn the_key_set_holds_public_keys_with_one_use_each() -> Result<()> {
    let stack = stack().await?;
    let set = stack.auth_server.get("/.well-known/jwks.json").await?.expect_status(200)?.json();
    let keys = set["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        assert!(key["kid"].is_string() && key["alg"].is_string() && key["use"] == "sig", "{key}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    stack.stop().await
}
