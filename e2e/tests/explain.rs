//! The auth server's command line, beside a running server: `exchange explain`.

use anyhow::Result;
use e2e::stack::{Said, Stack};
use e2e::steps::Exchange;
use e2e::world::{API_B, API_C, api_a_credentials};
use serde_json::Value;

async fn said(stack: &Stack, arguments: &[&str]) -> Result<Said> {
    stack.command(arguments, |_| {}).await
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_default()
}

/// Explains, and asks for real; both must come to the same.
async fn explained(stack: &Stack, subject: &str, audience: &str, scope: &str) -> Result<Value> {
    let arguments = ["exchange", "explain", "--json", "--client", "api-a", "--subject-token", subject];
    let said = said(stack, &[&arguments[..], &["--audience", audience, "--scope", scope]].concat()).await?;
    let exchange = Exchange::of(subject).to(audience).scope(scope);
    let answer = exchange.send(&stack.auth_server, &api_a_credentials()).await?;
    let report = json(&said);
    assert_eq!(report["granted"], answer.is_success(), "{said:?}");
    assert_eq!(said.code, i32::from(!answer.is_success()));
    if answer.is_success() {
        assert_eq!(report["token"]["scope"], answer.json()["scope"]);
    } else {
        // Where this server has a page about it, only the running server says.
        let mut refusal = answer.json();
        refusal.as_object_mut().into_iter().for_each(|refusal| drop(refusal.remove("error_uri")));
        assert_eq!(report["refusal"], refusal);
    }
    assert!(!said.stdout.contains(subject) && !said.stderr.contains(subject), "the token is repeated");
    Ok(report)
}

#[tokio::test]
async fn an_explanation_comes_to_the_same_as_the_exchange() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let (alice, bob) = (stack.sign_in("alice").await?, stack.sign_in("bob").await?);
    let granted = explained(&stack, &alice.access_token, API_B, "read:receipts").await?;
    let rules = granted["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert!(rules.len() > 15 && rules.iter().all(|rule| rule["outcome"] == "passed"), "{granted}");

    let refused = explained(&stack, &bob.access_token, API_B, "write:receipts").await?;
    let rules = refused["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed: Vec<_> = rules.iter().filter(|rule| rule["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{refused}");
    assert_eq!((&failed[0]["rule"], &failed[0]["reason"]), (&"permissions".into(), &"nothing_left".into()));
    assert_eq!(failed[0]["setting"], "apis: enforce_permissions; users: permissions");

    for (subject, audience, scope, reason) in [
        (alice.access_token.as_str(), API_C, "read:archive", "consent_missing"),
        (&alice.access_token, "https://nowhere.example", "x", "target_not_paired"),
        (alice.id_token()?, API_B, "read:receipts", "subject_token_not_an_access_token"),
        ("x", API_B, "read:receipts", "subject_token_malformed"),
    ] {
        let report = explained(&stack, subject, audience, scope).await?;
        let description = report["refusal"]["error_description"].as_str().unwrap_or_default();
        assert!(description.starts_with(reason), "{report}");
    }
    stack.stop().await
}

#[tokio::test]
async fn an_explanation_for_people_says_which_rule_failed_and_what_decides_it() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let bob = stack.sign_in("bob").await?;
    let question = ["exchange", "explain", "--client", "api-a", "--audience", API_B, "--scope", "write:receipts"];
    let told = said(&stack, &[&question[..], &["--subject-token", &bob.access_token]].concat()).await?;
    assert_eq!(told.code, 1, "{told:?}");
    for words in [
        "pass  target",
        "FAIL  permissions",
        "nothing_left; decided by apis: enforce_permissions",
        "refused: invalid_scope",
    ] {
        assert!(told.stdout.contains(words), "{words:?} is not said: {}", told.stdout);
    }
    let nobody = ["exchange", "explain", "--client", "nobody", "--subject-token", "x", "--audience", API_B];
    let mistaken = said(&stack, &nobody).await?;
    assert!(mistaken.code == 2 && mistaken.stderr.contains("client identities of APIs are api-a"), "{mistaken:?}");
    stack.stop().await
}
