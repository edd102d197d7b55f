//! Every way app -> API -> API that a configuration allows, with the widest scope that can flow along it, and how two
//! configurations differ in that.

use std::collections::BTreeMap;

use shared_claims::{Scope, ScopeToken};

use super::Limits;
use super::reach::{Hop, Start, Subject, ways_from};
use crate::protocol::GrantType;
use crate::registry::{Api, Client, Registry};

/// One way: a client gets a token for an API, and that API and the next ones go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The client that the first token is issued to.
    pub app: String,
    pub subject: Subject,
    /// What the first token holds alone, where the way is looked at for a token that is narrower than it could be.
    pub holding: Option<ScopeToken>,
    /// The API that the first token is for, then those that are called on its caller's behalf. Never empty.
    pub stops: Vec<Stop>,
}

/// An API on a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its identifier.
    pub api: String,
    /// The most that a token can hold there.
    pub scope: Scope,
    /// What still stands between a token and that scope.
    pub conditions: Vec<Condition>,
}

/// What a single exchange will look at, and a configuration cannot know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// The user must have the permission.
    Permission,
    /// The user must have agreed.
    Consent,
    /// The user must have signed in freshly or strongly enough.
    SignIn,
}

impl Condition {
    /// Stable, for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Consent => "consent",
            Self::SignIn => "sign_in",
        }
    }

    /// For people.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Permission => "as far as the user's permissions go",
            Self::Consent => "once the user has agreed",
            Self::SignIn => "after a sign-in that is strong enough",
        }
    }
}

impl Way {
    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> &Stop {
        // A way is made with its first stop.
        &self.stops[self.stops.len() - 1]
    }

    fn route(&self) -> Route<'_> {
        (&self.app, self.subject, self.stops.iter().map(|stop| stop.api.as_str()).collect())
    }
}

/// A way without what flows along it.
type Route<'a> = (&'a str, Subject, Vec<&'a str>);

/// All ways: a way that goes on from another comes right behind it.
#[must_use]
pub fn ways(registry: &Registry, max_actors: usize) -> Vec<Way> {
    firsts(registry).iter().flat_map(|first| first.ways(first.allowed, None, registry, max_actors)).collect()
}

/// The ways of tokens that hold a single scope. A scope requires at most one of the token before, so what a token can get
/// is what its scopes can get one by one: nothing else tells how far a narrow token leads.
#[must_use]
pub fn narrow_ways(registry: &Registry, max_actors: usize) -> Vec<Way> {
    let of_one = |first: &First<'_>, name: &ScopeToken| {
        first.ways(&std::iter::once(name.clone()).collect(), Some(name), registry, max_actors)
    };
    let of_all = |first: &First<'_>| first.allowed.iter().flat_map(|name| of_one(first, name)).collect::<Vec<_>>();
    firsts(registry).iter().flat_map(of_all).collect()
}

/// A first token that a client can get.
struct First<'a> {
    app: &'a Client,
    subject: Subject,
    api: &'a Api,
    allowed: &'a Scope,
}

fn firsts(registry: &Registry) -> Vec<First<'_>> {
    let subjects = [(Subject::User, GrantType::AuthorizationCode), (Subject::Machine, GrantType::ClientCredentials)];
    let mut firsts = Vec::new();
    for client in registry.clients() {
        for (subject, _) in subjects.iter().filter(|(_, grant_type)| client.may_use(*grant_type)) {
            // Without a scope there is no token.
            let apis = client.allowed_scopes.iter().filter(|(_, allowed)| !allowed.is_empty());
            firsts.extend(apis.filter_map(|(identifier, allowed)| {
                let api = registry.api(identifier)?;
                Some(First { app: client, subject: *subject, api, allowed })
            }));
        }
    }
    firsts
}

