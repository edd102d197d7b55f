//! The demo world with more APIs behind API B, each with a client of its own: A -> B -> C -> D -> E -> F, and a way back.

use e2e::stack::Configuration;
use e2e::steps::Credentials;
use toml::{Table, Value};

/// The identifier of the API of that letter. A and B are the demo world's; its own API C stands elsewhere.
pub fn api(letter: char) -> String {
    let kind = if letter <= 'b' { "api" } else { "further" };
    format!("https://{kind}-{letter}.example")
}

/// The client identity of the API of that letter.
pub fn client(letter: char) -> Credentials {
    if letter == 'a' {
        e2e::world::api_a_credentials()
    } else {
        Credentials::basic(&format!("api-{letter}"), &secret(letter))
    }
}

fn secret(letter: char) -> String {
    format!("api-{letter}-test-secret-0123456789abcdefghijklmnopqrstuv")
}

/// Adds C to F, the clients of B to F, the pairings along the chain, and B -> A.
pub fn add_longer_chain(configuration: &mut Configuration) {
    let server = &mut configuration.auth_server;
    for known in server["apis"].as_array_mut().into_iter().flatten() {
        known.as_table_mut().into_iter().for_each(|api| drop(api.insert("skip_consent".to_owned(), true.into())));
    }
    for letter in 'c'..='f' {
        push(
            server,
            "apis",
            &format!(
                "identifier = '{}'\nname = 'API {letter}'\nscopes = {{ 'read:{letter}' = 'Read' }}\nskip_consent = true",
                api(letter)
            ),
        );
    }
    for letter in 'b'..='f' {
        let known = server["clients"].as_array().is_some_and(|clients| {
            clients.iter().any(|client| client.get("api").and_then(Value::as_str) == Some(&api(letter)))
        });
        assert!(!known, "the demo world already has a client of API {letter}");
        push(
            server,
            "clients",
            &format!(
                "id = 'api-{letter}'\nname = 'API {letter}'\nsecret = '{}'\ngrant_types = ['urn:ietf:params:oauth:grant-type:token-exchange']\napi = '{}'",
                secret(letter),
                api(letter)
            ),
        );
    }
    for (source, target) in [('b', 'c'), ('c', 'd'), ('d', 'e'), ('e', 'f')] {
        push(
            server,
            "pairings",
            &format!("source = '{}'\ntarget = '{}'\nscopes = ['read:{target}']", api(source), api(target)),
        );
    }
    push(server, "pairings", &format!("source = '{}'\ntarget = '{}'\nscopes = ['read:reports']", api('b'), api('a')));
}

#[expect(clippy::expect_used, reason = "the harness's own text, in a test")]
fn push(server: &mut Table, list: &str, entry: &str) {
    let entry: Table = entry.parse().expect("TOML");
    server[list].as_array_mut().expect("a list").push(entry.into());
}
