//! One consistent view of all clients, APIs and pairings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Api, Client, Pairing};

/// All clients, APIs and pairings at one moment. Immutable: a change makes a new one.
#[derive(Debug, Default)]
pub struct Registry {
    apis: BTreeMap<String, Arc<Api>>,
    clients: BTreeMap<String, Arc<Client>>,
    /// By source, then target.
    pairings: BTreeMap<String, BTreeMap<String, Arc<Pairing>>>,
}

/// Entries that do not fit together, each named.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct InvalidRegistry(pub Vec<String>);

impl Registry {
    /// Puts entries together and checks that each name they use exists.
    pub fn new(
        apis: impl IntoIterator<Item = Api>,
        clients: impl IntoIterator<Item = Client>,
        pairings: impl IntoIterator<Item = Pairing>,
    ) -> Result<Self, InvalidRegistry> {
        let mut registry = Self::default();
        let mut mistakes = Vec::new();
        for api in apis {
            if let Some(twice) = registry.apis.insert(api.identifier.clone(), Arc::new(api)) {
                mistakes.push(format!("API {} is there twice", twice.identifier));
            }
        }
        for client in clients {
            if let Some(twice) = registry.clients.insert(client.id.as_str().to_owned(), Arc::new(client)) {
                mistakes.push(format!("client {} is there twice", twice.id));
            }
        }
        for pairing in pairings {
            let of_source = registry.pairings.entry(pairing.source.clone()).or_default();
            if let Some(twice) = of_source.insert(pairing.target.clone(), Arc::new(pairing)) {
                mistakes.push(format!("pairing {} is there twice", twice.name()));
            }
        }
        mistakes.extend(registry.clients.values().flat_map(|client| registry.client_mistakes(client)));
        mistakes.extend(registry.all_pairings().flat_map(|pairing| registry.pairing_mistakes(pairing)));
        mistakes.extend(registry.shared_api_clients());
        if mistakes.is_empty() { Ok(registry) } else { Err(InvalidRegistry(mistakes)) }
    }

    #[must_use]
    pub fn api(&self, identifier: &str) -> Option<&Arc<Api>> {
        self.apis.get(identifier)
    }

    pub fn apis(&self) -> impl Iterator<Item = &Arc<Api>> {
        self.apis.values()
    }

