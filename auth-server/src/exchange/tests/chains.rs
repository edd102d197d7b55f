//! What holds for every exchange over every configuration: chains are walked at random through random pairings, and each
//! token that comes out is measured by sets, not by the rules' own code.

use proptest::prelude::*;

use super::*;
use crate::exchange::reach::{Hop, hops_from};
use crate::registry::{OnExcess, PairedScope};

const APIS: [&str; 4] = ["https://0.example", "https://1.example", "https://2.example", "https://3.example"];
const ASKERS: [&str; 4] = ["api-0", "api-1", "api-2", "api-3"];
const SCOPES: &[&str] = &["r", "w", "x"];

fn some_scope() -> impl Strategy<Value = Scope> {
    proptest::sample::subsequence(SCOPES, 0..=SCOPES.len()).prop_map(|names| scope_of(&names))
}

fn scope_of(names: &[&str]) -> Scope {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Most of the time all of them, so that chains get somewhere.
fn generous_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![3 => Just(scope_of(SCOPES)), 1 => some_scope()]
}

fn some_api(index: usize) -> impl Strategy<Value = Api> {
    (generous_scope(), any::<[bool; 3]>(), 30_u64..3600).prop_map(move |(scope, flags, lifetime)| {
        let mut api = api(APIS[index], "{}", "");
        api.scopes = scope.iter().map(|name| (name.clone(), String::new())).collect();
        [api.enforce_permissions, api.skip_consent, api.allow_offline_access] = flags;
        api.token_lifetime = std::time::Duration::from_secs(lifetime);
        api
    })
}

/// Scopes are cut down to what source and target own: a registry takes no others.
fn some_pairing(source: usize, target: usize) -> impl Strategy<Value = Option<Pairing>> {
    let scopes = proptest::collection::vec((0..SCOPES.len(), proptest::option::of(0..SCOPES.len())), 0..4);
    let flags = any::<[bool; 4]>();
    proptest::option::weighted(0.8, (scopes, flags)).prop_map(move |drawn| {
        let (scopes, [trims, machine_subjects, may_outlive_subject, may_loop]) = drawn?;
        let named = |index: usize| SCOPES[index].parse().unwrap();
        let mut unique = std::collections::BTreeMap::new();
        unique.extend(scopes);
        let scopes = unique
            .into_iter()
            .map(|(scope, requires)| PairedScope { scope: named(scope), requires: requires.map(named) });
        Some(Pairing {
            scopes: scopes.collect(),
            on_excess: if trims { OnExcess::Trim } else { OnExcess::Refuse },
            machine_subjects,
            may_outlive_subject,
            may_loop,
            ..pairing(APIS[source], APIS[target], "[]")
        })
    })
}

fn owned_only(pairing: Option<Pairing>, apis: &[Api]) -> Option<Pairing> {
    let mut pairing = pairing?;
    let owns = |identifier: &str, name: &str| {
        apis.iter().any(|api| api.identifier == identifier && api.scope().contains(name))
    };
    pairing.scopes.retain(|paired| {
        owns(&pairing.target, paired.scope.as_str())
            && paired.requires.as_ref().is_none_or(|required| owns(&pairing.source, required.as_str()))
    });
    Some(pairing).filter(|pairing| !pairing.scopes.is_empty())
}

/// One try: who asks (the API that was called, or any), towards whom, for what.
type Step = (Option<usize>, Option<usize>, Option<Scope>, bool);

fn some_world() -> impl Strategy<Value = World> {
    let apis = [some_api(0), some_api(1), some_api(2), some_api(3)];
    let pairings: Vec<_> = (0..4).flat_map(|source| (0..4).map(move |target| some_pairing(source, target))).collect();
    let permissions = proptest::collection::vec(generous_scope(), 4);
    let consents = proptest::collection::vec(generous_scope(), 16);
    (apis, pairings, permissions, consents, generous_scope(), 0_i64..4000, proptest::bool::weighted(0.2), 2_usize..6)
        .prop_map(|(apis, pairings, permissions, consents, held, left, machine, max_actors)| {
            let mut world = world();
            world.pairings = pairings.into_iter().filter_map(|pairing| owned_only(pairing, &apis)).collect();
            world.apis = apis.to_vec();
            world.clients =
                ASKERS.iter().zip(APIS).map(|(id, api)| api_client(id, api)).chain([app("demo-app")]).collect();
            let permissions = APIS.iter().map(ToString::to_string).zip(permissions).collect();
            world.user = Some(User { blocked: false, permissions: Arc::new(permissions) });
            let pairs = APIS.iter().flat_map(|source| APIS.iter().map(move |target| (source, target)));
            let agreed =
                pairs.zip(consents).map(|((source, target), scope)| (source.to_string(), target.to_string(), scope));
            world.consents = agreed.collect();
            world.limits.max_actors = max_actors;
            let world = world.subject(|token| {
                token.aud = Audience::from_iter([APIS[0]]);
                token.scope = held;
                token.exp = NOW + Duration::seconds(left);
            });
            if machine { world.without_user() } else { world }
        })
}

