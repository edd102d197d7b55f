//! How far a token can lead: every hop that the pairings allow behind an API, with the widest scope that can flow over it.
//!
//! It follows the same rules as [`super::decide`] (pairing, `requires`, loops, depth, a client that may ask), and leaves out
//! what only a single exchange knows: the user, their permissions and consent, and time.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared_claims::Scope;

use crate::registry::{Api, Client, Pairing, Registry};

/// One exchange that can happen, and the most that it can give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Identifiers of APIs.
    pub source: String,
    pub target: String,
    pub scope: Scope,
}

/// One way through several APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// In the order in which they happen; never empty.
    pub hops: Vec<Hop>,
}

/// Whose token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    User,
    Machine,
}

/// All hops that can follow a user's token for `api` with `scope`, each pairing once, with all that any way gives it.
#[must_use]
pub fn hops_from(registry: &Registry, api: &str, scope: &Scope, max_actors: usize) -> Vec<Hop> {
    let mut widest = BTreeMap::<(String, String), Scope>::new();
    let paths = paths_from(registry, Subject::User, api, scope, max_actors);
    for Hop { source, target, scope } in paths.into_iter().flat_map(|path| path.hops) {
        let known = widest.entry((source, target)).or_default();
        *known = known.union(&scope);
    }
    widest.into_iter().map(|((source, target), scope)| Hop { source, target, scope }).collect()
}

/// Every way that a token for `api` with `scope` can take, longer ones after those that they go on from.
#[must_use]
pub fn paths_from(registry: &Registry, subject: Subject, api: &str, scope: &Scope, max_actors: usize) -> Vec<Path> {
    let mut paths = Vec::new();
    let mut walk = Walk { registry, subject, max_actors, way: Vec::new(), paths: &mut paths };
    walk.go_on_from(api, scope);
    paths
}

struct Walk<'a> {
    registry: &'a Registry,
    subject: Subject,
    max_actors: usize,
    way: Vec<Hop>,
    paths: &'a mut Vec<Path>,
}

impl Walk<'_> {
    fn go_on_from(&mut self, api: &str, scope: &Scope) {
        // The app is the first actor, and each hop adds one.
        if self.way.len() + 2 > self.max_actors || asker_for(self.registry, api).is_none() {
            return;
        }
        for pairing in self.registry.pairings_of(api) {
            let Some(target) = self.registry.api(&pairing.target) else { continue };
            let machine_is_refused = self.subject == Subject::Machine && !pairing.machine_subjects;
            if machine_is_refused || (self.loops(pairing) && !pairing.may_loop) {
                continue;
            }
            let given = pairing.scope_open_to(&held_at(self.registry.api(api), scope)).intersection(&target.scope());
            if given.is_empty() {
                continue;
            }
            self.way.push(Hop { source: api.to_owned(), target: target.identifier.clone(), scope: given.clone() });
            self.paths.push(Path { hops: self.way.clone() });
            self.go_on_from(&target.identifier, &given);
            self.way.pop();
        }
    }

    /// Whether the target has been called on this way already.
    fn loops(&self, pairing: &Pairing) -> bool {
        pairing.source == pairing.target || self.way.iter().any(|hop| hop.source == pairing.target)
    }
}

/// The client identity of an API, if there is one that may exchange.
fn asker_for<'a>(registry: &'a Registry, api: &str) -> Option<&'a Arc<Client>> {
    registry.clients().find(|client| client.api.as_deref() == Some(api) && client.acts_for_users())
}

