//! Every parameter of both dialects, wrong in every way: missing, empty, twice, oversize, malformed, in the wrong case. Each
//! has its own answer, and none is read past.

use anyhow::Result;
use e2e::stack::{Configuration, Stack};
use e2e::steps::{Credentials, Tokens};
use e2e::world::{API_A, API_B, api_a_credentials};

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SECRET: &str = "matrix-secret-0123456789abcdefghijklmnopqrstuvwxyz";

type Form = Vec<(String, String)>;

fn add_worker(world: &mut Configuration) {
    let worker = format!(
        "id = 'worker'\nname = 'Worker'\nsecret = '{SECRET}'\ngrant_types = ['client_credentials']\n\
         allowed_scopes = {{ '{API_A}' = ['read:reports'] }}\nagent_of = 'api-a'"
    );
    world.add("clients", &worker).unwrap_or_default();
}

/// What happens to one parameter of a good request.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Missing,
    Empty,
    Twice,
    Oversize,
    Malformed,
    WrongCase,
}

impl Fault {
    const ALL: [Self; 6] = [Self::Missing, Self::Empty, Self::Twice, Self::Oversize, Self::Malformed, Self::WrongCase];

    fn of(self, form: &Form, name: &str) -> Form {
        let mut form = form.clone();
        let Some(place) = form.iter().position(|(known, _)| known == name) else { return form };
        match self {
            Self::Missing => drop(form.remove(place)),
            Self::Empty => form[place].1.clear(),
            Self::Twice => form.push(form[place].clone()),
            Self::Oversize => form[place].1 = "a".repeat(17 * 1024),
            Self::Malformed => "\u{7f}\"".clone_into(&mut form[place].1),
            Self::WrongCase => form[place].0 = name.to_uppercase(),
        }
        form
    }
}

fn form(pairs: &[(&str, &str)]) -> Form {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn reason(stack: &Stack, form: &Form) -> Result<String> {
    let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = stack.auth_server.token(&api_a_credentials(), &form).await?;
    assert!(answer.status == 200 || answer.status == 400, "{answer:?}");
    if answer.is_success() {
        return Ok(format!("granted {}", answer.json()["scope"].as_str().unwrap_or_default()));
    }
    assert!(!answer.body.contains(&"a".repeat(100)), "the answer repeats what was sent");
    Ok(answer.reason())
}

/// For each parameter the answers to [`Fault::ALL`], in their order.
async fn judge(stack: &Stack, good: &Form, expected: &[(&str, [&str; 6])]) -> Result<()> {
    assert!(reason(stack, good).await?.starts_with("granted"));
    for (name, answers) in expected {
        for (fault, answer) in Fault::ALL.into_iter().zip(answers) {
            assert_eq!(reason(stack, &fault.of(good, name)).await?, *answer, "{name} {fault:?}");
        }
    }
    let all: Vec<_> = good.iter().map(|(name, _)| name.as_str()).collect();
    assert!(all.iter().all(|name| expected.iter().any(|(known, _)| known == name)), "a parameter is left out: {all:?}");
    Ok(())
}

async fn people(stack: &Stack) -> Result<(Tokens, String)> {
    let alice = stack.sign_in("alice").await?;
    let own = [("grant_type", "client_credentials"), ("audience", API_A), ("scope", "read:reports")];
    let worker: Tokens =
        stack.auth_server.token(&Credentials::basic("worker", SECRET), &own).await?.expect_status(200)?.read()?;
    Ok((alice, worker.access_token))
}

#[tokio::test]
async fn every_parameter_of_the_token_exchange_has_its_own_answer_to_every_fault() -> Result<()> {
    let stack = Stack::builder().in_process().configured(add_worker).start().await?;
    let (alice, worker) = people(&stack).await?;
    let good = form(&[
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", &alice.access_token),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", API_B),
        ("scope", "read:receipts"),
        ("requested_token_type", ACCESS_TOKEN),
        ("actor_token", &worker),
        ("actor_token_type", ACCESS_TOKEN),
    ]);
    let (twice, large, empty) = ("parameter_repeated", "parameter_too_long", "parameter_empty");
    let granted = "granted read:receipts";
    let no_type = "parameter_missing";
    let no_subject = "subject_token_missing";
    let no_subject_type = "subject_token_type_missing";
    let (no_actor, no_actor_type) = ("actor_token_type_unexpected", "actor_token_type_missing");
    let answers = [
        ("grant_type", [no_type, no_type, twice, large, "grant_type_unknown", no_type]),
        ("subject_token", [no_subject, no_subject, twice, large, "subject_token_malformed", no_subject]),
        (
            "subject_token_type",
            [no_subject_type, no_subject_type, twice, large, "subject_token_type_not_supported", no_subject_type],
        ),
        // A token is for one target, however often it is named; without one the scope names it.
        ("audience", [granted, empty, "several_targets", large, "target_not_paired", granted]),
        ("scope", [granted, empty, twice, large, "scope_malformed", granted]),
        ("requested_token_type", [granted, empty, twice, large, "requested_token_type_not_supported", granted]),
        ("actor_token", [no_actor, empty, twice, large, "actor_token_malformed", no_actor]),
        ("actor_token_type", [no_actor_type, empty, twice, large, "actor_token_type_not_supported", no_actor_type]),
    ];
    judge(&stack, &good, &answers).await?;
    stack.stop().await
}

#[tokio::test]
async fn every_parameter_of_jwt_bearer_has_its_own_answer_to_every_fault() -> Result<()> {
    let stack = Stack::builder().in_process().configured(add_worker).start().await?;
    let (alice, worker) = people(&stack).await?;
    let scope = format!("{API_B}/read:receipts");
    let good = form(&[
        ("grant_type", JWT_BEARER),
        ("assertion", &alice.access_token),
        ("requested_token_use", "on_behalf_of"),
        ("scope", &scope),
        ("actor_token", &worker),
        ("actor_token_type", ACCESS_TOKEN),
    ]);
    let (twice, large, empty) = ("parameter_repeated", "parameter_too_long", "parameter_empty");
    let (missing, no_use, no_target) = ("parameter_missing", "requested_token_use_not_supported", "target_missing");
    let (no_actor, no_actor_type) = ("actor_token_type_unexpected", "actor_token_type_missing");
    let answers = [
        ("grant_type", [missing, missing, twice, large, "grant_type_unknown", missing]),
        ("assertion", [missing, missing, twice, large, "subject_token_malformed", missing]),
        ("requested_token_use", [no_use, no_use, twice, large, no_use, no_use]),
        ("scope", [no_target, no_target, twice, large, "scope_malformed", no_target]),
        ("actor_token", [no_actor, empty, twice, large, "actor_token_malformed", no_actor]),
        ("actor_token_type", [no_actor_type, empty, twice, large, "actor_token_type_not_supported", no_actor_type]),
    ];
    judge(&stack, &good, &answers).await?;
    stack.stop().await
}
