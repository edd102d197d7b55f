//! `exchange explain`: the very same reading, verification and decision as at the token endpoint, up to the moment in
//! which it would issue.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};
use shared_claims::service::cli::BAD_CONFIGURATION;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::cli::listing;
use crate::config::Config;
use crate::exchange::{Explanation, Report};
use crate::grants::on_behalf_of::explaining;
use crate::grants::on_behalf_of::gathering::Where;
use crate::protocol::parameters::encode;
use crate::protocol::{Dialect, OAuthError, Parameters};
use crate::registry::LiveRegistry;
use crate::store::Store;
use crate::tokens::{LiveKeys, MasterKey, OwnTokens};

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Explain {
    /// The token that the API was called with; `-` reads it from standard input, where no other process sees it.
    #[arg(long, value_name = "TOKEN", env = "SUBJECT_TOKEN", hide_env_values = true)]
    subject_token: String,
    /// The client that asks: the client identity of an API. Its secret is not needed.
    #[arg(long, value_name = "CLIENT")]
    client: String,
    /// The API to be called.
    #[arg(long, value_name = "API")]
    audience: Option<String>,
    /// What is asked for there. None: the pairing's defaults.
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// The token of an agent that acts inside the client.
    #[arg(long, value_name = "TOKEN", env = "ACTOR_TOKEN", hide_env_values = true)]
    actor_token: Option<String>,
    /// As if the client had proved a key of its own (DPoP): what bound tokens and APIs that demand them need.
    #[arg(long)]
    proof: bool,
    /// How the request is written.
    #[arg(long, value_enum, default_value_t)]
    dialect: DialectName,
    /// For programs.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  auth-server --config demo/auth-server.toml exchange explain --subject-token \"$TOKEN_A\" \\
      --client api-a --audience https://api-b.example --scope write:receipts
  pbpaste | auth-server exchange explain --subject-token - --client api-a --audience https://api-b.example --json

Exit code: 0 it would be granted, 1 it would be refused, 2 the configuration cannot be used.";

#[derive(Clone, Copy, Default, ValueEnum)]
enum DialectName {
    /// RFC 8693
    #[default]
    TokenExchange,
    /// RFC 7523 with `requested_token_use=on_behalf_of`
    JwtBearer,
}

impl Explain {
    pub(super) async fn run(self, config: &Config, now: OffsetDateTime) -> anyhow::Result<ExitCode> {
        let store = Store::open_alone(&config.database)?;
        let registry = LiveRegistry::load(&store).await.context(NOT_STARTED)?.current();
        let keys = LiveKeys::load(&store, &MasterKey::from_base64(&config.master_key)?, now).await?.current();
        let issuer = config.issuer.as_str();
        let own_tokens = &OwnTokens::of(issuer)?;
        let place = Where { issuer, own_tokens, store: &store, keys: &keys, registry: &registry, now };
        let Some(client) = registry.client(&self.client) else {
            let known: Vec<_> =
                registry.clients().filter(|client| client.api.is_some()).map(|client| client.id.as_str()).collect();
            let (asked, known) = (&self.client, known.join(", "));
            eprintln!("auth-server: there is no client {asked}: client identities of APIs are {known}");
            return Ok(ExitCode::from(BAD_CONFIGURATION));
        };
        let parameters = self.parameters()?;
        let read = |parameters| explaining::read(self.dialect.into(), parameters);
        let request = parameters.as_ref().map_err(OAuthError::clone).and_then(read);
        let outcome = explaining::explain(&place, client, request, self.asker_key(), config.exchange).await?;
        self.print(&outcome)
    }

    /// Which key it is makes no difference to any rule but that of a bound actor token, which the key's holder alone can show.
    fn asker_key(&self) -> Option<&'static str> {
        self.proof.then_some("some key")
    }

    fn print(&self, outcome: &Result<Explanation, OAuthError>) -> anyhow::Result<ExitCode> {
        let report = Report::of(outcome, self.dialect.into());
        let text = if self.json { serde_json::to_string_pretty(&report)? } else { report.to_string() };
        listing::print_text(&text)?;
        Ok(if report.granted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The request as the client would write it, and as the token endpoint reads it.
    fn parameters(&self) -> anyhow::Result<Result<Parameters, OAuthError>> {
        let subject_token = shown(&self.subject_token)?;
        let actor_token = self.actor_token.as_deref().map(shown).transpose()?;
        let mut pairs = match self.dialect {
            DialectName::TokenExchange => {
                vec![("subject_token", subject_token.expose_secret()), ("subject_token_type", ACCESS_TOKEN)]
            }
            DialectName::JwtBearer => {
                vec![("assertion", subject_token.expose_secret()), ("requested_token_use", "on_behalf_of")]
            }
        };
        if let Some(actor_token) = &actor_token {
            pairs.extend([("actor_token", actor_token.expose_secret()), ("actor_token_type", ACCESS_TOKEN)]);
        }
        pairs.extend(self.audience.as_deref().map(|audience| ("audience", audience)));
        pairs.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let form = Zeroizing::new(encode(&pairs));
        Ok(Parameters::parse(form.as_bytes()))
    }
}

const NOT_STARTED: &str = "the database has no registry yet: start the server, or run `auth-server apply`";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn shown(token: &str) -> anyhow::Result<SecretString> {
    if token != "-" {
        return Ok(token.trim().into());
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text).context("standard input")?;
    Ok(text.trim().into())
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::TokenExchange => Self::TokenExchange,
            DialectName::JwtBearer => Self::JwtBearer,
        }
    }
}
