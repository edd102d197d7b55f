//! `e2e run`: checks a deployment, prints a line a check, and tells by its exit code.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use url::Url;

use super::complain;
use crate::checks::{self, Style, Target};
use crate::stack::Ports;
use crate::steps::Credentials;
use crate::world;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The issuer, exactly as the auth server is configured.
    #[arg(long, value_name = "URL", default_value = "http://localhost:9000")]
    issuer: String,
    #[arg(long, value_name = "URL", default_value = "http://localhost:9001", value_parser = base_url)]
    api_a: Url,
    #[arg(long, value_name = "URL", default_value = "http://localhost:9002", value_parser = base_url)]
    api_b: Url,
    /// The archive [default: with the demo world's own API B, the demo world's own]
    #[arg(long, value_name = "URL", value_parser = base_url)]
    api_c: Option<Url>,
    /// The `aud` of API A's tokens.
    #[arg(long, value_name = "URI", default_value = world::API_A)]
    api_a_identifier: String,
    /// The `aud` of API B's tokens.
    #[arg(long, value_name = "URI", default_value = world::API_B)]
    api_b_identifier: String,
    /// The app to sign in to, a public client.
    #[arg(long, value_name = "ID", default_value = world::DEMO_APP)]
    client_id: String,
    /// The app's redirect URI [default: callback, at API A]
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<String>,
    /// Who signs in. Without it: alice, and the checks that need bob and carol of the demo world.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A file with the password of --user; otherwise `E2E_PASSWORD`.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    #[arg(long, env = "E2E_PASSWORD", hide = true, hide_env_values = true)]
    password: Option<String>,
    /// API A's client identity, for exchanges by hand.
    #[arg(long, value_name = "ID", default_value = world::API_A_CLIENT)]
    api_client: String,
    /// A file with its secret; otherwise `E2E_API_CLIENT_SECRET`. Without --user: the demo world's.
    #[arg(long, value_name = "FILE")]
    api_client_secret_file: Option<PathBuf>,
    #[arg(long, env = "E2E_API_CLIENT_SECRET", hide = true, hide_env_values = true)]
    api_client_secret: Option<String>,
    /// Write a `JUnit` report.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

/// A URL that paths can be joined to.
fn base_url(text: &str) -> Result<Url, String> {
    let text = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
    let url: Url = text.parse().map_err(|error| format!("{error}"))?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err("neither http nor https".to_owned()) }
}

impl RunArgs {
    fn target(&self) -> Result<Target> {
        let mut target = Target::demo(&self.issuer, &self.api_a, &self.api_b)?;
        target.api_c = match &self.api_c {
            None if self.api_b == Ports::DEMO.api_b() && self.user.is_none() => Some(Ports::DEMO.api_c()),
            named => named.clone(),
        };
        target.api_a_identifier.clone_from(&self.api_a_identifier);
        target.api_b_identifier.clone_from(&self.api_b_identifier);
        target.client_id.clone_from(&self.client_id);
        if let Some(redirect_uri) = &self.redirect_uri {
            target.redirect_uri.clone_from(redirect_uri);
        }
        if let Some(user) = &self.user {
            target.username.clone_from(user);
            target.password = secret(self.password_file.as_ref(), self.password.as_ref())?
                .context("--user needs a password: --password-file FILE or E2E_PASSWORD")?;
            target.demo_users = false;
            target.api_client = None;
        }
        if let Some(secret) = secret(self.api_client_secret_file.as_ref(), self.api_client_secret.as_ref())? {
            target.api_client = Some(Credentials::basic(&self.api_client, &secret));
        }
        Ok(target)
    }
}

/// A secret from its file, or from the environment.
fn secret(file: Option<&PathBuf>, environment: Option<&String>) -> Result<Option<String>> {
    let Some(file) = file else { return Ok(environment.cloned()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Runs the checks.
pub(super) async fn run(arguments: &RunArgs) -> ExitCode {
    let target = match arguments.target() {
        Ok(target) => target,
        Err(error) => return complain(&error, 2),
    };
    let style = if std::io::stdout().is_terminal() { Style::Coloured } else { Style::Plain };
    let report = checks::run(&target, |line| {
        if !arguments.json {
            println!("{}", checks::line(line, style));
        }
    })
    .await;
    if arguments.json {
        println!("{}", serde_json::json!({ "passed": report.exit_code() == 0, "checks": report.checks }));
    } else {
        println!("{}", checks::summary(&report, style));
    }
    if report.unreachable {
        eprintln!("e2e: nobody answers at {}; start the demo with: e2e demo", target.issuer);
    }
    if let Some(file) = &arguments.junit {
        let written = checks::junit(&report).and_then(|xml| Ok(std::fs::write(file, xml)?));
        if let Err(error) = written.with_context(|| format!("cannot write {}", file.display())) {
            return complain(&error, 2);
        }
    }
    ExitCode::from(report.exit_code())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn target_of(arguments: &[&str]) -> Result<Target> {
        let cli = Cli::try_parse_from([&["e2e", "run"], arguments].concat())?;
        let Command::Run(arguments) = cli.command else { unreachable!() };
        arguments.target()
    }

    #[test]
    fn without_arguments_it_checks_the_demo_world() {
        let target = target_of(&[]).unwrap();
        assert_eq!(target.redirect_uri, "http://localhost:9001/callback");
        assert!(target.demo_users && target.api_client.is_some());
        assert_eq!(target.api_c.unwrap().as_str(), "http://localhost:9003/");
    }

    #[test]
    fn an_own_user_needs_a_password_and_brings_no_demo_secrets() {
        assert!(target_of(&["--user", "erin"]).is_err());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a password\n").unwrap();
        let target = target_of(&["--user", "erin", "--password-file", file.path().to_str().unwrap()]).unwrap();
        assert_eq!((target.username.as_str(), target.password.as_str()), ("erin", "a password"));
        assert!(!target.demo_users && target.api_client.is_none() && target.api_c.is_none());
    }
}