/// What `world` would be wrong to give more than.
fn measure(world: &World, granted: &Granted) {
    let source = world.subject.aud.iter().find(|aud| APIS.contains(aud)).unwrap();
    let target = granted.target.identifier.as_str();
    let pairing = world.pairings.iter().find(|pairing| pairing.source == source && pairing.target == target).unwrap();
    let asker = ASKERS[APIS.iter().position(|api| *api == source).unwrap()];
    assert_eq!(world.asker, asker, "only the API that a token is for exchanges it");
    assert!(world.asked.target.as_deref().is_none_or(|asked| asked == target));

    assert!(!granted.scope.is_empty());
    for name in granted.scope.iter() {
        let paired = pairing.scopes.iter().find(|paired| paired.scope == *name).expect("a scope of the pairing");
        assert!(paired.requires.as_ref().is_none_or(|required| world.subject.scope.contains(required.as_str())));
        assert!(granted.target.scopes.contains_key(name));
        assert!(world.asked.scope_of_an_api().is_empty() || world.asked.scope_of_an_api().contains(name.as_str()));
        if let Some(user) = &world.user {
            assert!(!granted.target.enforce_permissions || user.permissions_at(target).contains(name.as_str()));
            assert!(granted.target.skip_consent || world.consents.to(source, target).contains(name.as_str()));
        }
    }
    assert!(world.user.is_some() || pairing.machine_subjects);

    let earlier = world.subject.act.clone().unwrap_or_else(|| Actor::client(&world.subject.client_id));
    assert_eq!(granted.actor, Actor::client(asker).after(Some(earlier)));
    assert!(granted.actor.depth() <= world.limits.max_actors);
    let been_there = chain(granted).contains(&ASKERS[APIS.iter().position(|api| *api == target).unwrap()]);
    assert!(!been_there || pairing.may_loop);

    assert!(granted.expires_at >= NOW + Duration::seconds(10));
    assert!(granted.expires_at <= NOW + granted.target.token_lifetime);
    assert!(pairing.may_outlive_subject || granted.expires_at <= world.subject.exp);
    assert!(!granted.refresh_token || granted.target.allow_offline_access);
    assert!(world.user.is_some() || !(granted.id_token || granted.refresh_token));
}

fn leads_to(hop: &Hop, world: &World, granted: &Granted) -> bool {
    let from_here = world.subject.aud.contains(&hop.source) && hop.target == granted.target.identifier;
    from_here && granted.scope.is_subset(&hop.scope)
}

fn some_steps() -> impl Strategy<Value = Vec<Step>> {
    let (asker, beside) = (proptest::option::weighted(0.1, 0..4_usize), proptest::bool::weighted(0.2));
    let (target, scope) = (proptest::option::weighted(0.9, 0..4_usize), proptest::option::of(some_scope()));
    proptest::collection::vec((asker, target, scope, beside), 4..16)
}

proptest! {
    #[test]
    fn no_exchange_of_any_chain_gives_what_the_rules_do_not_give(mut world in some_world(), steps in some_steps()) {
        let registry = world.registry();
        let reach = hops_from(&registry, APIS[0], &world.subject.scope, world.limits.max_actors);
        for (asker, target, scope, beside) in steps {
            let holder = world.subject.aud.iter().find_map(|aud| APIS.iter().position(|api| *api == aud)).unwrap();
            world.asker = ASKERS[asker.unwrap_or(holder)];
            world.asked.target = target.map(|target| APIS[target].to_owned());
            let openid: Scope = if beside { "openid offline_access".parse().unwrap() } else { Scope::default() };
            world.asked.scope = scope.map(|scope| scope.union(&openid));
            for dialect in [Dialect::TokenExchange, Dialect::JwtBearer] {
                // That an explanation comes to the same is looked at inside.
                if let Ok(granted) = world.decide_by(&registry, dialect) {
                    measure(&world, &granted);
                    prop_assert!(reach.iter().any(|hop| leads_to(hop, &world, &granted)), "the graph knows every way");
                    let target = granted.target.identifier.clone();
                    let holder = ASKERS[APIS.iter().position(|api| *api == target).unwrap()];
                    world = world.next_hop(&granted, holder, &target);
                    break;
                }
            }
        }
    }

    #[test]
    fn a_chain_grows_by_the_asker_and_keeps_everyone_before(earlier in proptest::collection::vec("[a-z]{3}", 1..7)) {
        let mut world = world();
        world.clients.extend(earlier.iter().collect::<std::collections::BTreeSet<_>>().into_iter().map(|id| app(id)));
        let history = earlier.iter().fold(None, |inner, id| Some(Actor::client(id).after(inner))).unwrap();
        world.subject.act = Some(history.clone());
        match world.decide() {
            Ok(granted) => {
                prop_assert_eq!(granted.actor.act.as_deref(), Some(&history));
                prop_assert_eq!(granted.actor.sub, "api-a");
                prop_assert!(history.depth() < 5);
            }
            Err(refusal) => prop_assert_eq!((refusal.reason(), history.depth() >= 5), ("chain_too_deep", true)),
        }
    }
}
