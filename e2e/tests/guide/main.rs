//! docs/on-behalf-of.md: each example on the page is a request that is made here, and the answer that came. With
//! `UPDATE_GUIDE=1` the examples are written anew.

#![expect(clippy::expect_used, reason = "a test ends where it fails")]

mod requests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use e2e::stack::{Configuration, Stack};
use e2e::steps::{Answer, Credentials, Exchange, Person, Tokens};
use e2e::world::{self, API_A, API_B, API_C};
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;
use shared_claims::{Clock, ManualClock, SystemClock};
use time::Duration;
use toml::Table;

use requests::{bound, for_later, grants, refusals, what_was_ended, wrong_requests};

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const SECRET: &str = "guide-secret-0123456789abcdefghijklmnopqrstuvwxyz";

/// An API that takes bound tokens only.
const VAULT: &str = "https://vault.example";

/// Reasons that no request can bring about in a world that its configuration's checks let through, or not yet.
const WITHOUT_EXAMPLE: [&str; 2] = ["not_an_api_client", "actor_token_revoked"];

/// One example: its name, what was sent, and what came.
struct Example {
    name: String,
    text: String,
}

/// The world of the guide: the demo's, and what it takes to meet every rule.
fn every_rule(world: &mut Configuration) {
    let client = |id: &str, more: &str| format!("id = '{id}'\nname = '{id}'\nsecret = '{SECRET}'\n{more}");
    let machine =
        format!("grant_types = ['client_credentials']\nallowed_scopes = {{ '{API_A}' = ['read:reports'] }}\n");
    let clients = [
        client("report-worker", &format!("{machine}agent_of = 'api-a'")),
        client("other-machine", &format!("{machine}may_act = {{ client_id = 'api-b' }}")),
        client("api-b", &format!("grant_types = ['{TOKEN_EXCHANGE}']\napi = '{API_B}'")),
    ];
    for client in clients {
        world.add("clients", &client).expect("a client's TOML");
    }
    world.set_in("pairings", ("target", API_B), "machine_subjects", true);
    pair(world, API_B, API_A, "read:reports");
    let vault = format!(
        "identifier = '{VAULT}'\nname = 'Vault'\nscopes = {{ 'read:vault' = 'See your vault' }}\nskip_consent = true\n\
         dpop_bound_access_tokens_required = true"
    );
    world.add("apis", &vault).expect("an API's TOML");
    pair(world, API_A, VAULT, "read:vault");
    let demanded = "'write:receipts' = { max_age = '5m' }".parse::<Table>().expect("TOML");
    world.set_in("apis", ("identifier", API_B), "sign_in", demanded);
    world.set_in("apis", ("identifier", API_C), "allow_offline_access", true);
}

fn pair(world: &mut Configuration, source: &str, target: &str, scope: &str) {
    let pairing = format!("source = '{source}'\ntarget = '{target}'\nscopes = ['{scope}']");
    world.add("pairings", &pairing).expect("a pairing's TOML");
}

fn without_the_pairing_of_a_and_b(world: &mut Configuration) {
    world.remove("pairings", ("target", API_B));
}

/// Asks, and keeps what was asked and answered under a name.
struct Writer<'a> {
    stack: &'a Stack,
    /// Tokens, by the names that the page gives them.
    names: Vec<(String, String)>,
    examples: Vec<Example>,
}

