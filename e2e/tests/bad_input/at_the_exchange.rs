//! The exchange (design, section 5), row by row over HTTP: everything that is not allowed is refused, by name.

use anyhow::{Context, Result, ensure};
use e2e::stack::{Database, Service, Stack};
use e2e::steps::{Answer, Credentials, Exchange, Jwt, Person, Tokens, forgery};
use e2e::world::{self, API_A, API_B, api_a_credentials};
use rstest::rstest;
use serde_json::json;

use crate::longer_chain::{add_longer_chain, api, client};

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str, reason: &str) {
    assert_eq!(
        (answer.status, answer.error().as_str(), answer.reason().as_str()),
        (status, code, reason),
        "{answer:?}"
    );
    assert!(answer.header("cache-control").contains("no-store"));
    assert!(answer.header("retry-after").is_empty(), "a refusal is no reason to come again");
}

fn token_of(answer: Answer) -> Result<String> {
    let answer = answer.expect_status(200)?;
    Ok(answer.json()["access_token"].as_str().context("no access_token")?.to_owned())
}

#[tokio::test]
async fn every_wrong_request_has_its_own_refusal() -> Result<()> {
    type Change = fn(Exchange) -> Exchange;
    let cases: [(&str, &str, Change); 12] = [
        ("invalid_request", "subject_token_missing", |e| e.without("subject_token")),
        ("invalid_request", "subject_token_missing", |e| e.with("subject_token", "")),
        ("invalid_request", "subject_token_malformed", |e| e.with("subject_token", "not a token")),
        ("invalid_request", "subject_token_type_not_supported", |e| e.with("subject_token_type", ID_TOKEN)),
        ("invalid_target", "several_targets", |e| e.and("audience", "https://api-c.example")),
        ("invalid_target", "target_conflict", |e| e.and("resource", "https://api-c.example")),
        ("invalid_target", "target_not_paired", |e| e.with("audience", "https://nowhere.example")),
        ("invalid_target", "target_not_paired", |e| e.with("audience", API_A)),
        ("invalid_scope", "scope_outside_pairing", |e| e.scope("read:receipts delete:receipts")),
        ("invalid_scope", "scope_outside_pairing", |e| e.scope("read:reports")),
        ("invalid_request", "target_missing", |e| e.without("audience").scope("read:nothing")),
        ("invalid_scope", "scope_outside_pairing", |e| e.scope("read:receipt")),
    ];
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    for (code, reason, change) in cases {
        let request = change(Exchange::of(&tokens.access_token).to(API_B));
        let answer = request.send(&stack.auth_server, &api_a_credentials()).await?;
        assert_refused(&answer, 400, code, reason);
    }
    // The refusals left the token as it was.
    token_of(Exchange::of(&tokens.access_token).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?)?;
    stack.stop().await
}

#[tokio::test]
async fn the_target_may_be_named_in_two_ways_or_left_to_the_scope() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let bare = Exchange::of(&tokens.access_token);
    let ways = [
        bare.clone().to(API_B),
        bare.clone().and("resource", API_B),
        bare.clone().to(API_B).and("resource", API_B),
        bare.clone().scope("read:receipts"),
        bare.clone().to(API_B).with("subject_token_type", JWT),
    ];
    for way in ways {
        let token = token_of(way.send(&stack.auth_server, &api_a_credentials()).await?)?;
        assert_eq!(Jwt::parse(&token)?.claims["aud"], API_B);
    }
    // Without a scope the pairing's unconditional ones are meant, never everything.
    let answer = bare.to(API_B).send(&stack.auth_server, &api_a_credentials()).await?.expect_status(200)?;
    assert_eq!(answer.json()["scope"], "read:receipts");
    stack.stop().await
}

#[tokio::test]
async fn only_the_audiences_own_client_may_exchange() -> Result<()> {
    let stack = Stack::builder().configured(add_longer_chain).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let ask = Exchange::of(&tokens.access_token);
    // API B's client was never called with this token, whichever way it names the target.
    let named = [ask.clone().to(&api('c')), ask.clone().and("resource", &api('c')), ask.clone().scope("read:c")];
    for ask in named {
        let answer = ask.send(&stack.auth_server, &client('b')).await?;
        assert_refused(&answer, 400, "invalid_request", "not_addressed_to_asker");
    }
    // Clients that are no API's identity, or have no secret.
    for credentials in
        [world::demo_web_credentials(), world::demo_machine_credentials(), Credentials::public("demo-app")]
    {
        let answer = ask.clone().to(API_B).send(&stack.auth_server, &credentials).await?;
        ensure!(matches!(answer.error().as_str(), "unauthorized_client" | "invalid_client"), "{answer:?}");
    }
    let unproven = ask.to(API_B).send(&stack.auth_server, &Credentials::public("api-a")).await?;
    unproven.expect_error(401, "invalid_client")?;
    stack.stop().await
}

