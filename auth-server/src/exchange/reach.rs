//! How far a token can lead: every hop that the configuration allows behind an API, with the widest scope that can flow
//! over it.
//!
//! It follows the same rules as [`super::decide`] (pairing, `requires`, loops, depth, `may_act`, a client that may ask), and
//! leaves out what only a single exchange knows: the user, their permissions and consent, and time.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared_claims::Scope;

use crate::protocol::GrantType;
use crate::registry::{Api, Client, Pairing, Registry};

#[cfg(test)]
mod tests;

/// One exchange that can happen, and the most that it can give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Identifiers of APIs.
    pub source: String,
    pub target: String,
    pub scope: Scope,
}

/// On whose behalf a chain of calls is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Somebody signed in.
    User,
    /// A client got the first token for itself.
    Machine,
}

/// The token that a way starts with.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The API that it is for, and what it allows there.
    pub api: &'a str,
    pub scope: &'a Scope,
    pub subject: Subject,
    /// The client that got it; `None`: any.
    pub app: Option<&'a Client>,
}

/// All hops that can follow a user's token for `api` with `scope`, each pairing once, with all that any way gives it.
#[must_use]
pub fn hops_from(registry: &Registry, api: &str, scope: &Scope, max_actors: usize) -> Vec<Hop> {
    let mut widest = BTreeMap::<(String, String), Scope>::new();
    let start = Start { api, scope, subject: Subject::User, app: None };
    walk(registry, start, max_actors, &mut |way| {
        let Some(Hop { source, target, scope }) = way.last() else { return };
        let known = widest.entry((source.clone(), target.clone())).or_default();
        *known = known.union(scope);
    });
    widest.into_iter().map(|((source, target), scope)| Hop { source, target, scope }).collect()
}

/// Every way that a first token can take, as its hops in their order. A way comes before those that go on from it.
#[must_use]
pub fn ways_from(registry: &Registry, start: Start<'_>, max_actors: usize) -> Vec<Vec<Hop>> {
    let mut ways = Vec::new();
    walk(registry, start, max_actors, &mut |way| ways.push(way.to_vec()));
    ways
}

fn walk(registry: &Registry, start: Start<'_>, max_actors: usize, visit: &mut dyn FnMut(&[Hop])) {
    Walk { registry, start, max_actors, way: Vec::new(), visit }.go_on_from(start.api, start.scope, start.app);
}

struct Walk<'a, 'v> {
    registry: &'a Registry,
    start: Start<'a>,
    max_actors: usize,
    way: Vec<Hop>,
    visit: &'v mut dyn FnMut(&[Hop]),
}

impl<'a> Walk<'a, '_> {
    /// `holder`: the client that got the token which is now exchanged.
    fn go_on_from(&mut self, api: &str, scope: &Scope, holder: Option<&Client>) {
        let Some(asker) = asker_for(self.registry, api).filter(|asker| self.may_ask(asker, api, holder)) else {
            return;
        };
        let registry: &'a Registry = self.registry;
        for pairing in registry.pairings_of(api).filter(|pairing| self.is_open(pairing)).collect::<Vec<_>>() {
            let Some(target) = registry.api(&pairing.target) else { continue };
            let given = self.widest(pairing, &held_at(registry.api(api), scope), target);
            if given.is_empty() {
                continue;
            }
            self.way.push(Hop { source: api.to_owned(), target: target.identifier.clone(), scope: given.clone() });
            (self.visit)(&self.way);
            self.go_on_from(&target.identifier, &given, Some(asker));
            self.way.pop();
        }
    }

    /// Whether one more actor fits the chain (the app is the first, and each hop adds one), and `may_act` and the chain
    /// until here let the asker be it.
    fn may_ask(&self, asker: &Client, api: &str, holder: Option<&Client>) -> bool {
        let fits = self.way.len() + 2 <= self.max_actors;
        fits && self.app_is_paired() && holder.is_none_or(|holder| lets_act(self.registry, holder, asker, api))
    }

    /// An app that is an API's client identity is an actor like any other once it is in the chain, from the second hop on.
    fn app_is_paired(&self) -> bool {
        let api_of_app = self.api_of_app();
        api_of_app.is_none_or(|caller| self.way.is_empty() || self.registry.pairing(caller, self.start.api).is_some())
    }

    fn api_of_app(&self) -> Option<&'a str> {
        self.start.app.and_then(|app| app.api.as_deref())
    }

    fn is_open(&self, pairing: &Pairing) -> bool {
        let for_subject = self.start.subject == Subject::User || pairing.machine_subjects;
        for_subject && (pairing.may_loop || !self.comes_back(pairing))
    }

    /// Whether the chain has passed through the target.
    fn comes_back(&self, pairing: &Pairing) -> bool {
        let target = pairing.target.as_str();
        let app_is_target = !self.way.is_empty() && self.api_of_app() == Some(target);
        app_is_target || pairing.source == target || self.way.iter().any(|hop| hop.source == target)
    }

    fn widest(&self, pairing: &Pairing, held: &Scope, target: &Api) -> Scope {
        let given = target.known_of(&pairing.scope_open_to(held));
        match self.start.subject {
            Subject::User => given,
            // A machine never signed in, however weak a sign-in a scope would be content with.
            Subject::Machine => given.filter(|name| !target.sign_in.contains_key(name)),
        }
    }
}

/// The client identity of an API, if there is one that may exchange.
fn asker_for<'a>(registry: &'a Registry, api: &str) -> Option<&'a Client> {
    let mut clients = registry.clients().map(AsRef::as_ref);
    clients.find(|client: &&Client| client.api.as_deref() == Some(api) && client.acts_for_users())
}

/// Whether tokens of `holder` may be exchanged by `asker`, itself or with an agent inside it that `api` can know by its
/// token (RFC 8693 section 4.4).
fn lets_act(registry: &Registry, holder: &Client, asker: &Client, api: &str) -> bool {
    let Some(may_act) = &holder.may_act else { return true };
    let asker_id = asker.id.as_str();
    let client_holds = may_act.client_id.as_deref().is_none_or(|client| client == asker_id);
    let sub_holds = may_act.sub.as_deref().is_none_or(|sub| {
        let agent = registry.client(sub).filter(|agent| agent.agent_of.as_deref() == Some(asker_id));
        sub == asker_id || agent.is_some_and(|agent| gets_a_token_of_its_own(agent, api))
    });
    client_holds && sub_holds
}

/// Whether a machine can get a token for `api`: one that asks for no scope at all gets none.
pub(super) fn gets_a_token_of_its_own(client: &Client, api: &str) -> bool {
    client.may_use(GrantType::ClientCredentials) && client.allowed_scope(api).is_some_and(|scope| !scope.is_empty())
}

fn held_at(api: Option<&Arc<Api>>, scope: &Scope) -> Scope {
    api.map(|api| api.known_of(scope)).unwrap_or_default()
}
