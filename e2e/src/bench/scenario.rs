//! What is asked of the server, ready to be sent.

use anyhow::Result;
use reqwest::{Client, Method, Request, Url};
use serde::{Deserialize, Serialize};

use super::server::Server;
use crate::world::{API_A, API_A_CLIENT, API_A_SECRET, API_B, DEMO_MACHINE, DEMO_MACHINE_SECRET};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Scenario {
    /// Token exchange (RFC 8693): API A for API B.
    Exchange,
    ClientCredentials,
    Introspection,
    /// The key set, as APIs fetch it.
    Jwks,
}

impl Scenario {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::ClientCredentials => "client credentials",
            Self::Introspection => "introspection",
            Self::Jwks => "JWKS",
        }
    }

    /// What is sent, over and over.
    pub async fn prepare(self, server: &Server) -> Result<Work> {
        let metadata = &server.stack.auth_server.metadata;
        let client = Client::builder().pool_max_idle_per_host(512).build()?;
        let as_api_a = Some((API_A_CLIENT, API_A_SECRET));
        let requests = match self {
            Self::Exchange => {
                let subjects = server.sign_ins(SUBJECTS).await?;
                let form = |subject: &str| {
                    vec![
                        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange".to_owned()),
                        ("subject_token", subject.to_owned()),
                        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token".to_owned()),
                        ("audience", API_B.to_owned()),
                        ("scope", "read:receipts".to_owned()),
                    ]
                };
                let asked = subjects.iter().map(|tokens| form(&tokens.access_token));
                asked.map(|form| post(&client, &metadata.token_endpoint, as_api_a, &form)).collect::<Result<_>>()?
            }
            Self::ClientCredentials => {
                let form = [("grant_type", "client_credentials".to_owned()), ("audience", API_A.to_owned())];
                vec![post(&client, &metadata.token_endpoint, Some((DEMO_MACHINE, DEMO_MACHINE_SECRET)), &form)?]
            }
            Self::Introspection => {
                let tokens = server.sign_ins(1).await?;
                let form = [("token", tokens[0].access_token.clone())];
                vec![post(&client, &metadata.introspection_endpoint, as_api_a, &form)?]
            }
            Self::Jwks => vec![client.request(Method::GET, metadata.jwks_uri.clone()).build()?],
        };
        Ok(Work { client, requests })
    }
}

/// So many different subject tokens are exchanged.
const SUBJECTS: usize = 50;

/// Requests, and who sends them.
pub struct Work {
    pub client: Client,
    pub requests: Vec<Request>,
}

fn post(client: &Client, to: &Url, who: Option<(&str, &str)>, form: &[(&str, String)]) -> Result<Request> {
    let request = client.post(to.clone()).form(form);
    let request = who.into_iter().fold(request, |request, (id, secret)| request.basic_auth(id, Some(secret)));
    Ok(request.build()?)
}
