//! What is asked of the server, made ready: whoever has to be signed in is, and what is single-use is there.

use std::sync::{Arc, Mutex};

use anyhow::Result;

use super::people;
use super::request::{self, Request};
use super::scenario::Scenario;
use super::server::{PEOPLE, Server};
use super::work::{What, Work};
use crate::steps::Exchange;
use crate::world::{API_A, API_A_CLIENT, API_A_SECRET, API_B, DEMO_APP, DEMO_MACHINE, DEMO_MACHINE_SECRET};

/// So many different subject tokens are exchanged, and introspected.
const SUBJECTS: usize = 200;

/// More than any load has connections.
const REFRESH_TOKENS: usize = 300;

/// What is to be done for the loads of a scenario; `single_use`: how many of what can be asked only once.
pub async fn prepare(scenario: Scenario, server: &mut Server, single_use: usize) -> Result<Work> {
    let metadata = server.stack.auth_server.metadata.clone();
    let address = server.address();
    let as_api_a = (API_A_CLIENT, Some(API_A_SECRET));
    Ok(match scenario {
        Scenario::Exchange => {
            let work = exchanges(server, SUBJECTS).await?;
            server.replace(async |_| Ok(())).await?;
            work
        }
        Scenario::Recognised => exchanges(server, SUBJECTS).await?,
        Scenario::FirstExchange => {
            let subjects = server.access_tokens(single_use).await?;
            server.replace(async |_| Ok(())).await?;
            Work::once(address, subjects.iter().map(|subject| exchange(server, subject)))
        }
        Scenario::SignIn => server.sign_ins(people::names(PEOPLE)),
        Scenario::SignedIn => Work::repeated(address, server.authorizations(&[DEMO_APP.to_owned()])),
        Scenario::Redemption => {
            let codes = server.codes(single_use).await?;
            Work::once(address, codes.iter().map(|code| server.redemption(code)))
        }
        Scenario::Refresh => {
            let tokens = Arc::new(Mutex::new(server.refresh_tokens(REFRESH_TOKENS).await?));
            Work::at(address, What::Rotating { tokens, token_endpoint: metadata.token_endpoint })
        }
        Scenario::ClientCredentials => {
            let form = [("grant_type", "client_credentials"), ("audience", API_A)];
            let machine = (DEMO_MACHINE, Some(DEMO_MACHINE_SECRET));
            Work::repeated(address, [request::post(&metadata.token_endpoint, machine, &form)])
        }
        Scenario::Introspection => {
            let tokens = server.access_tokens(SUBJECTS).await?;
            let ask = |token: &String| request::post(&metadata.introspection_endpoint, as_api_a, &[("token", token)]);
            Work::repeated(address, tokens.iter().map(ask))
        }
        Scenario::Jwks => Work::repeated(address, [request::get(&metadata.jwks_uri, &[])]),
    })
}

/// Exchanges of so many grants' tokens, which are issued here and now.
pub async fn exchanges(server: &Server, subjects: usize) -> Result<Work> {
    let subjects = server.access_tokens(subjects).await?;
    let requests = subjects.iter().map(|subject| exchange(server, subject));
    Ok(Work::repeated(server.address(), requests))
}

/// Step 4: API A asks for a token for API B.
pub fn exchange(server: &Server, subject: &str) -> Request {
    let exchange = Exchange::of(subject).to(API_B).scope("read:receipts");
    let token_endpoint = &server.stack.auth_server.metadata.token_endpoint;
    request::post(token_endpoint, (API_A_CLIENT, Some(API_A_SECRET)), exchange.parameters())
}
