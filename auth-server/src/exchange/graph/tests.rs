use super::*;
use crate::registry::Pairing;

const A: &str = "https://a.example";
const B: &str = "https://b.example";

fn api(identifier: &str, more: &str) -> Api {
    let document = format!(r#"{{"identifier":"{identifier}","name":"x","scopes":{{"r":"","w":""}}{more}}}"#);
    serde_json::from_str(&document).unwrap()
}

fn client(id: &str, grant_type: &str, more: &str) -> Client {
    let secret = "a".repeat(43);
    let document = format!(r#"{{"id":"{id}","name":"{id}","secret":"{secret}","grant_types":["{grant_type}"]{more}}}"#);
    serde_json::from_str(&document).unwrap()
}

fn app(allowed: &str) -> Client {
    let more = format!(
        r#","redirect_uris":["https://app.example/cb"],"allowed_scopes":{{"{A}":["{}"]}}"#,
        allowed.replace(' ', "\",\"")
    );
    client("app", "authorization_code", &more)
}

fn pairing(scopes: &str) -> Pairing {
    serde_json::from_str(&format!(r#"{{"source":"{A}","target":"{B}","scopes":{scopes}}}"#)).unwrap()
}

fn ways_with(app: Client, b: Api, pairing: Pairing) -> Vec<Way> {
    ways(&registry(app, b, pairing), 5)
}

fn registry(app: Client, b: Api, pairing: Pairing) -> Registry {
    let machine = client("machine", "client_credentials", &format!(r#","allowed_scopes":{{"{A}":["r"]}}"#));
    let asker = client("a", "urn:ietf:params:oauth:grant-type:token-exchange", &format!(r#","api":"{A}""#));
    Registry::new(vec![api(A, ""), b], vec![app, machine, asker], vec![pairing]).unwrap()
}

fn written(ways: &[Way]) -> Vec<String> {
    let stop = |stop: &Stop| format!("{} {}", &stop.api[8..9], stop.scope);
    ways.iter()
        .map(|way| format!("{}: {}", way.app, way.stops.iter().map(stop).collect::<Vec<_>>().join(", ")))
        .collect()
}

#[test]
fn every_way_begins_at_an_app_and_goes_on_over_pairings() {
    let all = ways_with(app("r w"), api(B, ""), pairing(r#"["r",{"scope":"w","requires":"w"}]"#));
    assert_eq!(written(&all), ["app: a r w", "app: a r w, b r w", "machine: a r"]);
    let narrow = ways_with(app("r"), api(B, ""), pairing(r#"["r",{"scope":"w","requires":"w"}]"#));
    assert_eq!(written(&narrow), ["app: a r", "app: a r, b r", "machine: a r"]);
}

#[test]
fn a_machine_goes_on_where_the_pairing_takes_machines() {
    let pairing = Pairing { machine_subjects: true, ..pairing(r#"["r"]"#) };
    let all = ways_with(app("r"), api(B, ""), pairing);
    assert_eq!(written(&all).last().unwrap(), "machine: a r, b r");
    assert!(all.last().unwrap().end().conditions.is_empty(), "a machine has no user to ask");
}

#[test]
fn who_can_get_a_scope_is_told_by_where_ways_end() {
    let all = || ways_with(app("r w"), api(B, ""), pairing(r#"["w"]"#));
    let to = |api: Option<&str>, scope: &str| written(&reaching(all(), api, &scope.parse().unwrap()));
    assert_eq!(to(None, "w"), ["app: a r w", "app: a r w, b w"]);
    assert_eq!(to(Some(B), "w"), ["app: a r w, b w"]);
    assert!(to(Some(B), "r").is_empty());
}

#[test]
fn a_way_names_what_still_stands_before_its_end() {
    let guarded = r#","enforce_permissions":true,"sign_in":{"w":{"max_age":"5m"}}"#;
    let all = ways_with(app("r w"), api(B, guarded), pairing(r#"["w"]"#));
    assert_eq!(all[1].end().conditions, [Condition::Permission, Condition::Consent, Condition::SignIn]);
    let free = ways_with(app("r w"), api(B, r#","skip_consent":true"#), pairing(r#"["w"]"#));
    assert!(free[1].end().conditions.is_empty());
}

fn changed(old: (&str, &str), new: (&str, &str)) -> Change {
    let with = |(scopes, more): (&str, &str)| registry(app("r w"), api(B, more), pairing(scopes));
    change((&with(old), Limits::default()), (&with(new), Limits::default()))
}

fn named(differences: &[Difference]) -> Vec<String> {
    let holding = |way: &Way| way.holding.as_ref().map_or_else(String::new, |name| format!(" with {name}"));
    differences.iter().map(|one| format!("{} {}{}", one.way.stops.len(), one.scope, holding(&one.way))).collect()
}

#[test]
fn what_a_change_opens_and_closes() {
    let wider = changed((r#"["r"]"#, ""), (r#"["r","w"]"#, ""));
    assert_eq!((named(&wider.opened), named(&wider.closed)), (vec!["2 w".to_owned()], vec![]));
    let other = changed((r#"["r"]"#, ""), (r#"["w"]"#, ""));
    assert_eq!((named(&other.opened), named(&other.closed)), (vec!["2 w".to_owned()], vec!["2 r".to_owned()]));
    assert_eq!(changed((r#"["r"]"#, ""), (r#"["r"]"#, "")), Change::default());
}

#[test]
fn a_way_that_opens_for_narrow_tokens_alone_is_told() {
    let conditional = r#"["r",{"scope":"w","requires":"w"}]"#;
    let freed = changed((conditional, ""), (r#"["r","w"]"#, ""));
    assert_eq!((named(&freed.opened), named(&freed.closed)), (vec!["2 w with r".to_owned()], vec![]));
}

#[test]
fn a_condition_that_falls_away_opens() {
    let loosened = changed((r#"["r"]"#, ""), (r#"["r"]"#, r#","skip_consent":true"#));
    assert_eq!(loosened.opened.len(), 1);
    assert_eq!(loosened.opened[0].conditions, [Condition::Consent]);
    assert!(loosened.closed.is_empty(), "{loosened:?}");
}
