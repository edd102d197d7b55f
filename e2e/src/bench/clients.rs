//! Clients of the benchmark's own, as many as wanted: apps that people sign in to.

use toml::{Table, Value};

use super::request::Client;
use crate::stack::Configuration;
use crate::world::DEMO_APP;

/// Of each of them.
pub const SECRET: &str = "a-secret-of-the-benchmark-0123456789abcdefghijklmnop";

/// Of that, as the configuration has it.
const SECRET_SHA256: &str = "dcdd849478f7818ccad737ab6788dce866cc8fadbbc0f0a953d346a5cddfe415";

/// The id of one of them.
pub fn id(number: usize) -> String {
    format!("further-{number}")
}

/// An app of the configuration as it authenticates itself: the demo app cannot.
pub fn credentials(id: &str) -> Client<'_> {
    (id, (id != DEMO_APP).then_some(SECRET))
}

/// Adds so many to the configuration, each as the demo app is, with a secret.
pub fn add(world: &mut Configuration, count: usize) {
    let is_demo_app = |client: &&mut Table| client.get("id").and_then(Value::as_str) == Some(DEMO_APP);
    let Some(mut client) = world.entries("clients").find(is_demo_app).cloned() else { return };
    client.insert("secret_sha256".to_owned(), SECRET_SHA256.into());
    let Some(Value::Array(clients)) = world.auth_server.get_mut("clients") else { return };
    clients.extend((0..count).map(|number| {
        client.insert("id".to_owned(), id(number).into());
        client.insert("name".to_owned(), format!("Further {number}").into());
        Value::Table(client.clone())
    }));
}
