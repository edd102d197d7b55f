//! Paths from apps, who can get a scope, and what a change opens and closes.

use rstest::rstest;

use super::*;
use crate::exchange::Limits;
use crate::registry::{Api, Pairing};

fn api(letter: &str, more: &str) -> Api {
    let document = format!(
        r#"{{"identifier":"https://{letter}.example","name":"x","scopes":{{"r":"","w":""}},"skip_consent":true{more}}}"#
    );
    serde_json::from_str(&document).unwrap()
}

fn client(id: &str, grant_types: &str, more: &str) -> Client {
    let document = format!(
        r#"{{"id":"{id}","name":"{id}","secret":"{}","grant_types":[{grant_types}],
            "redirect_uris":["https://app.example/callback"],"skip_consent":true{more}}}"#,
        "a".repeat(43)
    );
    serde_json::from_str(&document).unwrap()
}

const TO_A: &str = r#","allowed_scopes":{"https://a.example":["r","w"]}"#;
const USERS: &str = r#""authorization_code""#;
const MACHINES: &str = r#""client_credentials""#;

fn asker(letter: &str) -> Client {
    let api = format!(r#","api":"https://{letter}.example""#);
    client(&format!("api-{letter}"), r#""urn:ietf:params:oauth:grant-type:token-exchange""#, &api)
}

fn pairing(source: &str, target: &str, scopes: &str) -> Pairing {
    let document =
        format!(r#"{{"source":"https://{source}.example","target":"https://{target}.example","scopes":{scopes}}}"#);
    serde_json::from_str(&document).unwrap()
}

/// An app whose users call A, which calls B, which calls C.
struct World {
    apis: Vec<Api>,
    clients: Vec<Client>,
    pairings: Vec<Pairing>,
}

fn world() -> World {
    World {
        apis: vec![api("a", ""), api("b", ""), api("c", "")],
        clients: vec![client("app", USERS, TO_A), asker("a"), asker("b")],
        pairings: vec![pairing("a", "b", r#"["r"]"#), pairing("b", "c", r#"["r","w"]"#)],
    }
}

impl World {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn with_app(self, app: Client) -> Self {
        self.with(|world| world.clients[0] = app)
    }

    fn with_first_pairing(self, scopes: &str) -> Self {
        self.with(|world| world.pairings[0] = pairing("a", "b", scopes))
    }

    fn with_b(self, more: &str) -> Self {
        self.with(|world| world.apis[1] = api("b", more))
    }

    fn registry(self) -> Registry {
        Registry::new(self.apis, self.clients, self.pairings).unwrap()
    }

    fn paths(self) -> Vec<Path> {
        paths(&self.registry(), 5)
    }
}

fn line(path: &Path) -> String {
    let letters: Vec<_> = path.steps().map(|step| &step.api["https://".len()..][..1]).collect();
    let machine = if path.subject == Subject::Machine { "*" } else { "" };
    format!("{}{machine}>{} {}", path.app, letters.join(">"), path.to.scope)
}

fn lines(paths: &[Path]) -> Vec<String> {
    paths.iter().map(line).collect()
}

fn changes(old: World, new: World) -> (Vec<String>, Vec<String>) {
    let told = |changes: Vec<Change>| {
        changes.iter().map(|change| format!("{}: {} {:?}", line(&change.path), change.scope, change.without)).collect()
    };
    let (old, new) = (old.registry(), new.registry());
    let Changes { opened, closed } = Changes::between((&old, Limits::default()), (&new, Limits::default()));
    (told(opened), told(closed))
}

#[test]
fn every_path_of_an_app_is_told_with_the_widest_scope_at_its_end() {
    assert_eq!(lines(&world().paths()), ["app>a r w", "app>a>b r", "app>a>b>c r w"]);
}

#[test]
fn an_app_without_a_way_to_a_first_token_starts_nothing() {
    let refresh_only = client("app", r#""refresh_token""#, TO_A);
    assert!(world().with_app(refresh_only).paths().is_empty());
    let no_api = client("app", USERS, "");
    assert!(world().with_app(no_api).paths().is_empty());
}

#[test]
fn a_machine_starts_where_it_may_and_stops_where_pairings_want_a_user() {
    let machine = || client("bot", MACHINES, TO_A);
    assert_eq!(lines(&world().with_app(machine()).paths()), ["bot*>a r w"]);
    let taken = world().with_app(machine()).with(|world| world.pairings[0].machine_subjects = true);
    assert_eq!(lines(&taken.paths()), ["bot*>a r w", "bot*>a>b r"]);
}

#[test]
fn a_client_with_both_grants_starts_for_both() {
    let both = client("app", &format!("{USERS},{MACHINES}"), TO_A);
    assert_eq!(lines(&world().with_app(both).paths()), ["app>a r w", "app>a>b r", "app>a>b>c r w", "app*>a r w"]);
}

#[test]
fn a_user_without_any_scope_of_the_api_still_opens_what_requires_nothing_and_a_machine_does_not() {
    let none = r#","allowed_scopes":{"https://a.example":[]}"#;
    let app = client("app", &format!("{USERS},{MACHINES}"), none);
    assert_eq!(lines(&world().with_app(app).paths()), ["app>a ", "app>a>b r", "app>a>b>c r w"]);
}

#[test]
fn what_only_a_certain_user_opens_is_told() {
    let strict = r#","enforce_permissions":true,"sign_in":{"r":{"max_age":"5m"},"w":{"max_age":"5m"}}"#;
    let paths = world().with_b(strict).with(|world| world.apis[1].skip_consent = false).paths();
    let expected = [Condition::Consent, Condition::Permissions, Condition::SignIn("r".parse().unwrap())];
    assert_eq!(paths[1].to.conditions, expected.into());
    assert!(paths[0].to.conditions.is_empty() && paths[2].to.conditions.is_empty());
}

#[test]
fn an_app_that_is_not_first_party_asks_at_sign_in() {
    let mut app = client("app", USERS, TO_A);
    app.skip_consent = false;
    assert_eq!(world().with_app(app).paths()[0].to.conditions, [Condition::Consent].into());
}

#[rstest]
#[case::bare("r", "r", 3)]
#[case::in_full("https://b.example/r", "r", 1)]
#[case::nobody("https://b.example/w", "w", 0)]
fn who_can_reach_a_scope(#[case] text: &str, #[case] scope: &str, #[case] reached: usize) {
    let registry = world().registry();
    let wanted = Wanted::read(text, &registry).unwrap();
    assert_eq!(wanted.scope.as_str(), scope);
    assert_eq!(paths(&registry, 5).iter().filter(|path| wanted.is_where(path)).count(), reached);
}

#[rstest]
#[case::unknown("x", "no API has the scope \"x\": there are r w at https://a.example")]
#[case::unknown_api("https://x.example/r", "no API has the scope")]
#[case::not_apart("https://a.exampler", "no API has the scope")]
#[case::an_api("https://a.example", "such as https://a.example/r")]
#[case::no_scope("", "no API has the scope \"\"")]
#[case::two("r w", "no API has the scope")]
fn a_scope_that_nobody_has_is_no_question(#[case] text: &str, #[case] expected: &str) {
    let error = Wanted::read(text, &world().registry()).unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn an_identifier_may_end_in_a_slash_and_a_scope_may_hold_one() {
    let document = r#"{"identifier":"https://s.example/","name":"x","scopes":{"a/b":""}}"#;
    let registry = Registry::new([serde_json::from_str::<Api>(document).unwrap()], [], []).unwrap();
    for text in ["a/b", "https://s.example/a/b", "https://s.example//a/b"] {
        assert_eq!(Wanted::read(text, &registry).unwrap().apis, ["https://s.example/"], "{text}");
    }
}

#[test]
fn nothing_changes_between_two_equal_configurations() {
    assert_eq!(changes(world(), world()), (vec![], vec![]));
}

#[test]
fn a_new_pairing_opens_whole_paths_and_a_removed_one_closes_them() {
    let without = || world().with(|world| world.pairings.truncate(1));
    let path = vec!["app>a>b>c r w: r w {}".to_owned()];
    assert_eq!(changes(without(), world()), (path.clone(), vec![]));
    assert_eq!(changes(world(), without()), (vec![], path));
}

#[test]
fn a_wider_scope_opens_and_a_narrower_one_closes() {
    let wide = || world().with_first_pairing(r#"["r","w"]"#);
    let gained = vec!["app>a>b r w: w {}".to_owned()];
    assert_eq!(changes(world(), wide()), (gained.clone(), vec![]));
    assert_eq!(changes(wide(), world()), (vec![], gained));
}

#[test]
fn a_swapped_scope_opens_and_closes() {
    let (opened, closed) = changes(world(), world().with_first_pairing(r#"["w"]"#));
    assert_eq!((opened, closed), (vec!["app>a>b w: w {}".to_owned()], vec!["app>a>b r: r {}".to_owned()]));
}

#[test]
fn a_requirement_that_an_app_can_meet_closes_for_narrow_tokens_and_one_that_none_meets_for_all() {
    let required = || world().with_first_pairing(r#"[{"scope":"r","requires":"w"}]"#);
    let (old, new) = (world().registry(), required().registry());
    let closed = Changes::between((&old, Limits::default()), (&new, Limits::default())).closed;
    let read = "r".parse::<ScopeToken>().unwrap();
    assert_eq!(closed.len(), 2, "to B, and to C behind it");
    assert!(closed.iter().all(|change| change.path.holding.as_ref() == Some(&read)));
    let reader = || client("app", USERS, r#","allowed_scopes":{"https://a.example":["r"]}"#);
    let (opened, closed) = changes(world().with_app(reader()), required().with_app(reader()));
    assert_eq!((opened, closed.len()), (vec![], 2), "to B, and to C behind it");
}

#[test]
fn a_demand_that_falls_away_opens_and_a_new_one_closes() {
    for demand in [r#","enforce_permissions":true"#, r#","sign_in":{"r":{"max_age":"5m"}}"#] {
        let (opened, closed) = changes(world().with_b(demand), world());
        assert!(opened.len() == 1 && closed.is_empty(), "{opened:?} {closed:?}");
        let (opened, closed) = changes(world(), world().with_b(demand));
        assert!(closed.len() == 1 && opened.is_empty(), "{opened:?} {closed:?}");
    }
}

#[test]
fn a_user_who_is_no_longer_asked_is_an_opening() {
    let asking = world().with(|world| world.apis[1].skip_consent = false);
    assert_eq!(changes(asking, world()), (vec!["app>a>b r:  {Consent}".to_owned()], vec![]));
}

#[test]
fn a_demand_that_comes_with_its_scope_closes_nothing() {
    let demanding = world().with_b(r#","sign_in":{"w":{"max_age":"5m"}}"#).with_first_pairing(r#"["r","w"]"#);
    assert_eq!(changes(world(), demanding), (vec!["app>a>b r w: w {}".to_owned()], vec![]));
}

#[test]
fn what_opens_for_narrow_tokens_alone_is_told_of_them() {
    let conditional = world().with_first_pairing(r#"["r",{"scope":"w","requires":"w"}]"#);
    let freed = world().with_first_pairing(r#"["r","w"]"#);
    let (old, new) = (conditional.registry(), freed.registry());
    let changes = Changes::between((&old, Limits::default()), (&new, Limits::default()));
    let told: Vec<_> = changes.opened.iter().map(|change| (line(&change.path), change.path.holding.clone())).collect();
    assert_eq!(told, [("app>a>b r w".to_owned(), Some("r".parse().unwrap()))]);
    assert_eq!(changes.opened[0].scope.to_string(), "w");
    assert!(changes.closed.is_empty());
}

#[test]
fn a_longer_chain_opens_what_lies_behind_it() {
    let registry = world().registry();
    let opened = Changes::between((&registry, Limits { max_actors: 2 }), (&registry, Limits { max_actors: 3 })).opened;
    assert_eq!(opened.iter().map(|change| line(&change.path)).collect::<Vec<_>>(), ["app>a>b>c r w"]);
    assert!(opened[0].whole);
}

#[test]
fn the_same_apis_for_a_machine_are_another_path() {
    let machine = world().with(|world| world.clients.push(client("app-2", MACHINES, TO_A)));
    assert_eq!(changes(world(), machine).0, ["app-2*>a r w: r w {}"]);
}
