//! `/oauth/explain`: what an API hears of its own exchange, what strangers and other APIs hear, and that nothing is issued.

use anyhow::Result;
use e2e::stack::{Configuration, Stack, set};
use e2e::steps::{Answer, Credentials, Exchange, Holder};
use e2e::world::{self, API_B, API_C, api_a_credentials, api_a2_credentials, demo_web_credentials};
use reqwest::header::HeaderName;
use serde_json::Value;

async fn explained(stack: &Stack, by: &Credentials, exchange: &Exchange) -> Result<Answer> {
    let endpoint = stack.auth_server.url("/oauth/explain").parse()?;
    stack.auth_server.post_form(&endpoint, by, &exchange.form()).await
}

fn rule<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["rules"].as_array().into_iter().flatten().find(|rule| rule["rule"] == name).unwrap_or(&Value::Null)
}

async fn rows(stack: &Stack, kind: &str) -> Result<usize> {
    let exported = stack.command(&["audit", "export"], |_| {}).await?;
    let kind = format!(r#""kind":"{kind}""#);
    Ok(exported.stdout.lines().filter(|row| row.replace(' ', "").contains(&kind)).count())
}

#[tokio::test]
async fn an_explanation_comes_to_the_same_as_the_exchange_and_issues_nothing() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = stack.sign_in("alice").await?.access_token;
    let bob = stack.sign_in("bob").await?.access_token;
    let issued = rows(&stack, "issued").await?;
    let mut granted = 0;
    for (subject, audience, scope) in [
        (&alice, API_B, "read:receipts"),
        (&alice, API_B, "admin:all"),
        (&bob, API_B, "write:receipts"),
        (&alice, API_C, "read:archive"),
        (&alice, "https://nowhere.example", "x"),
    ] {
        let exchange = Exchange::of(subject).to(audience).scope(scope);
        let report = explained(&stack, &api_a_credentials(), &exchange).await?.expect_status(200)?;
        assert_eq!(report.header("cache-control"), "no-store");
        let (text, report) = (report.body.clone(), report.json());
        assert_eq!(rows(&stack, "issued").await?, issued + granted, "an explanation is no issuance");
        let answer = exchange.send(&stack.auth_server, &api_a_credentials()).await?;
        granted += usize::from(answer.is_success());
        assert_eq!(report["granted"], answer.is_success(), "{report}");
        assert_eq!(report["refusal"]["error"], answer.json()["error"], "{report}");
        assert!(!text.contains("eyJ"), "no token is in it: {text}");
    }
    stack.stop().await
}

#[tokio::test]
async fn an_explanation_names_the_rule_and_the_setting_behind_it() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let bob = stack.sign_in("bob").await?.access_token;
    let exchange = Exchange::of(&bob).to(API_B).scope("write:receipts");
    let report = explained(&stack, &api_a_credentials(), &exchange).await?.expect_status(200)?.json();
    let permissions = rule(&report, "permissions");
    assert_eq!((&permissions["outcome"], &permissions["reason"]), (&"failed".into(), &"nothing_left".into()));
    assert_eq!(permissions["setting"], "apis: enforce_permissions; users: permissions");
    stack.stop().await
}

#[tokio::test]
async fn a_client_that_does_not_prove_who_it_is_hears_what_it_hears_at_the_token_endpoint() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = stack.sign_in("alice").await?.access_token;
    let exchange = Exchange::of(&alice).to(API_B).scope("read:receipts");
    let strangers = [
        Credentials::Nothing,
        Credentials::public("api-a"),
        Credentials::basic("api-a", "wrong"),
        Credentials::basic("nobody", "wrong"),
        Credentials::public(world::DEMO_APP),
        demo_web_credentials(),
    ];
    for stranger in strangers {
        let told = explained(&stack, &stranger, &exchange).await?;
        let refused = exchange.send(&stack.auth_server, &stranger).await?;
        assert_eq!((told.status, told.challenge()), (refused.status, refused.challenge()));
        let without_uri = |mut error: Value| {
            error.as_object_mut().into_iter().for_each(|error| drop(error.remove("error_uri")));
            error
        };
        assert_eq!(without_uri(told.json()), without_uri(refused.json()));
        assert!(told.status >= 400 && told.json()["rules"].is_null(), "{told:?}");
    }
    stack.stop().await
}

#[tokio::test]
async fn another_api_hears_nothing_of_a_token_that_is_not_for_it() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = stack.sign_in("alice").await?.access_token;
    let exchange = Exchange::of(&alice).to(API_B).scope("read:receipts");
    let report = explained(&stack, &api_a2_credentials(), &exchange).await?.expect_status(200)?;
    assert!(!report.body.contains("permissions there") && !report.body.contains("grant lives"), "{report:?}");
    let report = report.json();
    assert_eq!(rule(&report, "addressed_to_asker")["outcome"], "failed");
    let rules = report["rules"].as_array().cloned().unwrap_or_default();
    for rule in &rules[2..] {
        assert_eq!((&rule["outcome"], &rule["looked_at"]), (&"not_judged".into(), &Value::Null), "{rule}");
    }
    stack.stop().await
}

#[tokio::test]
async fn only_exchanges_are_explained_and_parameters_are_read_as_strictly() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let alice = stack.sign_in("alice").await?.access_token;
    let exchange = Exchange::of(&alice).to(API_B).scope("read:receipts");
    let by = api_a_credentials();
    let other = explained(&stack, &by, &exchange.clone().with("grant_type", "client_credentials")).await?;
    other.expect_error(400, "unsupported_grant_type")?;
    explained(&stack, &by, &exchange.clone().without("grant_type")).await?.expect_error(400, "invalid_request")?;
    for (mistaken, reason) in [
        (exchange.clone().and("subject_token", "x"), "parameter_repeated"),
        (exchange.clone().without("subject_token"), "subject_token_missing"),
        (exchange.with("subject_token", "Bearer x"), "subject_token_malformed"),
    ] {
        let report = explained(&stack, &by, &mistaken).await?.expect_status(200)?.json();
        let description = report["refusal"]["error_description"].as_str().unwrap_or_default().to_owned();
        assert!(report["granted"] == false && description.starts_with(reason), "{report}");
    }
    stack.stop().await
}

#[tokio::test]
async fn a_proof_for_the_token_endpoint_is_not_used_up_here() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let (holder, alice) = (Holder::new()?, stack.sign_in("alice").await?.access_token);
    let exchange = Exchange::of(&alice).to(API_B).scope("read:receipts");
    let proof = holder.proof_for_token(&stack.auth_server, None)?;
    let dpop = HeaderName::from_static("dpop");
    let endpoint = stack.auth_server.url("/oauth/explain").parse()?;
    let headers = [(dpop.clone(), proof.clone())];
    let told = stack.auth_server.post_form_with(&endpoint, &api_a_credentials(), &exchange.form(), headers).await?;
    told.expect_error(400, "invalid_dpop_proof")?;
    exchange.send_with(&stack.auth_server, &api_a_credentials(), [(dpop, proof)]).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn unless_it_is_set_there_is_no_such_endpoint() -> Result<()> {
    let off = |world: &mut Configuration| set(&mut world.auth_server, "exchange.explain_endpoint", false);
    let stack = Stack::builder().in_process().configured(off).start().await?;
    assert_eq!(stack.auth_server.metadata.document["explain_endpoint"], Value::Null);
    let alice = stack.sign_in("alice").await?.access_token;
    let exchange = Exchange::of(&alice).to(API_B).scope("read:receipts");
    explained(&stack, &api_a_credentials(), &exchange).await?.expect_status(404)?;
    stack.stop().await
}
