//! Longer chains: API A calls a second API, that one a third, and so on to a fifth, and each may call API B.
//!
//! What grows are the actors of the subject token: the app that people signed in to is the one actor of the first, and each API on the
//! way is one more. The token that comes of the exchange has one more yet.

use anyhow::{Context, Result};

use crate::bench::clients::SECRET;
use crate::bench::request::{self, Request};
use crate::bench::server::Server;
use crate::bench::work::{Work, access_token};
use crate::stack::{Configuration, set};
use crate::steps::Exchange;
use crate::world::{API_A, API_A_CLIENT, API_A_SECRET, API_B};

/// The APIs between A and B, by number.
const BETWEEN: [u64; 4] = [2, 3, 4, 5];

/// The longest subject token has five actors, the app and four APIs, and whoever exchanges it is the sixth: one above the default limit.
const MOST_ACTORS: i64 = 6;

/// An API that a chain passes through.
struct Stop {
    identifier: String,
    client: String,
    secret: &'static str,
    /// What it takes.
    scope: &'static str,
}

impl Stop {
    fn first() -> Self {
        let (identifier, client) = (API_A.to_owned(), API_A_CLIENT.to_owned());
        Self { identifier, client, secret: API_A_SECRET, scope: "read:reports" }
    }

    fn further(number: u64) -> Self {
        let client = format!("between-{number}");
        Self { identifier: format!("https://{client}.example"), client, secret: SECRET, scope: "read:reports" }
    }
}

/// The APIs, their clients, and the pairings.
pub fn longer_chains(world: &mut Configuration) {
    set(&mut world.auth_server, "exchange.max_actors", MOST_ACTORS);
    let mut before = Stop::first();
    for number in BETWEEN {
        let stop = Stop::further(number);
        let Stop { identifier, client, secret, scope } = &stop;
        let entries = [
            (
                "apis",
                format!(
                    "identifier = '{identifier}'\nname = '{client}'\nscopes = {{ '{scope}' = 'Read' }}\n\
                     skip_consent = true\ntoken_lifetime = '6h'"
                ),
            ),
            (
                "clients",
                format!(
                    "id = '{client}'\nname = '{client}'\nsecret = '{secret}'\napi = '{identifier}'\n\
                     grant_types = ['urn:ietf:params:oauth:grant-type:token-exchange']"
                ),
            ),
            ("pairings", pairing(&before.identifier, identifier, scope)),
            ("pairings", pairing(identifier, API_B, "read:receipts")),
        ];
        for (list, entry) in entries {
            // What is written here parses: a server that lacked an entry would refuse the chain.
            let _ = world.add(list, &entry);
        }
        before = stop;
    }
}

fn pairing(source: &str, target: &str, scope: &str) -> String {
    format!("source = '{source}'\ntarget = '{target}'\nscopes = ['{scope}']")
}

/// Exchanges for API B by each API of the chain, with how many actors its subject token has.
pub async fn exchanges(server: &Server, subjects: usize) -> Result<Vec<(u64, Work)>> {
    let mut subjects = server.access_tokens(subjects).await?;
    let mut stop = Stop::first();
    let mut works = vec![(1, work(server, &stop, &subjects))];
    for number in BETWEEN {
        let next = Stop::further(number);
        let requests = subjects.iter().map(|subject| exchange(server, &stop, subject, &next.identifier, next.scope));
        subjects = server.answers(requests.collect(), access_token).await.context("a longer chain")?;
        works.push((number, work(server, &next, &subjects)));
        stop = next;
    }
    Ok(works)
}

fn work(server: &Server, stop: &Stop, subjects: &[String]) -> Work {
    let requests = subjects.iter().map(|subject| exchange(server, stop, subject, API_B, "read:receipts"));
    Work::repeated(server.address(), requests)
}

fn exchange(server: &Server, stop: &Stop, subject: &str, target: &str, scope: &str) -> Request {
    let exchange = Exchange::of(subject).to(target).scope(scope);
    let token_endpoint = &server.stack.auth_server.metadata.token_endpoint;
    request::post(token_endpoint, (&stop.client, Some(stop.secret)), exchange.parameters())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_made_of_apis_that_the_demo_world_does_not_have() {
        let demo = include_str!("../../../../demo/auth-server.toml");
        for stop in BETWEEN.map(Stop::further) {
            assert!(
                !demo.contains(&stop.identifier) && !demo.contains(&format!("{:?}", stop.client)),
                "{}",
                stop.client
            );
        }
    }
}
