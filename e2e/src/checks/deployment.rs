//! Before the first step: is everything there, and does it say the truth about itself?

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use url::Url;

use super::{Deployment, Line, Passed, Recorder, Target, passed};
use crate::steps::{ApiA, ApiB, AuthServer};
use crate::world;

/// The deployment, if its discovery document can be read.
pub(super) async fn check(recorder: &mut Recorder<impl FnMut(&Line)>, target: &Target) -> Option<Deployment> {
    let auth_server = recorder.check("-", "discovery", discovery(target)).await?;
    recorder.check("-", "auth server metadata (RFC 8414)", metadata(&auth_server)).await;
    recorder.check("-", "signing keys", signing_keys(&auth_server)).await;
    recorder.check("-", "auth server ready", ready(&auth_server)).await;
    recorder.check("-", "apis healthy", healthy(target)).await;
    recorder.check("-", "apis name their issuer (RFC 9728)", protected_resources(target)).await;
    Deployment::new(target, auth_server).ok()
}

/// `OpenID` Connect Discovery section 3: what the certification suite demands of the document.
async fn discovery(target: &Target) -> Result<Passed<AuthServer>> {
    let auth_server = AuthServer::discover(&target.issuer).await?;
    let document = &auth_server.metadata.document;
    ensure!(auth_server.issuer() == target.issuer, "issuer is {}, not {}", auth_server.issuer(), target.issuer);
    for (name, value) in document.as_object().context("not a JSON object")? {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let url: Url = value.as_str().context("an endpoint that is no text")?.parse().context(name.clone())?;
            ensure!(url.scheme() == "https" || is_loopback(&url), "{name} is {url}: neither https nor loopback");
        }
    }
    demand(document, "response_types_supported", &["code"])?;
    demand(document, "subject_types_supported", &["public"])?;
    demand(document, "id_token_signing_alg_values_supported", &["RS256"])?;
    demand(document, "code_challenge_methods_supported", &["S256"])?;
    demand(document, "scopes_supported", &["openid"])?;
    let grants = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange"];
    demand(document, "grant_types_supported", &grants)?;
    let iss_is_sent = document["authorization_response_iss_parameter_supported"] == true;
    ensure!(iss_is_sent, "authorization_response_iss_parameter_supported is not true (RFC 9207)");
    Ok(passed(format!("issuer {}", target.issuer)).with(auth_server))
}

fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn demand(document: &Value, name: &str, members: &[&str]) -> Result<()> {
    let Some(list) = document[name].as_array() else { bail!("no {name}") };
    for member in members {
        ensure!(list.iter().any(|value| value == member), "{name} lacks {member}");
    }
    Ok(())
}

/// RFC 8414 section 3.1: the same document under its OAuth name, which comes before the issuer's own path.
async fn metadata(auth_server: &AuthServer) -> Result<Passed> {
    let mut url: Url = auth_server.issuer().parse()?;
    url.set_path(&format!("/.well-known/oauth-authorization-server{}", url.path().trim_end_matches('/')));
    let answer = auth_server.get_url(url).await?.expect_status(200)?;
    let document = answer.json();
    for name in ["issuer", "token_endpoint", "authorization_endpoint", "jwks_uri"] {
        let expected = &auth_server.metadata.document[name];
        ensure!(document[name] == *expected, "{name} is {}, the OpenID document says {expected}", document[name]);
    }
    Ok(passed("agrees with the OpenID document"))
}

/// RFC 7517: public keys only, each to be told apart, each for one algorithm.
async fn signing_keys(auth_server: &AuthServer) -> Result<Passed> {
    let answer = auth_server.get_url(auth_server.metadata.jwks_uri.clone()).await?.expect_status(200)?;
    let document = answer.json();
    let keys = document["keys"].as_array().context("no keys")?;
    ensure!(!keys.is_empty(), "no key is published");
    let mut kids: Vec<&str> = vec![];
    for key in keys {
        let kid = key["kid"].as_str().context("a key without kid")?;
        ensure!(!kids.contains(&kid), "two keys are named {kid}");
        ensure!(key["use"] == "sig" && key["alg"].is_string(), "key {kid} lacks use or alg");
        let secret = ["d", "p", "q", "dp", "dq", "qi", "k"].into_iter().find(|member| !key[*member].is_null());
        ensure!(secret.is_none() && key["kty"] != "oct", "key {kid} is not only public");
        kids.push(kid);
    }
    let algorithms: Vec<_> = keys.iter().filter_map(|key| key["alg"].as_str()).collect();
    ensure!(answer.header("cache-control").contains("max-age"), "no Cache-Control: max-age");
    Ok(passed(format!("{} keys, {}", keys.len(), algorithms.join(" "))))
}

async fn ready(auth_server: &AuthServer) -> Result<Passed> {
    auth_server.get("/healthz").await?.expect_status(200).context("/healthz")?;
    let answer = auth_server.get("/readyz").await?.expect_status(200).context("/readyz")?;
    ensure!(answer.json()["checks"].is_object(), "/readyz tells no checks: {answer:?}");
    Ok(passed(format!("status {}", answer.json()["status"].as_str().unwrap_or_default())))
}

async fn healthy(target: &Target) -> Result<Passed> {
    ApiA::at(&target.api_a)?.get("healthz", None).await?.expect_status(200).context("API A")?;
    ApiB::at(&target.api_b)?.get("healthz", None).await?.expect_status(200).context("API B")?;
    let mut addresses = format!("{} {}", target.api_a, target.api_b);
    if let Some(api_c) = &target.api_c {
        ApiB::at(api_c)?.get("healthz", None).await?.expect_status(200).context("API C")?;
        addresses = format!("{addresses} {api_c}");
    }
    Ok(passed(addresses))
}

async fn protected_resources(target: &Target) -> Result<Passed> {
    const PATH: &str = ".well-known/oauth-protected-resource";
    let mut documents = vec![
        (ApiA::at(&target.api_a)?.get(PATH, None).await?, &target.api_a_identifier),
        (ApiB::at(&target.api_b)?.get(PATH, None).await?, &target.api_b_identifier),
    ];
    let archive = world::API_C.to_owned();
    if let Some(api_c) = &target.api_c {
        documents.push((ApiB::at(api_c)?.get(PATH, None).await?, &archive));
    }
    for (answer, identifier) in documents {
        let document = answer.expect_status(200)?.json();
        ensure!(document["resource"] == identifier.as_str(), "resource is {}, not {identifier}", document["resource"]);
        demand(&document, "authorization_servers", &[&target.issuer])?;
    }
    Ok(passed(""))
}