#[tokio::test]
async fn only_our_own_living_access_tokens_are_exchanged() -> Result<()> {
    let stack = Stack::builder().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let good = &tokens.access_token;
    let keys = stack.auth_server.jwks().await?;
    let list = stack.auth_server.get("/oauth/status/0").await?.expect_status(200)?.body;
    let (code, _) = stack.app()?.obtain_code(&Person::named("alice")?).await?;
    let mut subjects = vec![
        ("a status list, which is signed by the same key", list),
        ("a code", code),
        ("an opaque text", "b3BhcXVl".to_owned()),
        ("an ID token", tokens.id_token()?.to_owned()),
        ("a refresh token", tokens.refresh_token()?.to_owned()),
        ("a header's value", format!("Bearer {good}")),
        ("another user", forgery::tampered(good, "sub", json!("usr_other"))?),
        ("a longer life", forgery::tampered(good, "exp", json!(4_102_444_800_i64))?),
        ("alg none", forgery::unsigned(good, "none")?),
        ("a foreign key", forgery::signed_by_a_foreign_key(good)?),
        ("a broken signature", forgery::with_a_broken_signature(good)?),
        ("too long", format!("{good}{}", "A".repeat(10_000))),
    ];
    let public_key = forgery::signed_with_the_public_key(good, &keys)?;
    subjects.extend(public_key.into_iter().map(|token| ("HS256 with the public key", token)));
    for (name, subject) in subjects {
        let answer = Exchange::of(&subject).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
        let refused = answer.expect_error(400, "invalid_request").with_context(|| name)?;
        ensure!(refused.reason().starts_with("subject_token_"), "{name}: {refused:?}");
        ensure!(!refused.body.contains(&subject), "{name}: the answer repeats the token");
    }
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_revoked_grant_ends_the_whole_chain(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().on(database).configured(add_longer_chain).start().await?;
    let app = stack.app()?;
    let (code, request) = app.obtain_code(&Person::named("alice")?).await?;
    let tokens: Tokens = app.redeem(&code, &request.verifier).await?.expect_status(200)?.read()?;
    let exchange = Exchange::of(&tokens.access_token).to(API_B);
    let token_b = token_of(exchange.send(&stack.auth_server, &client('a')).await?)?;
    let further = Exchange::of(&token_b).to(&api('c'));
    token_of(further.send(&stack.auth_server, &client('b')).await?)?;
    // A replay revokes the grant: no token of its chain is exchanged any more.
    app.redeem(&code, &request.verifier).await?.expect_error(400, "invalid_grant")?;
    let answer = exchange.send(&stack.auth_server, &client('a')).await?;
    assert_refused(&answer, 400, "invalid_request", "subject_token_revoked");
    let answer = further.send(&stack.auth_server, &client('b')).await?;
    assert_refused(&answer, 400, "invalid_request", "subject_token_revoked");
    stack.stop().await
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn nobody_acts_for_a_blocked_user(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let mut stack = Stack::builder().on(database).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let block = |configuration: &mut e2e::stack::Configuration| {
        let users = configuration.auth_server["users"].as_array_mut().expect("users");
        let alice = users.iter_mut().find(|user| user["username"].as_str() == Some("alice")).expect("alice");
        alice.as_table_mut().expect("a table").insert("blocked".to_owned(), true.into());
    };
    stack.restart_with(Service::AuthServer, block).await?;
    let answer = Exchange::of(&tokens.access_token).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
    assert_refused(&answer, 400, "invalid_request", "user_blocked");
    stack.app()?.refresh(tokens.refresh_token()?).await?.expect_error(400, "invalid_grant")?;
    stack.auth_server.userinfo(&tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    stack.stop().await
}

#[tokio::test]
async fn a_chain_has_an_end_and_never_turns_back() -> Result<()> {
    let stack = Stack::builder().configured(add_longer_chain).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let (mut token, mut actors) = (tokens.access_token.clone(), vec!["demo-app".to_owned()]);
    for (source, target) in [('a', 'b'), ('b', 'c'), ('c', 'd'), ('d', 'e')] {
        let exchange = Exchange::of(&token).to(&api(target));
        token = token_of(exchange.send(&stack.auth_server, &client(source)).await?)?;
        actors.insert(0, format!("api-{source}"));
        let parsed = Jwt::parse(&token)?;
        assert_eq!(parsed.actors(), actors);
        assert_eq!(parsed.claims["txn"], Jwt::parse(&tokens.access_token)?.claims["txn"]);
        if target == 'b' {
            let back = Exchange::of(&token).to(API_A).send(&stack.auth_server, &client('b')).await?;
            assert_refused(&back, 400, "invalid_request", "chain_loops");
        }
    }
    let deeper = Exchange::of(&token).to(&api('f')).send(&stack.auth_server, &client('e')).await?;
    assert_refused(&deeper, 400, "invalid_request", "chain_too_deep");
    stack.stop().await
}

/// Keycloak CVE-2026-9704: a parameter that was too long was dropped, and the request went on as another grant.
#[tokio::test]
async fn an_exchange_never_becomes_another_grant() -> Result<()> {
    let stack = Stack::builder().start().await?;
    for length in [4_001, 20_000] {
        let subject = "A".repeat(length);
        let answer = Exchange::of(&subject).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
        ensure!(!answer.is_success() && answer.error() == "invalid_request", "{length}: {answer:?}");
    }
    stack.stop().await
}