impl Writer<'_> {
    fn name(&mut self, token: &str, name: &str) {
        self.names.push((token.to_owned(), name.to_owned()));
    }

    async fn own_token(&self, client: &str) -> Result<String> {
        let form = [("grant_type", "client_credentials"), ("audience", API_A), ("scope", "read:reports")];
        let answer = self.stack.auth_server.token(&Credentials::basic(client, SECRET), &form).await?;
        access_token(&answer.expect_status(200)?)
    }

    /// A token exchange by API A.
    async fn exchange(&mut self, name: &str, subject: &str, more: &[(&str, &str)]) -> Result<Answer> {
        let mut form =
            vec![("grant_type", TOKEN_EXCHANGE), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)];
        form.extend_from_slice(more);
        self.ask(name, &world::api_a_credentials(), &form).await
    }

    /// The same in Microsoft's dialect.
    async fn on_behalf_of(&mut self, name: &str, subject: &str, more: &[(&str, &str)]) -> Result<Answer> {
        let mut form = vec![("grant_type", JWT_BEARER), ("assertion", subject)];
        form.extend_from_slice(more);
        self.ask(name, &world::api_a_credentials(), &form).await
    }

    async fn ask(&mut self, name: &str, credentials: &Credentials, form: &[(&str, &str)]) -> Result<Answer> {
        self.ask_with(name, credentials, form, None).await
    }

    /// With a proof of possession in the header `DPoP`.
    async fn ask_with(
        &mut self,
        name: &str,
        credentials: &Credentials,
        form: &[(&str, &str)],
        proof: Option<HeaderValue>,
    ) -> Result<Answer> {
        let header = if proof.is_some() { "DPoP: $PROOF\n" } else { "" };
        let headers = proof.map(|proof| (HeaderName::from_static("dpop"), proof));
        let answer = self.stack.auth_server.token_with(credentials, form, headers).await?;
        if answer.is_success() {
            ensure!(name.starts_with("granted"), "{name}: {answer:?}");
        } else {
            ensure!(answer.reason() == name, "{name}: {answer:?}");
        }
        let text = self.written(credentials, header, form, &answer)?;
        self.examples.push(Example { name: name.to_owned(), text });
        Ok(answer)
    }

    fn written(
        &self,
        credentials: &Credentials,
        header: &str,
        form: &[(&str, &str)],
        answer: &Answer,
    ) -> Result<String> {
        let client = credentials.client_id();
        let mut text = format!("```http\nPOST /oauth/token\nAuthorization: Basic {client}:secret\n{header}\n");
        for (name, value) in form {
            writeln!(text, "{name}={}", self.named(value))?;
        }
        let mut body = answer.json();
        for (member, shown) in [("access_token", "$TOKEN_B"), ("refresh_token", "..."), ("id_token", "eyJ...")] {
            if let Some(value) = body.get_mut(member) {
                *value = shown.into();
            }
        }
        let body = serde_json::to_string_pretty(&body)?.replace(self.stack.issuer(), "http://localhost:9000");
        write!(text, "```\n\n```json\n{}\n```\n", self.named(&body))?;
        let raw = text.split("eyJ").skip(1).any(|rest| !rest.starts_with("...\""));
        ensure!(!raw, "a token without a name is on its way to the page");
        Ok(text)
    }

    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (token, name)| text.replace(token, name))
    }
}

fn access_token(answer: &Answer) -> Result<String> {
    Ok(answer.json()["access_token"].as_str().context("no access_token")?.to_owned())
}

async fn every_example() -> Result<Vec<Example>> {
    let clock = ManualClock::at(SystemClock.now());
    let stack = Stack::builder().in_process().with_clock(clock.clone()).configured(every_rule).start().await?;
    let alice = stack.sign_in("alice").await?;
    let mut guide = Writer { stack: &stack, names: Vec::new(), examples: Vec::new() };
    guide.name(&alice.access_token, "$TOKEN_A");
    guide.name(alice.id_token()?, "$ID_TOKEN");
    let worker = guide.own_token("report-worker").await?;
    guide.name(&worker, "$WORKER");
    wrong_requests(&mut guide, &alice, &worker).await?;
    grants(&mut guide, &alice.access_token, &worker).await?;
    refusals(&mut guide, &alice, &worker).await?;
    bound(&mut guide, &alice.access_token, &clock).await?;
    for_later(&mut guide).await?;

    let to_b = ("audience", API_B);
    clock.advance(Duration::minutes(6));
    guide.exchange("sign_in_too_weak", &alice.access_token, &[to_b, ("scope", "write:receipts")]).await?;
    clock.advance(Duration::seconds(235));
    guide.exchange("lifetime_too_short", &alice.access_token, &[to_b]).await?;
    clock.advance(Duration::seconds(10));
    guide.exchange("subject_token_expired", &alice.access_token, &[to_b]).await?;
    let alice: Tokens = stack.app()?.refresh(alice.refresh_token()?).await?.expect_status(200)?.read()?;
    guide.name(&alice.access_token, "$TOKEN_A");
    let actor = [to_b, ("actor_token", &worker), ("actor_token_type", ACCESS_TOKEN)];
    guide.exchange("actor_token_expired", &alice.access_token, &actor).await?;
    what_was_ended(&mut guide, &alice).await?;
    let mut examples = guide.examples;
    stack.stop().await?;
    examples.push(too_deep().await?);
    Ok(examples)
}

