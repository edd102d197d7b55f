//! `e2e token`, `e2e exchange`, `e2e decode`: the six steps at a terminal, for people with curl at hand.
//!
//! Tokens come in on standard input rather than as arguments, which other users of the machine could read.

use std::fmt::Write as _;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use url::Url;

use crate::steps::{App, AuthServer, Credentials, Exchange, Jwt, Person};
use crate::world;

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[arg(long, value_name = "URL", default_value = "http://localhost:9000")]
    issuer: String,
    /// Where API A is: the demo app's redirect URI lies there.
    #[arg(long, value_name = "URL", default_value = "http://localhost:9001/")]
    api_a: Url,
    /// A user of the demo world.
    #[arg(long, value_name = "NAME", default_value = world::ALICE)]
    user: String,
    #[arg(long, value_name = "URI", default_value = world::API_A)]
    audience: String,
    /// [default: all that the demo app may ask for]
    #[arg(long)]
    scope: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ExchangeArgs {
    #[arg(long, value_name = "URL", default_value = "http://localhost:9000")]
    issuer: String,
    /// The token to exchange: a file, or `-` for standard input.
    #[arg(long, value_name = "FILE", default_value = "-")]
    subject_token: PathBuf,
    /// The API's client that asks.
    #[arg(long = "as", value_name = "ID", default_value = world::API_A_CLIENT)]
    client: String,
    #[arg(long, env = "E2E_API_CLIENT_SECRET", default_value = world::API_A_SECRET, hide = true, hide_env_values = true)]
    secret: String,
    #[arg(long, value_name = "URI", default_value = world::API_B)]
    audience: String,
    /// [default: the pairing's own]
    #[arg(long)]
    scope: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct DecodeArgs {
    /// The token: a file, or `-` for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    token: PathBuf,
    /// Print only what this other token says differently: a file.
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
}

/// Signs in and prints the access token.
pub(super) async fn token(arguments: &TokenArgs) -> Result<()> {
    let auth_server = AuthServer::discover(&arguments.issuer).await?;
    let mut app = App::demo(&auth_server, &arguments.api_a)?;
    app.audience.clone_from(&arguments.audience);
    if let Some(scope) = &arguments.scope {
        app.scope = format!("openid {scope}");
    }
    let tokens = app.sign_in(&Person::named(&arguments.user)?).await?;
    println!("{}", tokens.access_token);
    Ok(())
}

/// Exchanges a token and prints the new one.
pub(super) async fn exchange(arguments: &ExchangeArgs) -> Result<()> {
    let auth_server = AuthServer::discover(&arguments.issuer).await?;
    let subject = read(&arguments.subject_token)?;
    let mut request = Exchange::of(&subject).to(&arguments.audience);
    if let Some(scope) = &arguments.scope {
        request = request.scope(scope);
    }
    let answer = request.send(&auth_server, &Credentials::basic(&arguments.client, &arguments.secret)).await?;
    if !answer.is_success() {
        let description = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
        bail!("refused: {} {}\n  {description}", answer.status, answer.error());
    }
    println!("{}", answer.json()["access_token"].as_str().context("no access_token")?);
    Ok(())
}

/// Prints header and claims.
pub(super) fn decode(arguments: &DecodeArgs) -> Result<()> {
    let token = Jwt::parse(&read(&arguments.token)?)?;
    match &arguments.with {
        None => println!("{:#}\n{:#}", token.header, token.claims),
        Some(other) => print!("{}", difference(&token.claims, &Jwt::parse(&read(other)?)?.claims)),
    }
    Ok(())
}

fn read(file: &PathBuf) -> Result<String> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(text.trim().to_owned())
}

/// Each claim that differs, as it was and as it is.
fn difference(before: &Value, after: &Value) -> String {
    let none = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&none), after.as_object().unwrap_or(&none));
    let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let mut text = String::new();
    for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
        for (sign, value) in [('-', before.get(name)), ('+', after.get(name))] {
            if let Some(value) = value {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{sign} {name}: {value}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_difference_of_two_tokens_is_what_the_exchange_changed() {
        let before = json!({ "sub": "usr_1", "aud": "a" });
        let after = json!({ "sub": "usr_1", "aud": "b", "act": { "sub": "api-a" } });
        assert_eq!(difference(&before, &after), "+ act: {\"sub\":\"api-a\"}\n- aud: \"a\"\n+ aud: \"b\"\n");
    }
}