fn held_at(api: Option<&Arc<Api>>, scope: &Scope) -> Scope {
    api.map(|api| scope.intersection(&api.scope())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "https://a.example";
    const B: &str = "https://b.example";
    const C: &str = "https://c.example";

    fn api(identifier: &str) -> Api {
        let document = format!(r#"{{"identifier":"{identifier}","name":"x","scopes":{{"r":"","w":""}}}}"#);
        serde_json::from_str(&document).unwrap()
    }

    fn asker(id: &str, api: &str) -> Client {
        let (secret, grant_type) = ("a".repeat(43), "urn:ietf:params:oauth:grant-type:token-exchange");
        let document = format!(
            r#"{{"id":"{id}","name":"{id}","secret":"{secret}","api":"{api}","grant_types":["{grant_type}"]}}"#
        );
        serde_json::from_str(&document).unwrap()
    }

    fn pairing(source: &str, target: &str, scopes: &str) -> Pairing {
        serde_json::from_str(&format!(r#"{{"source":"{source}","target":"{target}","scopes":{scopes}}}"#)).unwrap()
    }

    fn registry(pairings: Vec<Pairing>) -> Registry {
        let askers = vec![asker("api-a", A), asker("api-b", B)];
        Registry::new(vec![api(A), api(B), api(C)], askers, pairings).unwrap()
    }

    fn hops(pairings: Vec<Pairing>, scope: &str, max_actors: usize) -> Vec<String> {
        let hops = hops_from(&registry(pairings), A, &scope.parse().unwrap(), max_actors);
        let short = |identifier: &str| identifier["https://".len()..][..1].to_owned();
        hops.iter().map(|hop| format!("{}>{} {}", short(&hop.source), short(&hop.target), hop.scope)).collect()
    }

    #[test]
    fn a_token_leads_over_its_pairings_hop_after_hop() {
        let chain = || vec![pairing(A, B, r#"["r"]"#), pairing(B, C, r#"["r","w"]"#)];
        assert_eq!(hops(chain(), "r", 5), ["a>b r", "b>c r w"]);
        assert_eq!(hops(chain(), "r", 2), ["a>b r"], "the chain may not grow longer");
    }

    #[test]
    fn a_narrow_token_leads_only_where_its_scope_opens_the_way() {
        let chain = || {
            vec![
                pairing(A, B, r#"["r",{"scope":"w","requires":"w"}]"#),
                pairing(B, C, r#"[{"scope":"w","requires":"w"}]"#),
            ]
        };
        assert_eq!(hops(chain(), "r", 5), ["a>b r"]);
        assert_eq!(hops(chain(), "r w", 5), ["a>b r w", "b>c w"]);
    }

    #[test]
    fn the_widest_of_all_ways_counts() {
        let ways = vec![pairing(A, B, r#"["r"]"#), pairing(A, C, r#"["r"]"#), pairing(B, C, r#"["w"]"#)];
        assert_eq!(hops(ways, "r", 5), ["a>b r", "a>c r", "b>c w"]);
    }

    #[test]
    fn a_way_does_not_come_back_unless_the_pairing_allows_it() {
        let back = |may_loop| vec![pairing(A, B, r#"["r"]"#), Pairing { may_loop, ..pairing(B, A, r#"["w"]"#) }];
        assert_eq!(hops(back(false), "r", 5), ["a>b r"]);
        assert_eq!(hops(back(true), "r", 3), ["a>b r", "b>a w"]);
        assert_eq!(hops(vec![pairing(A, A, r#"["r"]"#)], "r", 5), Vec::<String>::new());
    }

    #[test]
    fn a_machine_goes_only_where_machines_are_taken() {
        let pairings = vec![Pairing { machine_subjects: true, ..pairing(A, B, r#"["r"]"#) }, pairing(A, C, r#"["r"]"#)];
        let paths = paths_from(&registry(pairings), Subject::Machine, A, &"r".parse().unwrap(), 5);
        let targets: Vec<_> = paths.iter().flat_map(|path| &path.hops).map(|hop| hop.target.as_str()).collect();
        assert_eq!(targets, [B]);
    }

    #[test]
    fn an_api_without_a_client_identity_goes_no_further() {
        let beyond = vec![pairing(A, C, r#"["r"]"#), pairing(C, B, r#"["r"]"#)];
        assert_eq!(hops(beyond, "r", 5), ["a>c r"]);
    }
}
