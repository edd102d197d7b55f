//! Demo mode over the whole stack: the steps that a browser cannot see, the longer chain, and the attacks, each really refused.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::stack::{Configuration, Stack, set};
use e2e::steps::{Credentials, Jwt, Tokens};
use e2e::world::{self, API_A, API_A2, API_B};
use reqwest::{Client, RequestBuilder, Response};
use rstest::rstest;
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What the page does.
struct Page {
    stack: Stack,
    http: Client,
    tokens: Tokens,
}

impl Page {
    async fn open() -> Result<Self> {
        Self::open_as("alice").await
    }

    async fn open_as(user: &str) -> Result<Self> {
        let stack = Stack::builder().in_process().start().await?;
        let tokens = stack.sign_in(user).await?;
        let http = Client::builder().timeout(Duration::from_secs(20)).build()?;
        Ok(Self { stack, http, tokens })
    }

    fn at_api_a(&self, path: &str) -> Result<url::Url> {
        Ok(self.stack.api_a_url().join(path)?)
    }

    async fn get(&self, path: &str) -> Result<Response> {
        let request =
            self.http.get(self.at_api_a(path)?).header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
        Ok(request.bearer_auth(&self.tokens.access_token).send().await?)
    }

    /// The trace of the last call, and the text that it came as.
    async fn trace(&self) -> Result<(Vec<Value>, String)> {
        let text = self.http.get(self.at_api_a(&format!("demo/trace/{TRACE}"))?).send().await?.text().await?;
        ensure!(text.ends_with("event: end\ndata: {}\n\n"), "{text}");
        let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "{}");
        Ok((data.map(serde_json::from_str).collect::<Result<_, _>>()?, text))
    }

    fn attacking(&self, name: &str) -> Result<RequestBuilder> {
        let request = self.http.post(self.at_api_a(&format!("demo/attacks/{name}"))?);
        Ok(request.bearer_auth(&self.tokens.access_token).json(&json!({})))
    }

    async fn attack(&self, name: &str) -> Result<(Value, String)> {
        let answer = self.attacking(name)?.send().await?;
        ensure!(answer.status() == 200, "{name}: {}", answer.status());
        let text = answer.text().await?;
        Ok((serde_json::from_str(&text)?, text))
    }
}

fn outline(events: &[Value]) -> Vec<String> {
    let part = |event: &Value, key: &str| event[key].to_string().replace('"', "");
    events.iter().map(|event| ["step", "hop", "from", "to", "state"].map(|key| part(event, key)).join(" ")).collect()
}

/// The access token in the answer of an exchange.
fn token_in(event: &Value) -> Result<String> {
    let body: Value = serde_json::from_str(event["response"]["body"].as_str().context("no body")?)?;
    Ok(body["access_token"].as_str().context("no access_token")?.to_owned())
}

/// No secret of the demo world, as it is or as it is sent.
fn ensure_no_secret(text: &str) -> Result<()> {
    for (client, secret) in [(world::API_A_CLIENT, world::API_A_SECRET), (world::API_A2_CLIENT, world::API_A2_SECRET)] {
        let sent = STANDARD.encode(format!("{client}:{secret}"));
        ensure!(!text.contains(&secret[..20]) && !text.contains(&sent[..20]), "the secret of {client} is shown");
    }
    Ok(())
}

#[tokio::test]
async fn steps_four_to_six_are_seen_with_the_token_that_api_b_gets() -> Result<()> {
    let page = Page::open().await?;
    ensure!(page.get("api/report").await?.status() == 200);
    let (events, text) = page.trace().await?;
    let expected = [
        "4 0 api-a auth-server started",
        "4 0 api-a auth-server done",
        "6 0 api-a api-b started",
        "6 0 api-a api-b done",
    ];
    assert_eq!(outline(&events), expected);
    let (a, b) = (Jwt::parse(&page.tokens.access_token)?, Jwt::parse(&token_in(&events[1])?)?);
    assert_eq!((b.audience(), b.actors()), (vec![API_B.to_owned()], vec!["api-a".to_owned(), "demo-app".to_owned()]));
    for stays in ["sub", "txn", "sid", "auth_time"] {
        assert_eq!(a.claims[stays], b.claims[stays], "{stays}");
    }
    assert_eq!(events[0]["request"]["url"], page.stack.auth_server.url("/oauth/token"));
    assert_eq!(events[2]["request"]["url"], page.stack.api_b_url().join("api/receipts")?.as_str());
    ensure_no_secret(&text)?;
    page.stack.stop().await
}

