//! The auth server's command line about acting on behalf of a user: `exchange graph` and `exchange explain`.

use anyhow::Result;
use e2e::stack::{Configuration, Said, Stack};
use e2e::steps::Exchange;
use e2e::world::{API_B, API_C, api_a_credentials};
use rstest::rstest;
use serde_json::Value;

async fn said(stack: &Stack, arguments: &[&str]) -> Result<Said> {
    stack.command(arguments, |_| {}).await
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_default()
}

#[tokio::test]
async fn the_graph_names_every_way_and_who_can_reach_a_scope() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let all = said(&stack, &["exchange", "graph"]).await?;
    assert_eq!(all.code, 0, "{all:?}");
    let tree = [
        "demo-app (users sign in)\n",
        "   -> https://api-a.example  read:reports write:reports\n",
        "      -> https://api-b.example  read:receipts write:receipts  (as far as the user's permissions go)\n",
        "      -> https://api-c.example  read:archive  (once the user has agreed)\n",
    ];
    assert!(all.stdout.starts_with(&tree.concat()), "{}", all.stdout);

    let archive = format!("{API_C}/read:archive");
    let reaching = said(&stack, &["exchange", "graph", "--can-reach", &archive, "--format", "json"]).await?;
    let apps: Vec<_> = json(&reaching).as_array().into_iter().flatten().map(|way| way["app"].clone()).collect();
    assert_eq!((reaching.code, apps), (0, vec!["demo-app".into(), "demo-web".into()]));
    for format in ["mermaid", "dot"] {
        let drawn = said(&stack, &["exchange", "graph", "--format", format]).await?;
        assert!(drawn.code == 0 && drawn.stdout.contains("read:archive"), "{drawn:?}");
    }
    stack.stop().await
}

#[tokio::test]
async fn nobody_reaches_a_scope_behind_a_pairing_that_is_gone() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let unpaired = |world: &mut Configuration| {
        world.auth_server["pairings"].as_array_mut().into_iter().for_each(Vec::clear);
    };
    let nobody = stack.command(&["exchange", "graph", "--can-reach", "read:archive"], unpaired).await?;
    assert_eq!((nobody.code, nobody.stdout.as_str()), (1, "nobody\n"));
    stack.stop().await
}

#[tokio::test]
async fn a_change_that_opens_a_way_fails_a_pull_request() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let directory = stack.directory();
    let file = |name: &str| directory.join(name).display().to_string();
    let demo = include_str!("../../demo/auth-server.toml");
    std::fs::write(file("old.toml"), demo)?;
    std::fs::write(file("wider.toml"), demo.replace(", requires = \"write:reports\"", ""))?;
    std::fs::write(file("broken.toml"), demo.replace("[[pairings]]", "[[parings]]"))?;
    let diff = async |old: &str, new: &str, more: &[&str]| {
        let (old, new) = (file(old), file(new));
        let arguments = [&["exchange", "graph", "--diff", &old, &new], more].concat();
        said(&stack, &arguments).await
    };
    let opened = diff("old.toml", "wider.toml", &[]).await?;
    assert_eq!(opened.code, 1, "{opened:?}");
    let line = "opens   demo-app (users sign in, with no more than read:reports) -> https://api-a.example -> \
                https://api-b.example: write:receipts\n";
    assert!(opened.stdout.contains(line), "{}", opened.stdout);
    let closed = diff("wider.toml", "old.toml", &["--format", "json"]).await?;
    assert_eq!((closed.code, json(&closed)["opened"].as_array().map(Vec::len)), (0, Some(0)), "{closed:?}");
    let same = diff("old.toml", "old.toml", &[]).await?;
    assert_eq!((same.code, same.stdout.as_str()), (0, "no way is opened or closed\n"));
    assert_eq!(diff("old.toml", "broken.toml", &[]).await?.code, 2);
    assert_eq!(diff("old.toml", "nowhere.toml", &[]).await?.code, 2);
    stack.stop().await
}

#[rstest]
#[case::unknown_scope(&["--can-reach", "read:nothing"], "no API has the scope read:nothing")]
#[case::both(&["--can-reach", "read:archive", "--diff", "a", "b"], "cannot be used with")]
#[case::one_file(&["--diff", "a"], "2 values required")]
#[case::unknown_format(&["--format", "png"], "possible values: text, mermaid, dot, json")]
#[tokio::test]
async fn a_question_that_cannot_be_meant_is_a_mistake(#[case] arguments: &[&str], #[case] words: &str) -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let refused = said(&stack, &[&["exchange", "graph"], arguments].concat()).await?;
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains(words), "{}", refused.stderr);
    stack.stop().await
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
        assert_eq!(report["refusal"], answer.json());
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