    #[must_use]
    pub fn client(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(id)
    }

    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }

    #[must_use]
    pub fn pairing(&self, source: &str, target: &str) -> Option<&Arc<Pairing>> {
        self.pairings.get(source)?.get(target)
    }

    /// All pairings of one source API.
    pub fn pairings_of(&self, source: &str) -> impl Iterator<Item = &Arc<Pairing>> {
        self.pairings.get(source).into_iter().flat_map(BTreeMap::values)
    }

    pub fn all_pairings(&self) -> impl Iterator<Item = &Arc<Pairing>> {
        self.pairings.values().flat_map(BTreeMap::values)
    }

    /// Whether a page of `origin` may call the token endpoint for some client.
    #[must_use]
    pub fn is_web_origin(&self, origin: &str) -> bool {
        self.clients.values().any(|client| client.web_origins.contains(origin))
    }

    fn client_mistakes(&self, client: &Client) -> Vec<String> {
        let mut mistakes = Vec::new();
        let named = [("api", &client.api), ("default_audience", &client.default_audience)];
        let named = named.into_iter().filter_map(|(key, identifier)| Some((key, identifier.as_ref()?)));
        let lists = client.allowed_scopes.keys().map(|api| ("allowed_scopes", api));
        let lists = lists.chain(client.introspects.iter().map(|api| ("introspects", api)));
        for (key, identifier) in named.chain(lists) {
            if self.api(identifier).is_none() {
                mistakes.push(format!("client {}: {key} names the unknown API {identifier}", client.id));
            }
        }
        if let Some(outer) = &client.agent_of
            && self.client(outer).is_none_or(|outer| outer.api.is_none())
        {
            mistakes
                .push(format!("client {}: agent_of names {outer}, which is no client identity of an API", client.id));
        }
        for (identifier, allowed) in &client.allowed_scopes {
            let Some(api) = self.api(identifier) else { continue };
            let excess = allowed.difference(&api.scope());
            if !excess.is_empty() {
                mistakes.push(format!(
                    "client {}: allowed_scopes of {identifier} has {excess}, which that API does not have",
                    client.id
                ));
            }
        }
        mistakes
    }

    fn pairing_mistakes(&self, pairing: &Pairing) -> Vec<String> {
        let wrong = |what: String| format!("pairing {}: {what}", pairing.name());
        let (Some(source), Some(target)) = (self.api(&pairing.source), self.api(&pairing.target)) else {
            return vec![wrong("source and target must both be APIs of this configuration".to_owned())];
        };
        let mut mistakes = Vec::new();
        let excess = pairing.scope().difference(&target.scope());
        if !excess.is_empty() {
            mistakes.push(wrong(format!("the target has no scope {excess}: it has {}", target.scope())));
        }
        let excess = pairing.default_scope().difference(&pairing.scope());
        if !excess.is_empty() {
            mistakes.push(wrong(format!("default_scopes has {excess}, which is not among its scopes")));
        }
        let required: shared_claims::Scope =
            pairing.scopes.iter().filter_map(|paired| paired.requires.clone()).collect();
        let unknown = required.difference(&source.scope());
        if !unknown.is_empty() {
            mistakes.push(wrong(format!("`requires` names {unknown}: the source has {}", source.scope())));
        }
        mistakes
    }

    /// Each API has one client identity at the most, so that an actor's client id names one API.
    fn shared_api_clients(&self) -> Vec<String> {
        let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
        let mut mistakes = Vec::new();
        for client in self.clients.values().filter(|client| client.acts_for_users()) {
            let Some(api) = &client.api else { continue };
            if let Some(other) = holders.insert(api, client.id.as_str()) {
                mistakes.push(format!("clients {other} and {} are both the client identity of {api}", client.id));
            }
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const APIS: &str = r#"[{"identifier":"https://a.example","name":"A","scopes":{"read:a":"Read A"}},
                           {"identifier":"https://b.example","name":"B","scopes":{"read:b":"Read B"}}]"#;

    fn build(clients: &str, pairings: &str) -> Result<Registry, InvalidRegistry> {
        let apis: Vec<Api> = serde_json::from_str(APIS).unwrap();
        let clients: Vec<Client> = serde_json::from_str(clients).unwrap();
        let pairings: Vec<Pairing> = serde_json::from_str(pairings).unwrap();
        Registry::new(apis, clients, pairings)
    }

    #[rstest]
    #[case::unknown_target(
        "[]",
        r#"[{"source":"https://a.example","target":"https://x.example","scopes":[]}]"#,
        "must both be APIs"
    )]
    #[case::foreign_scope(
        "[]",
        r#"[{"source":"https://a.example","target":"https://b.example","scopes":["read:a"]}]"#,
        "no scope read:a"
    )]
    #[case::unknown_condition(
        "[]",
        r#"[{"source":"https://a.example","target":"https://b.example","scopes":[{"scope":"read:b","requires":"x"}]}]"#,
        "`requires` names x"
    )]
    #[case::foreign_default(
        "[]",
        r#"[{"source":"https://a.example","target":"https://b.example","scopes":[],"default_scopes":["read:b"]}]"#,
        "default_scopes has read:b"
    )]
    #[case::unknown_api(r#"[{"id":"c","name":"C","grant_types":[],"api":"https://x.example"}]"#, "[]", "unknown API")]
    #[case::scope_of_another_api(
        r#"[{"id":"c","name":"C","grant_types":[],"allowed_scopes":{"https://a.example":["read:b"]}}]"#,
        "[]",
        "does not have"
    )]
    #[case::twice(
        r#"[{"id":"c","name":"C","grant_types":[]},{"id":"c","name":"D","grant_types":[]}]"#,
        "[]",
        "is there twice"
    )]
    fn entries_that_do_not_fit_together_are_named(
        #[case] clients: &str,
        #[case] pairings: &str,
        #[case] expected: &str,
    ) {
        let error = build(clients, pairings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_pairing_holds_in_one_direction_only() {
        let registry =
            build("[]", r#"[{"source":"https://a.example","target":"https://b.example","scopes":["read:b"]}]"#)
                .unwrap();
        assert!(registry.pairing("https://a.example", "https://b.example").is_some());
        assert!(registry.pairing("https://b.example", "https://a.example").is_none());
    }
}