#[tokio::test]
async fn a_longer_chain_names_every_actor_and_is_seen_hop_by_hop() -> Result<()> {
    let page = Page::open().await?;
    let report = page.get("demo/chain").await?;
    ensure!(report.status() == 200, "{}", report.status());
    assert!(report.json::<Value>().await?["receipts"].as_u64() > Some(0));
    let (events, text) = page.trace().await?;
    let lines = outline(&events);
    for line in
        ["4 0 api-a auth-server done", "6 0 api-a api-a2 done", "4 1 api-a2 auth-server done", "6 1 api-a2 api-b done"]
    {
        assert!(lines.iter().any(|seen| seen == line), "{line} is not in {lines:#?}");
    }
    let of = |line: &str| lines.iter().position(|seen| seen == line).map(|place| &events[place]);
    let first = Jwt::parse(&token_in(of("4 0 api-a auth-server done").context("hop 0")?)?)?;
    let second = Jwt::parse(&token_in(of("4 1 api-a2 auth-server done").context("hop 1")?)?)?;
    assert_eq!((first.audience(), first.actors()), (vec![API_A2.to_owned()], vec!["api-a".into(), "demo-app".into()]));
    let actors = vec!["api-a2".to_owned(), "api-a".into(), "demo-app".into()];
    assert_eq!((second.audience(), second.actors()), (vec![API_B.to_owned()], actors));
    let mut ids: Vec<_> = events.iter().filter_map(|event| event["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 1, 2, 2, 3, 3, 4, 4], "each request has a start and an outcome");
    ensure_no_secret(&text)?;
    page.stack.stop().await
}

#[rstest]
#[case::permission("no-permission", 1, "invalid_scope", "nothing_left", "permissions")]
#[case::consent("no-consent", 1, "interaction_required", "consent_missing", "consent")]
#[case::wider("wider-scope", 1, "invalid_scope", "scope_outside_pairing", "scope")]
#[case::unpaired("unpaired-target", 1, "invalid_target", "target_not_paired", "target")]
#[case::foreign("foreign-token", 1, "invalid_request", "not_addressed_to_asker", "addressed_to_asker")]
#[case::deep("too-deep", 5, "invalid_request", "chain_too_deep", "chain_depth")]
#[tokio::test]
async fn an_attack_is_really_refused_and_explained(
    #[case] name: &str,
    #[case] requests: usize,
    #[case] error: &str,
    #[case] reason: &str,
    #[case] rule: &str,
) -> Result<()> {
    // Bob may not write receipts.
    let page = Page::open_as("bob").await?;
    let (outcome, text) = page.attack(name).await?;
    let sent = outcome["sent"].as_array().context("nothing sent")?;
    assert_eq!(sent.len(), requests, "{outcome:#}");
    let last = &sent[requests - 1];
    assert_eq!((&last["to"], &last["response"]["status"]), (&json!("auth-server"), &json!(400)));
    let answer: Value = serde_json::from_str(last["response"]["body"].as_str().context("no body")?)?;
    assert_eq!(answer["error"], error, "{answer}");
    assert!(answer["error_description"].as_str().is_some_and(|it| it.starts_with(&format!("{reason}:"))), "{answer}");

    let explanation = &outcome["explanation"];
    assert_eq!(explanation["granted"], false, "{outcome:#}");
    let rules = explanation["rules"].as_array().context("no rules")?;
    let failed = rules.iter().find(|rule| rule["outcome"] == "failed").context("no rule failed")?;
    assert_eq!((&failed["rule"], &failed["reason"]), (&json!(rule), &json!(reason)));
    ensure_no_secret(&text)?;
    page.stack.stop().await
}

#[tokio::test]
async fn the_chain_that_is_too_deep_grew_by_one_actor_a_hop() -> Result<()> {
    let page = Page::open().await?;
    let (outcome, _) = page.attack("too-deep").await?;
    let sent = outcome["sent"].as_array().context("nothing sent")?;
    for (hop, attempt) in sent[..4].iter().enumerate() {
        assert_eq!(Jwt::parse(&token_in(attempt)?)?.actors().len(), hop + 2);
    }
    page.stack.stop().await
}

#[tokio::test]
async fn a_revoked_chain_dies_at_both_apis_within_five_seconds() -> Result<()> {
    let page = Page::open().await?;
    page.get("api/report").await?;
    let (events, _) = page.trace().await?;
    let seen = json!({ "token_b": token_in(&events[1])? });
    let attack = || async {
        let answer: Value = page.attacking("revoked")?.json(&seen).send().await?.error_for_status()?.json().await?;
        Ok::<_, anyhow::Error>([0, 1].map(|n| answer["sent"][n]["response"]["status"].as_u64().unwrap_or_default()))
    };
    assert_eq!(attack().await?, [200, 200], "before it is revoked");
    let app = Credentials::public(world::DEMO_APP);
    page.stack.auth_server.revoke(&app, page.tokens.refresh_token()?).await?.expect_status(200)?;
    let since = Instant::now();
    loop {
        let statuses = attack().await?;
        assert_eq!(statuses[0], 400, "an exchange is refused at once");
        if statuses[1] == 401 && page.get("api/me").await?.status() == 401 {
            break;
        }
        ensure!(since.elapsed() < Duration::from_secs(5), "API B or API A still lets it in");
    }
    page.stack.stop().await
}

#[tokio::test]
async fn an_attack_takes_a_token_of_api_a_and_a_name_that_is_known() -> Result<()> {
    let page = Page::open().await?;
    let of_b = {
        page.get("api/report").await?;
        token_in(&page.trace().await?.0[1])?
    };
    let address = page.at_api_a("demo/attacks/wider-scope")?;
    for request in [page.http.post(address.clone()), page.http.post(address.clone()).bearer_auth(of_b)] {
        assert_eq!(request.json(&json!({})).send().await?.status(), 401);
    }
    let revoked = page.http.post(page.at_api_a("demo/attacks/revoked")?).json(&json!({}));
    assert_eq!(revoked.send().await?.status(), 401);
    assert_eq!(page.attacking("nonsense")?.send().await?.status(), 404);
    assert_eq!(page.http.get(address).bearer_auth(&page.tokens.access_token).send().await?.status(), 405);
    page.stack.stop().await
}

#[tokio::test]
async fn an_auth_server_that_is_away_is_told_in_words() -> Result<()> {
    let mut page = Page::open().await?;
    // API A knows the keys and where the token endpoint is.
    page.attack("wider-scope").await?;
    page.stack.stop_service(e2e::stack::Service::AuthServer).await?;
    let (outcome, _) = page.attack("wider-scope").await?;
    let attempt = &outcome["sent"][0];
    assert_eq!((&attempt["response"], &outcome["explanation"]), (&Value::Null, &Value::Null));
    assert!(attempt["error"].as_str().is_some_and(|error| error.starts_with("no answer")), "{attempt}");
    page.stack.stop().await
}

#[tokio::test]
async fn the_page_is_told_what_there_is_to_show() -> Result<()> {
    let page = Page::open().await?;
    let settings: Value = page.get("demo/config.json").await?.json().await?;
    let expected = json!({
        "client_id": "api-a",
        "api_b": { "url": page.stack.api_b_url().as_str().trim_end_matches('/'), "identifier": API_B },
        "chain": { "identifier": API_A2 },
        "explain": true,
    });
    assert_eq!(settings["demo"], expected);
    page.stack.stop().await
}

#[tokio::test]
async fn without_demo_mode_there_is_nothing_of_it() -> Result<()> {
    let off = |world: &mut Configuration| {
        set(&mut world.api_a, "demo_trace", false);
        set(&mut world.api_a2, "demo_trace", false);
    };
    let stack = Stack::builder().in_process().configured(off).start().await?;
    let (tokens, http) = (stack.sign_in("alice").await?, Client::builder().build()?);
    for (api, paths) in [
        (stack.api_a_url(), &["demo/trace/4bf92f3577b34da6a3ce929d0e0e4736", "demo/chain", "demo/attacks/revoked"][..]),
        (stack.api_a2_url(), &["demo/trace/4bf92f3577b34da6a3ce929d0e0e4736", "demo/chain", "demo/config.json"]),
    ] {
        for path in paths {
            let answer = http.get(api.join(path)?).bearer_auth(&tokens.access_token).send().await?;
            assert_eq!(answer.status(), 404, "{path}");
        }
    }
    let settings: Value = http.get(stack.api_a_url().join("demo/config.json")?).send().await?.json().await?;
    assert_eq!(settings["demo"], Value::Null);
    stack.api_a.report(&tokens.access_token).await?.expect_status(200)?;
    stack.stop().await
}

#[tokio::test]
async fn only_the_demo_apps_page_may_call_api_b_from_a_browser() -> Result<()> {
    let page = Page::open().await?;
    let receipts = page.stack.api_b_url().join("api/receipts")?;
    let own = page.stack.api_a_url().origin().ascii_serialization();
    for (origin, allowed) in [(own.as_str(), true), ("http://localhost:1", false), ("null", false)] {
        let call = page.http.get(receipts.clone()).header("origin", origin).bearer_auth(&page.tokens.access_token);
        let answer = call.send().await?;
        let told = answer.headers().get("access-control-allow-origin").is_some_and(|told| told == origin);
        assert_eq!((answer.status().as_u16(), told), (401, allowed), "{origin}: token A at API B");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
    page.stack.stop().await
}

#[tokio::test]
async fn api_a2_is_an_api_like_any_other() -> Result<()> {
    let page = Page::open().await?;
    page.stack.api_a2.me(&page.tokens.access_token).await?.expect_challenge(401, "invalid_token")?;
    assert_eq!(Jwt::parse(&page.tokens.access_token)?.audience()[0], API_A);
    page.stack.stop().await
}
