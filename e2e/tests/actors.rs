//! Agents: a worker that acts inside API A shows its own token beside the user's (RFC 8693 section 2.1, `actor_token`), and
//! `may_act` names who alone may act (section 4.4).

#![expect(clippy::expect_used, reason = "a test ends where it fails")]

use anyhow::{Context, Result};
use e2e::stack::{Configuration, Database, Stack};
use e2e::steps::{Answer, Credentials, Exchange, Jwt};
use e2e::world::{API_A, API_B, api_a_credentials, demo_machine_credentials};
use rstest::rstest;
use toml::Table;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SECRET: &str = "report-worker-secret-0123456789abcdefghijklmnopqrstu";

/// The demo world, and a worker that acts inside API A.
fn add_worker(world: &mut Configuration) {
    let worker = format!(
        "id = 'report-worker'\nname = 'Report worker'\nsecret = '{SECRET}'\ngrant_types = ['client_credentials']\n\
         allowed_scopes = {{ '{API_A}' = ['read:reports'] }}\nagent_of = 'api-a'"
    );
    world.add("clients", &worker).expect("the worker's TOML");
}

async fn own_token(stack: &Stack, credentials: &Credentials) -> Result<String> {
    let form = [("grant_type", "client_credentials"), ("audience", API_A), ("scope", "read:reports")];
    token(&stack.auth_server.token(credentials, &form).await?.expect_status(200)?)
}

fn token(answer: &Answer) -> Result<String> {
    Ok(answer.json()["access_token"].as_str().context("no access_token")?.to_owned())
}

async fn exchange(stack: &Stack, subject: &str, actor: &str) -> Result<Answer> {
    let exchange = Exchange::of(subject).to(API_B).with("actor_token", actor).with("actor_token_type", ACCESS_TOKEN);
    exchange.send(&stack.auth_server, &api_a_credentials()).await
}

fn worker() -> Credentials {
    Credentials::basic("report-worker", SECRET)
}

#[rstest]
#[case::sqlite(Database::Sqlite)]
#[case::postgres(Database::Postgres)]
#[tokio::test]
async fn a_worker_inside_api_a_is_named_as_the_actor_and_api_b_sees_it(#[case] database: Database) -> Result<()> {
    if database.is_left_out() {
        return Ok(());
    }
    let stack = Stack::builder().in_process().on(database).configured(add_worker).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let actor = own_token(&stack, &worker()).await?;
    let token_b = token(&exchange(&stack, &tokens.access_token, &actor).await?.expect_status(200)?)?;
    let (a, b) = (Jwt::parse(&tokens.access_token)?, Jwt::parse(&token_b)?);
    assert_eq!(b.actors(), ["report-worker", "demo-app"]);
    assert_eq!((&b.claims["act"]["client_id"], &b.claims["client_id"]), (&"api-a".into(), &"api-a".into()));
    for claim in ["sub", "txn", "sid", "auth_time"] {
        assert_eq!(a.claims[claim], b.claims[claim], "{claim} is the user's own");
    }
    let me = stack.api_b.me(&token_b).await?.expect_status(200)?.json();
    assert_eq!(me["act"]["sub"], "report-worker");
    stack.stop().await
}

#[tokio::test]
async fn two_chains_are_never_spliced() -> Result<()> {
    let stack = Stack::builder().in_process().configured(add_worker).start().await?;
    let (alice, bob) = (stack.sign_in("alice").await?, stack.sign_in("bob").await?);
    let token_b = Exchange::of(&bob.access_token).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
    let token_b = token(&token_b.expect_status(200)?)?;
    let machine = own_token(&stack, &demo_machine_credentials()).await?;
    let cases = [
        ("the subject itself", alice.access_token.as_str(), "actor_is_the_subject"),
        ("another user", &bob.access_token, "actor_not_a_machine"),
        ("another user's chain", &token_b, "actor_not_a_machine"),
        ("a machine that is no agent", &machine, "actor_not_of_asker"),
        ("an ID token", bob.id_token()?, "actor_token_not_an_access_token"),
        ("no token", "x", "actor_token_invalid"),
    ];
    for (what, actor, reason) in cases {
        let refused = exchange(&stack, &alice.access_token, actor).await?.expect_error(400, "invalid_request");
        assert_eq!(refused.context(what)?.reason(), reason, "{what}");
    }
    stack.stop().await
}

#[tokio::test]
async fn may_act_of_the_app_names_who_alone_may_act_for_its_users() -> Result<()> {
    let only_the_worker = |world: &mut Configuration| {
        add_worker(world);
        let may_act = Table::from_iter([("sub".into(), "report-worker".into()), ("client_id".into(), "api-a".into())]);
        world.set_in("clients", ("id", "demo-app"), "may_act", may_act);
    };
    let stack = Stack::builder().in_process().configured(only_the_worker).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let may_act = &Jwt::parse(&tokens.access_token)?.claims["may_act"];
    assert_eq!(may_act, &serde_json::json!({ "sub": "report-worker", "client_id": "api-a" }));
    let alone = Exchange::of(&tokens.access_token).to(API_B).send(&stack.auth_server, &api_a_credentials()).await?;
    assert_eq!(alone.expect_error(400, "invalid_request")?.reason(), "may_act_names_another");
    let actor = own_token(&stack, &worker()).await?;
    let token_b = token(&exchange(&stack, &tokens.access_token, &actor).await?.expect_status(200)?)?;
    assert!(Jwt::parse(&token_b)?.claims.get("may_act").is_none(), "it was the app's, and is not copied");
    stack.stop().await
}

#[tokio::test]
async fn a_revoked_actor_names_nobody() -> Result<()> {
    let mut stack = Stack::builder().in_process().configured(add_worker).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let actor = own_token(&stack, &worker()).await?;
    exchange(&stack, &tokens.access_token, &actor).await?.expect_status(200)?;
    let without_worker = |world: &mut Configuration| world.remove("clients", ("id", "report-worker"));
    stack.restart_with(e2e::stack::Service::AuthServer, without_worker).await?;
    let refused = exchange(&stack, &tokens.access_token, &actor).await?.expect_error(400, "invalid_request")?;
    assert_eq!(refused.reason(), "actor_not_of_asker");
    stack.stop().await
}
