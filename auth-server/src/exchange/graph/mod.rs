//! Every path that a configuration opens, from each app that can get a first token over the APIs that can act for its user,
//! with the widest scope that can flow along it; and what a change of the configuration opens and closes.

mod changes;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::BTreeSet;

use shared_claims::{Scope, ScopeToken};

pub use changes::{Change, Changes};
pub use wanted::Wanted;

use super::reach::{Hop, Start, Subject, gets_a_token_of_its_own, ways_from};
use crate::protocol::GrantType;
use crate::registry::{Client, Registry};

/// How far an app's first token can lead, over which APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The client that gets the first token.
    pub app: String,
    pub subject: Subject,
    /// What the first token holds alone, where the path is looked at for a token that is narrower than it could be.
    pub holding: Option<ScopeToken>,
    /// What is passed through on the way, the API of the first token first. Empty: the first token is all there is.
    pub through: Vec<Step>,
    /// Where it leads.
    pub to: Step,
}

impl Path {
    /// All steps in their order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.through.iter().chain([&self.to])
    }

    /// Whether it is the same path in another configuration, whatever may flow along it there.
    fn is_same(&self, other: &Self) -> bool {
        self.app == other.app
            && self.holding == other.holding
            && self.subject == other.subject
            && self.steps().map(|step| &step.api).eq(other.steps().map(|step| &step.api))
    }
}

/// A token for one API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub api: String,
    /// The widest that it can hold: for a user who may do everything and agrees to everything.
    pub scope: Scope,
    /// What only a user's doing, or their rights, can open.
    pub conditions: BTreeSet<Condition>,
}

/// What stands between the widest scope and a certain user's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// The user is asked first.
    Consent,
    /// The API enforces permissions: the user has to have them.
    Permissions,
    /// The scope demands how, or how recently, the user signed in.
    SignIn(ScopeToken),
}

/// All paths of a configuration, in a stable order: by app, then as they are walked, each after the one it goes on from.
#[must_use]
pub fn paths(registry: &Registry, max_actors: usize) -> Vec<Path> {
    let whole = |first: &First<'_>| first.paths(first.allowed, None, registry, max_actors);
    registry.clients().flat_map(|client| firsts(client)).flat_map(|first| whole(&first)).collect()
}

/// The paths of tokens that hold a single scope. A scope requires at most one of the token before, so that what a token opens
/// is what its scopes open one by one: nothing else tells how far narrow tokens lead.
#[must_use]
pub fn narrow_paths(registry: &Registry, max_actors: usize) -> Vec<Path> {
    let of_one = |first: &First<'_>, name: &ScopeToken| {
        first.paths(&std::iter::once(name.clone()).collect(), Some(name), registry, max_actors)
    };
    let of_each = |first: &First<'_>| first.allowed.iter().flat_map(|name| of_one(first, name)).collect::<Vec<_>>();
    registry.clients().flat_map(|client| firsts(client)).flat_map(|first| of_each(&first)).collect()
}

/// A first token that a client can get.
struct First<'a> {
    client: &'a Client,
    subject: Subject,
    api: &'a str,
    allowed: &'a Scope,
}

fn firsts(client: &Client) -> Vec<First<'_>> {
    let of = |subject| {
        let apis = client.allowed_scopes.iter().filter(move |(api, _)| starts_at(client, api, subject));
        apis.map(move |(api, allowed)| First { client, subject, api, allowed })
    };
    of(Subject::User).chain(of(Subject::Machine)).collect()
}

impl First<'_> {
    fn paths(&self, held: &Scope, holding: Option<&ScopeToken>, registry: &Registry, max_actors: usize) -> Vec<Path> {
        let Self { client, subject, api, .. } = *self;
        let conditions = at_sign_in(client, api, subject, registry);
        let first = Step { api: api.to_owned(), scope: held.clone(), conditions };
        let start = Start { api, scope: held, subject, app: Some(client) };
        let ways = ways_from(registry, start, max_actors);
        let ways = std::iter::once(Vec::new()).chain(ways);
        ways.map(|hops| Path { holding: holding.cloned(), ..extended(client, &first, &hops, subject, registry) })
            .collect()
    }
}

/// Whether the client can get a first token for an API that it is registered for. A user can sign in with `openid` alone,
/// and so without any scope of the API; a machine cannot.
fn starts_at(client: &Client, api: &str, subject: Subject) -> bool {
    match subject {
        Subject::User => client.may_use(GrantType::AuthorizationCode) || client.may_use(GrantType::DeviceCode),
        Subject::Machine => gets_a_token_of_its_own(client, api),
    }
}

fn extended(client: &Client, first: &Step, hops: &[Hop], subject: Subject, registry: &Registry) -> Path {
    let (mut through, mut to) = (Vec::new(), first.clone());
    for hop in hops {
        let conditions = of_exchange(hop, subject, registry);
        let next = Step { api: hop.target.clone(), scope: hop.scope.clone(), conditions };
        through.push(std::mem::replace(&mut to, next));
    }
    Path { app: client.id.to_string(), subject, holding: None, through, to }
}

/// What stands before an app's first token.
fn at_sign_in(client: &Client, api: &str, subject: Subject, registry: &Registry) -> BTreeSet<Condition> {
    if subject == Subject::Machine {
        return BTreeSet::new();
    }
    let enforced = registry.api(api).is_some_and(|api| api.enforce_permissions);
    let consent = (!client.skip_consent).then_some(Condition::Consent);
    consent.into_iter().chain(enforced.then_some(Condition::Permissions)).collect()
}

/// What stands before a token that an API gets in exchange.
fn of_exchange(hop: &Hop, subject: Subject, registry: &Registry) -> BTreeSet<Condition> {
    let (Subject::User, Some(target)) = (subject, registry.api(&hop.target)) else { return BTreeSet::new() };
    let consent = (!target.skip_consent).then_some(Condition::Consent);
    let permissions = target.enforce_permissions.then_some(Condition::Permissions);
    let demanding = target.sign_in.keys().filter(|name| hop.scope.contains(name.as_str()));
    consent.into_iter().chain(permissions).chain(demanding.cloned().map(Condition::SignIn)).collect()
}
