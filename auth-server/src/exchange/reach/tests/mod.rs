//! What a token leads to, and what it never leads to, by small examples and over random configurations.

mod agreement;

use proptest::prelude::*;

use super::*;

const A: &str = "https://a.example";
const B: &str = "https://b.example";
const C: &str = "https://c.example";
const APIS: [&str; 3] = [A, B, C];

fn api(identifier: &str) -> Api {
    let document = format!(r#"{{"identifier":"{identifier}","name":"x","scopes":{{"r":"","w":""}}}}"#);
    serde_json::from_str(&document).unwrap()
}

fn client(id: &str, grant_type: &str, more: &str) -> Client {
    let secret = "a".repeat(43);
    let document = format!(r#"{{"id":"{id}","name":"{id}","secret":"{secret}","grant_types":["{grant_type}"]{more}}}"#);
    serde_json::from_str(&document).unwrap()
}

fn asker(id: &str, api: &str) -> Client {
    client(id, "urn:ietf:params:oauth:grant-type:token-exchange", &format!(r#","api":"{api}""#))
}

fn app(more: &str) -> Client {
    client("app", "client_credentials", more)
}

fn pairing(source: &str, target: &str, scopes: &str) -> Pairing {
    serde_json::from_str(&format!(r#"{{"source":"{source}","target":"{target}","scopes":{scopes}}}"#)).unwrap()
}

fn chain() -> Vec<Pairing> {
    vec![pairing(A, B, r#"["r"]"#), pairing(B, C, r#"["r","w"]"#)]
}

fn registry_of(clients: Vec<Client>, pairings: Vec<Pairing>) -> Registry {
    Registry::new(APIS.map(api), clients, pairings).unwrap()
}

fn registry(pairings: Vec<Pairing>) -> Registry {
    registry_of(vec![asker("api-a", A), asker("api-b", B)], pairings)
}

fn short(identifier: &str) -> &str {
    identifier.trim_start_matches("https://").trim_end_matches(".example")
}

fn told(hops: &[Hop]) -> Vec<String> {
    hops.iter().map(|hop| format!("{}>{} {}", short(&hop.source), short(&hop.target), hop.scope)).collect()
}

fn hops(pairings: Vec<Pairing>, scope: &str, max_actors: usize) -> Vec<String> {
    told(&hops_from(&registry(pairings), A, &scope.parse().unwrap(), max_actors))
}

/// The ways of a token that `app` got, each as one line.
fn ways(registry: &Registry, app: &Client, subject: Subject) -> Vec<String> {
    let scope = "r w".parse().unwrap();
    let start = Start { api: A, scope: &scope, subject, app: Some(app) };
    ways_from(registry, start, 5).iter().map(|way| told(way).join(", ")).collect()
}

#[test]
fn a_token_leads_over_its_pairings_hop_after_hop() {
    assert_eq!(hops(chain(), "r", 5), ["a>b r", "b>c r w"]);
}

#[test]
fn a_chain_ends_where_one_more_actor_would_be_too_many() {
    assert_eq!(hops(chain(), "r", 3), ["a>b r", "b>c r w"]);
    assert_eq!(hops(chain(), "r", 2), ["a>b r"]);
    assert_eq!(hops(chain(), "r", 1), Vec::<String>::new());
}

#[test]
fn a_narrow_token_leads_only_where_its_scope_opens_the_way() {
    let demanding = || {
        vec![pairing(A, B, r#"["r",{"scope":"w","requires":"w"}]"#), pairing(B, C, r#"[{"scope":"w","requires":"w"}]"#)]
    };
    assert_eq!(hops(demanding(), "r", 5), ["a>b r"]);
    assert_eq!(hops(demanding(), "r w", 5), ["a>b r w", "b>c w"]);
}

#[test]
fn a_token_without_any_scope_of_its_api_still_gets_what_requires_nothing() {
    assert_eq!(hops(chain(), "", 5), ["a>b r", "b>c r w"]);
}

#[test]
fn a_name_that_the_source_api_does_not_own_opens_nothing() {
    let registry = Registry::new(
        [serde_json::from_str(r#"{"identifier":"https://a.example","name":"x","scopes":{"w":""}}"#).unwrap(), api(B)],
        [asker("api-a", A)],
        [pairing(A, B, r#"[{"scope":"r","requires":"w"}]"#)],
    );
    assert!(hops_from(&registry.unwrap(), A, &"r openid".parse().unwrap(), 5).is_empty());
}

#[test]
fn the_widest_of_all_ways_counts_and_each_pairing_comes_once() {
    let requiring = pairing(C, B, r#"["r",{"scope":"w","requires":"w"}]"#);
    let two_ways = vec![pairing(A, B, r#"["r"]"#), pairing(A, C, r#"["w"]"#), pairing(B, C, r#"["r"]"#), requiring];
    let registry = registry_of(vec![asker("api-a", A), asker("api-b", B), asker("api-c", C)], two_ways);
    let hops = hops_from(&registry, A, &Scope::empty(), 5);
    assert_eq!(told(&hops), ["a>b r", "a>c w", "b>c r", "c>b r w"]);
}

#[test]
fn a_way_does_not_come_back_unless_the_pairing_allows_it() {
    let back = |may_loop| vec![pairing(A, B, r#"["r"]"#), Pairing { may_loop, ..pairing(B, A, r#"["w"]"#) }];
    assert_eq!(hops(back(false), "r", 5), ["a>b r"]);
    assert_eq!(hops(back(true), "r", 3), ["a>b r", "b>a w"]);
    assert_eq!(hops(vec![pairing(A, A, r#"["r"]"#)], "r", 5), Vec::<String>::new());
    let to_itself = Pairing { may_loop: true, ..pairing(A, A, r#"["r"]"#) };
    assert_eq!(hops(vec![to_itself], "r", 5), ["a>a r"]);
}

#[test]
fn an_api_without_a_client_identity_goes_no_further() {
    let beyond = || vec![pairing(A, C, r#"["r"]"#), pairing(C, B, r#"["r"]"#)];
    assert_eq!(hops(beyond(), "r", 5), ["a>c r"]);
    let cannot_exchange = client("api-c", "client_credentials", &format!(r#","api":"{C}""#));
    let registry = registry_of(vec![asker("api-a", A), cannot_exchange], beyond());
    assert_eq!(told(&hops_from(&registry, A, &Scope::empty(), 5)), ["a>c r"], "it may not exchange");
}

#[test]
fn either_dialect_makes_a_client_an_asker() {
    let more = format!(r#","api":"{A}""#);
    let asker = client("api-a", "urn:ietf:params:oauth:grant-type:jwt-bearer", &more);
    let registry = registry_of(vec![asker], vec![pairing(A, B, r#"["r"]"#)]);
    assert_eq!(told(&hops_from(&registry, A, &Scope::empty(), 5)), ["a>b r"]);
}

#[test]
fn an_unknown_api_leads_nowhere() {
    assert!(hops_from(&registry(chain()), "https://x.example", &"r".parse().unwrap(), 5).is_empty());
}

#[test]
fn a_way_comes_before_those_that_go_on_from_it() {
    let registry = registry(chain());
    assert_eq!(ways(&registry, &app(""), Subject::User), ["a>b r", "a>b r, b>c r w"]);
}

#[test]
fn a_machine_leads_only_over_pairings_that_take_machines() {
    let pairings = vec![
        Pairing { machine_subjects: true, ..pairing(A, B, r#"["r"]"#) },
        pairing(A, C, r#"["r"]"#),
        pairing(B, C, r#"["r"]"#),
    ];
    assert_eq!(ways(&registry(pairings), &app(""), Subject::Machine), ["a>b r"]);
}

#[test]
fn a_machine_gets_no_scope_that_demands_a_sign_in() {
    let strict =
        r#"{"identifier":"https://b.example","name":"x","scopes":{"r":"","w":""},"sign_in":{"w":{"acr":["1"]}}}"#;
    let strict: Api = serde_json::from_str(strict).unwrap();
    let pairing = Pairing { machine_subjects: true, ..pairing(A, B, r#"["r","w"]"#) };
    let registry = Registry::new([api(A), strict], [asker("api-a", A)], [pairing]).unwrap();
    assert_eq!(ways(&registry, &app(""), Subject::Machine), ["a>b r"]);
    assert_eq!(ways(&registry, &app(""), Subject::User), ["a>b r w"]);
}

#[test]
fn may_act_closes_the_way_to_all_that_it_does_not_name() {
    let registry = registry(chain());
    for (may_act, expected) in [
        (r#"{"client_id":"api-a"}"#, 2),
        (r#"{"sub":"api-a","client_id":"api-a"}"#, 2),
        (r#"{"client_id":"api-b"}"#, 0),
        (r#"{"sub":"somebody"}"#, 0),
        (r#"{"sub":"api-b","client_id":"api-a"}"#, 0),
    ] {
        let app = app(&format!(r#","may_act":{may_act}"#));
        assert_eq!(ways(&registry, &app, Subject::User).len(), expected, "{may_act}");
    }
}

#[test]
fn may_act_of_an_api_on_the_way_closes_what_lies_behind_it() {
    let first = Client { may_act: app(r#","may_act":{"client_id":"other"}"#).may_act, ..asker("api-a", A) };
    let registry = registry_of(vec![first, asker("api-b", B)], chain());
    assert_eq!(told(&hops_from(&registry, A, &"r".parse().unwrap(), 5)), ["a>b r"]);
}

#[test]
fn may_act_may_name_an_agent_that_can_show_its_token_here() {
    let agent = |scopes: &str| {
        client("agent", "client_credentials", &format!(r#","agent_of":"api-a","allowed_scopes":{{"{A}":{scopes}}}"#))
    };
    let app = app(r#","may_act":{"sub":"agent"}"#);
    for (agent, expected) in [(agent(r#"["r"]"#), 2), (agent("[]"), 0)] {
        let registry = registry_of(vec![asker("api-a", A), asker("api-b", B), agent], chain());
        assert_eq!(ways(&registry, &app, Subject::User).len(), expected);
    }
}

#[test]
fn an_app_that_is_an_apis_client_counts_as_passed_through_once_it_is_in_the_chain() {
    let app = Client { api: Some(C.to_owned()), ..app("") };
    let straight = vec![pairing(A, C, r#"["r"]"#)];
    assert_eq!(ways(&registry(straight), &app, Subject::User), ["a>c r"], "the first token names no actor");
    let paired = [chain(), vec![pairing(C, A, r#"["r"]"#)]].concat();
    assert_eq!(ways(&registry(paired), &app, Subject::User), ["a>b r"], "C is in the chain by then");
}

#[test]
fn an_app_that_is_an_apis_client_needs_a_pairing_for_a_second_hop() {
    let registry = registry_of(vec![asker("api-a", A), asker("api-b", B)], chain());
    let app = asker("api-a", A);
    assert_eq!(ways(&registry, &app, Subject::User), ["a>b r"]);
}

fn some_scope() -> impl Strategy<Value = Scope> {
    proptest::sample::subsequence(vec!["r", "w"], 0..=2)
        .prop_map(|names| names.iter().map(|name| name.parse().unwrap()).collect())
}

fn some_pairing(source: &'static str, target: &'static str) -> impl Strategy<Value = Option<Pairing>> {
    let required = || proptest::option::of(proptest::sample::select(vec!["r", "w"]));
    let paired = proptest::collection::btree_map(proptest::sample::select(vec!["r", "w"]), required(), 1..3);
    let made = (paired, any::<bool>()).prop_map(move |(scopes, may_loop)| {
        let scopes: Vec<_> =
            scopes.iter().map(|(scope, requires)| serde_json::json!({"scope": scope, "requires": requires})).collect();
        Pairing { may_loop, ..pairing(source, target, &serde_json::to_string(&scopes).unwrap()) }
    });
    proptest::option::weighted(0.6, made)
}

fn some_pairings() -> impl Strategy<Value = Vec<Pairing>> {
    let pairs: Vec<_> = APIS.iter().flat_map(|source| APIS.iter().map(move |target| (*source, *target))).collect();
    let pairings: Vec<_> = pairs.into_iter().map(|(source, target)| some_pairing(source, target)).collect();
    pairings.prop_map(|pairings| pairings.into_iter().flatten().collect())
}

proptest! {
    #[test]
    fn no_hop_gives_what_its_pairing_does_not_allow(
        pairings in some_pairings(), scope in some_scope(), max_actors in 0_usize..6,
    ) {
        let registry = registry(pairings);
        let hops = hops_from(&registry, A, &scope, max_actors);
        for hop in &hops {
            let pairing = registry.pairing(&hop.source, &hop.target).expect("only what is paired");
            prop_assert!(!hop.scope.is_empty() && hop.scope.is_subset(&pairing.scope()));
        }
        let mut pairs: Vec<_> = hops.iter().map(|hop| (&hop.source, &hop.target)).collect();
        let in_order = pairs.is_sorted();
        pairs.dedup();
        prop_assert!(in_order && pairs.len() == hops.len(), "each once, in a stable order");
    }

    #[test]
    fn every_hop_of_a_way_is_open_to_the_token_before_it(pairings in some_pairings(), scope in some_scope()) {
        let registry = registry(pairings);
        let start = Start { api: A, scope: &scope, subject: Subject::User, app: None };
        for way in ways_from(&registry, start, 5) {
            let (mut at, mut held) = (A, &scope);
            prop_assert!(way.len() <= 4);
            for (done, hop) in way.iter().enumerate() {
                let pairing = registry.pairing(&hop.source, &hop.target).unwrap();
                prop_assert_eq!(&hop.source, at);
                prop_assert!(hop.scope.is_subset(&pairing.scope_open_to(held)));
                let comes_back = hop.source == hop.target || way[..done].iter().any(|past| past.source == hop.target);
                prop_assert!(pairing.may_loop || !comes_back);
                (at, held) = (&hop.target, &hop.scope);
            }
        }
    }

    #[test]
    fn a_wider_token_and_a_longer_chain_never_lead_less_far(
        pairings in some_pairings(), scope in some_scope(), more in some_scope(), max_actors in 0_usize..5,
    ) {
        let registry = registry(pairings);
        let narrow = hops_from(&registry, A, &scope, max_actors);
        let wide = hops_from(&registry, A, &scope.union(&more), max_actors + 1);
        for hop in narrow {
            let wider = wide.iter().find(|wider| (&wider.source, &wider.target) == (&hop.source, &hop.target));
            prop_assert!(wider.is_some_and(|wider| hop.scope.is_subset(&wider.scope)));
        }
    }
}