/// In a world whose chains may have two actors.
async fn too_deep() -> Result<Example> {
    let short_chains = |world: &mut Configuration| {
        every_rule(world);
        e2e::stack::set(&mut world.auth_server, "exchange.max_actors", 2);
        pair(world, API_B, API_C, "read:archive");
    };
    let stack = Stack::builder().in_process().configured(short_chains).start().await?;
    let alice = stack.sign_in("alice").await?;
    let answer =
        Exchange::of(&alice.access_token).to(API_B).send(&stack.auth_server, &world::api_a_credentials()).await?;
    let token_b = access_token(&answer.expect_status(200)?)?;
    let mut guide =
        Writer { stack: &stack, names: vec![(token_b.clone(), "$TOKEN_B".to_owned())], examples: Vec::new() };
    let form = [("grant_type", TOKEN_EXCHANGE), ("subject_token", &token_b), ("subject_token_type", ACCESS_TOKEN)];
    let form = [&form[..], &[("audience", API_C)]].concat();
    guide.ask("chain_too_deep", &Credentials::basic("api-b", SECRET), &form).await?;
    let example = guide.examples.pop().context("no example");
    stack.stop().await?;
    example
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/on-behalf-of.md")
}

/// The page with its examples put in, each between its two marks.
fn with_examples(page: &str, examples: &[Example]) -> Result<String> {
    let mut text = page.to_owned();
    for Example { name, text: example } in examples {
        let mark = format!("<!-- example: {name} -->\n");
        let start = text.find(&mark).with_context(|| format!("the page has no place for {name}"))? + mark.len();
        let end = text[start..].find("<!-- /example -->").context("an example without an end")? + start;
        text.replace_range(start..end, example);
    }
    let places: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("<!-- example: ")?.strip_suffix(" -->")).collect();
    let made: BTreeSet<_> = examples.iter().map(|example| example.name.as_str()).collect();
    ensure!(places == made, "without an example: {:?}", places.difference(&made));
    Ok(text)
}

#[tokio::test]
async fn the_guide_shows_what_really_happens() -> Result<()> {
    let written = std::fs::read_to_string(page())?;
    let true_page = with_examples(&written, &Box::pin(every_example()).await?)?;
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        std::fs::write(page(), true_page)?;
        return Ok(());
    }
    let differs = written.lines().zip(true_page.lines()).enumerate().find(|(_, (is, should))| is != should);
    if let Some((line, (is, should))) = differs {
        bail!("docs/on-behalf-of.md:{}: says\n{is}\nbut it is\n{should}\nRun this test with UPDATE_GUIDE=1.", line + 1);
    }
    assert_eq!(written.len(), true_page.len());
    Ok(())
}

#[test]
fn every_reason_on_the_page_has_its_example() -> Result<()> {
    let text = std::fs::read_to_string(page())?;
    let reasons = text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let missing: Vec<_> = reasons.filter(|reason| !text.contains(&format!("<!-- example: {reason} -->"))).collect();
    assert_eq!(missing, WITHOUT_EXAMPLE);
    Ok(())
}

#[tokio::test]
async fn a_refusal_in_the_demo_leads_to_its_section() -> Result<()> {
    let stack = Stack::builder().in_process().start().await?;
    let tokens = stack.sign_in("alice").await?;
    let answer =
        Exchange::of(&tokens.access_token).to(API_A).send(&stack.auth_server, &world::api_a_credentials()).await?;
    let answer = answer.expect_error(400, "invalid_target")?;
    let uri = answer.json()["error_uri"].as_str().context("no error_uri")?.to_owned();
    let page = Person::named("alice")?.look_at(uri.parse()?).await?;
    assert_eq!(page.status, 200);
    assert!(page.html.contains("id=\"target_not_paired\""));
    stack.stop().await
}

#[tokio::test]
async fn a_server_that_is_not_set_to_explain_itself_shows_nothing() -> Result<()> {
    let quiet = |world: &mut Configuration| e2e::stack::set(&mut world.auth_server, "exchange.error_docs", false);
    let stack = Stack::builder().in_process().configured(quiet).start().await?;
    let tokens = stack.sign_in("alice").await?;
    let answer =
        Exchange::of(&tokens.access_token).to(API_A).send(&stack.auth_server, &world::api_a_credentials()).await?;
    assert_eq!(answer.expect_error(400, "invalid_target")?.json().get("error_uri"), None::<&Value>);
    assert_eq!(stack.auth_server.get("/docs/on-behalf-of").await?.status, 404);
    stack.stop().await
}