impl First<'_> {
    fn ways(&self, held: &Scope, holding: Option<&ScopeToken>, registry: &Registry, max_actors: usize) -> Vec<Way> {
        let first = first_stop(self.api, held, self.subject);
        let start =
            Start { api: &self.api.identifier, scope: &first.scope, subject: self.subject, app: Some(self.app) };
        let further = ways_from(registry, start, max_actors).into_iter();
        let further = further.map(|hops| stops_of(hops, self.subject, registry));
        let way = |further: Vec<Stop>| Way {
            app: self.app.id.to_string(),
            subject: self.subject,
            holding: holding.cloned(),
            stops: std::iter::once(first.clone()).chain(further).collect(),
        };
        std::iter::once(Vec::new()).chain(further).map(way).collect()
    }
}

/// The app's own token: consent to the app, and no pairing, stands before it.
fn first_stop(api: &Api, allowed: &Scope, subject: Subject) -> Stop {
    let permission = api.enforce_permissions && subject == Subject::User;
    let conditions = permission.then_some(Condition::Permission).into_iter().collect();
    Stop { api: api.identifier.clone(), scope: allowed.intersection(&api.scope()), conditions }
}

fn stops_of(hops: Vec<Hop>, subject: Subject, registry: &Registry) -> Vec<Stop> {
    let stop = |hop: Hop| {
        let api = registry.api(&hop.target)?;
        Some(Stop { api: hop.target, conditions: conditions(api, &hop.scope, subject), scope: hop.scope })
    };
    hops.into_iter().filter_map(stop).collect()
}

fn conditions(api: &Api, scope: &Scope, subject: Subject) -> Vec<Condition> {
    let of_user = subject == Subject::User;
    let sign_in = api.sign_in.keys().any(|name| scope.contains(name.as_str()));
    let all = [
        (of_user && api.enforce_permissions, Condition::Permission),
        (of_user && !api.skip_consent, Condition::Consent),
        (sign_in, Condition::SignIn),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, condition)| condition).collect()
}

/// The ways that end where a scope can be had. `api`: at this API only.
#[must_use]
pub fn reaching(ways: Vec<Way>, api: Option<&str>, scope: &ScopeToken) -> Vec<Way> {
    let reaches = |stop: &Stop| api.is_none_or(|api| api == stop.api) && stop.scope.contains(scope.as_str());
    ways.into_iter().filter(|way| reaches(way.end())).collect()
}

/// How one configuration's ways differ from another's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub opened: Vec<Difference>,
    pub closed: Vec<Difference>,
}

/// One way, and what at its end is there in one configuration only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub way: Way,
    pub scope: Scope,
    /// What stands before its end in the other configuration only.
    pub conditions: Vec<Condition>,
}

/// What a change of the configuration opens and closes. A scope that is added to a way opens, be it for narrow tokens
/// alone, and so does a condition that falls away.
#[must_use]
pub fn change(old: (&Registry, Limits), new: (&Registry, Limits)) -> Change {
    let all =
        |(registry, Limits { max_actors })| [ways(registry, max_actors), narrow_ways(registry, max_actors)].concat();
    let (old, new) = (all(old), all(new));
    Change { opened: only_in(&new, &old), closed: only_in(&old, &new) }
}

/// The widest ways come first: what is told of them is not told again of narrow tokens.
fn only_in(these: &[Way], others: &[Way]) -> Vec<Difference> {
    let others: BTreeMap<_, &Stop> = others.iter().map(|way| ((way.route(), &way.holding), way.end())).collect();
    let mut told = BTreeMap::<Route<'_>, Scope>::new();
    let mut differences = Vec::new();
    for way in these {
        let other = others.get(&(way.route(), &way.holding));
        let (scope, conditions) = beyond(way.end(), other.copied());
        let known = told.entry(way.route()).or_default();
        let is_news = !scope.is_subset(known) || (way.holding.is_none() && !conditions.is_empty());
        *known = known.union(&scope);
        if is_news {
            differences.push(Difference { way: way.clone(), scope, conditions });
        }
    }
    differences
}

fn beyond(end: &Stop, other: Option<&Stop>) -> (Scope, Vec<Condition>) {
    let Some(other) = other else { return (end.scope.clone(), Vec::new()) };
    let fell_away = other.conditions.iter().filter(|condition| !end.conditions.contains(condition));
    (end.scope.difference(&other.scope), fell_away.copied().collect())
}

#[cfg(test)]
mod tests;
