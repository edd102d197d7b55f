//! Each row of the exchange table, and what holds for every chain. No server, database or clock.

use proptest::prelude::*;
use rstest::rstest;
use shared_claims::claims::{Confirmation, MayAct};
use shared_claims::{AccessTokenClaims, Actor, Audience};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::protocol::{ErrorCode, OAuthError};
use crate::registry::{Client, Pairing, Registry};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const A: &str = "https://api-a.example";
const B: &str = "https://api-b.example";
const C: &str = "https://api-c.example";

/// A world in which API A may call API B, and B may call C; one exchange of Alice's token, to be changed by a test.
struct World {
    apis: Vec<Api>,
    clients: Vec<Client>,
    pairings: Vec<Pairing>,
    subject: AccessTokenClaims,
    asker: &'static str,
    asked: Asked,
    grant: GrantStanding,
    user: Option<User>,
    limits: Limits,
}

fn world() -> World {
    World {
        apis: vec![
            api(A, r#"{"read:reports":"","write:reports":""}"#, ""),
            api(B, r#"{"read:receipts":"","write:receipts":""}"#, r#","enforce_permissions":true"#),
            api(C, r#"{"read:rates":""}"#, ""),
        ],
        clients: vec![app("demo-app"), api_client("api-a", A), api_client("api-b", B), api_client("api-c", C)],
        pairings: vec![
            pairing(A, B, r#"["read:receipts",{"scope":"write:receipts","requires":"write:reports"}]"#),
            pairing(B, C, r#"["read:rates"]"#),
        ],
        subject: token_a(),
        asker: "api-a",
        asked: Asked { target: Some(B.into()), scope: None },
        grant: GrantStanding::Live { until: NOW + Duration::days(90) },
        user: Some(alice()),
        limits: Limits::default(),
    }
}

fn api(identifier: &str, scopes: &str, more: &str) -> Api {
    let document = format!(r#"{{"identifier":"{identifier}","name":"x","scopes":{scopes},"skip_consent":true{more}}}"#);
    serde_json::from_str(&document).unwrap()
}

fn app(id: &str) -> Client {
    serde_json::from_str(&format!(r#"{{"id":"{id}","name":"{id}","grant_types":[]}}"#)).unwrap()
}

fn api_client(id: &str, api: &str) -> Client {
    let secret = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let grant_types = r#"["urn:ietf:params:oauth:grant-type:token-exchange","refresh_token"]"#;
    let document =
        format!(r#"{{"id":"{id}","name":"{id}","secret":"{secret}","api":"{api}","grant_types":{grant_types}}}"#);
    serde_json::from_str(&document).unwrap()
}

fn pairing(source: &str, target: &str, scopes: &str) -> Pairing {
    serde_json::from_str(&format!(r#"{{"source":"{source}","target":"{target}","scopes":{scopes}}}"#)).unwrap()
}

fn alice() -> User {
    let both: Scope = "read:receipts write:receipts".parse().unwrap();
    User { blocked: false, permissions: [(B.to_owned(), both)].into() }
}

/// The token that Alice's app calls API A with.
fn token_a() -> AccessTokenClaims {
    AccessTokenClaims {
        iss: "https://issuer.example".into(),
        sub: "usr_alice".into(),
        aud: [A, "https://issuer.example/userinfo"].into_iter().collect(),
        exp: NOW + Duration::minutes(5),
        iat: NOW,
        nbf: None,
        jti: "jti".into(),
        client_id: "demo-app".into(),
        azp: None,
        scope: "openid read:reports write:reports".parse().unwrap(),
        auth_time: Some(NOW),
        acr: None,
        amr: vec![],
        sid: Some("sid".into()),
        txn: Some("grt_1".into()),
        act: None,
        may_act: None,
        cnf: None,
        status: None,
    }
}

impl World {
    fn asking(mut self, scope: &str) -> Self {
        self.asked.scope = Some(scope.parse().unwrap());
        self
    }

    fn towards(mut self, target: Option<&str>) -> Self {
        self.asked.target = target.map(str::to_owned);
        self
    }

    fn by(mut self, asker: &'static str) -> Self {
        self.asker = asker;
        self
    }

    fn subject(mut self, change: impl FnOnce(&mut AccessTokenClaims)) -> Self {
        change(&mut self.subject);
        self
    }

    fn user(mut self, change: impl FnOnce(&mut User)) -> Self {
        change(self.user.as_mut().unwrap());
        self
    }

    /// The token of a machine: nobody signed in.
    fn without_user(mut self) -> Self {
        self.user = None;
        self.subject(|token| {
            token.sub = "demo-app".into();
            token.auth_time = None;
        })
    }

    fn api(mut self, identifier: &str, change: impl FnOnce(&mut Api)) -> Self {
        change(self.apis.iter_mut().find(|api| api.identifier == identifier).unwrap());
        self
    }

    fn pairing(mut self, source: &str, change: impl FnOnce(&mut Pairing)) -> Self {
        change(self.pairings.iter_mut().find(|pairing| pairing.source == source).unwrap());
        self
    }

    fn with(mut self, pairing: Pairing) -> Self {
        self.pairings.push(pairing);
        self
    }

    /// The next hop: the token that the last exchange gave, shown by the API it was for.
    fn next_hop(self, granted: &Granted, asker: &'static str, target: &str) -> Self {
        let (actor, scope) = (granted.actor.clone(), granted.scope.clone());
        let (audience, exp) = (granted.target.identifier.clone(), granted.expires_at);
        self.by(asker).towards(Some(target)).subject(|token| {
            token.aud = Audience::from_iter([audience]);
            token.client_id = actor.sub.clone();
            token.act = Some(actor);
            token.scope = scope;
            token.exp = exp;
        })
    }

    fn decide(&self) -> Result<Granted, Refusal> {
        let registry = Registry::new(self.apis.clone(), self.clients.clone(), self.pairings.clone()).unwrap();
        decide(&Facts {
            now: NOW,
            registry: &registry,
            asker: registry.client(self.asker).unwrap(),
            asked: &self.asked,
            subject: &self.subject,
            grant: self.grant,
            user: self.user.as_ref(),
            limits: self.limits,
        })
    }

    #[track_caller]
    fn refused(&self) -> (ErrorCode, &'static str) {
        let refusal = self.decide().unwrap_err();
        (refusal.code(), refusal.reason())
    }

    #[track_caller]
    fn granted(&self) -> Granted {
        self.decide().unwrap()
    }
}

fn chain(granted: &Granted) -> Vec<&str> {
    granted.actor.history().map(|actor| actor.sub.as_str()).collect()
}

// Who may ask.

#[test]
fn an_api_exchanges_the_token_it_was_called_with() {
    let granted = world().granted();
    assert_eq!(granted.target.identifier, B);
    assert_eq!(granted.scope.to_string(), "read:receipts");
    assert_eq!(chain(&granted), ["api-a", "demo-app"]);
}

#[test]
fn a_client_that_is_no_api_may_not_ask() {
    assert_eq!(world().by("demo-app").refused(), (ErrorCode::UnauthorizedClient, "not_an_api_client"));
}

// Addressed to the asker.

#[test]
fn an_api_cannot_exchange_a_token_issued_for_another() {
    assert_eq!(world().by("api-b").towards(Some(C)).refused(), (ErrorCode::InvalidRequest, "not_addressed_to_asker"));
}

#[test]
fn the_userinfo_audience_alone_addresses_no_api() {
    let world = world().subject(|token| token.aud = ["https://issuer.example/userinfo"].into_iter().collect());
    assert_eq!(world.refused().1, "not_addressed_to_asker");
}

// Still allowed.

#[test]
fn a_revoked_chain_cannot_be_extended() {
    let mut world = world();
    world.grant = GrantStanding::Ended;
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "subject_token_revoked"));
    world.grant = GrantStanding::Live { until: NOW };
    assert_eq!(world.refused().1, "subject_token_revoked");
}

#[test]
fn nobody_acts_for_a_blocked_user() {
    assert_eq!(world().user(|user| user.blocked = true).refused(), (ErrorCode::InvalidRequest, "user_blocked"));
}

#[test]
fn a_token_of_a_client_that_was_removed_cannot_be_exchanged() {
    let mut world = world();
    world.clients.retain(|client| client.id.as_str() != "demo-app");
    assert_eq!(world.refused().1, "chain_no_longer_allowed");
}

#[test]
fn a_chain_whose_earlier_pairing_was_removed_cannot_be_extended() {
    let first = world().granted();
    let mut second = world().next_hop(&first, "api-b", C);
    assert!(second.decide().is_ok());
    second.pairings.retain(|pairing| pairing.source != A);
    assert_eq!(second.refused().1, "chain_no_longer_allowed");
}

// may_act and binding.

#[rstest]
#[case::the_asker(Some("api-a"), Some("api-a"), true)]
#[case::another(Some("api-b"), None, false)]
#[case::one_member_of_another(Some("api-a"), Some("api-b"), false)]
#[case::nobody(None, None, false)]
fn may_act_names_the_asker_or_refuses(
    #[case] sub: Option<&str>,
    #[case] client_id: Option<&str>,
    #[case] allowed: bool,
) {
    let may_act = MayAct { sub: sub.map(Into::into), client_id: client_id.map(Into::into) };
    let world = world().subject(|token| token.may_act = Some(may_act));
    assert_eq!(world.decide().is_ok(), allowed);
    if !allowed {
        assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "may_act_names_another"));
    }
}

#[test]
fn a_bound_subject_token_yields_no_bearer_token() {
    let bound = Confirmation { jkt: Some("thumbprint".into()), x5t_s256: None };
    let world = world().subject(|token| token.cnf = Some(bound));
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "binding_not_supported"));
}

// Target and pairing.

#[test]
fn unknown_and_unpaired_targets_get_the_same_answer() {
    let unknown = world().towards(Some("https://nowhere.example")).decide().unwrap_err();
    let unpaired = world().towards(Some(C)).decide().unwrap_err();
    assert_eq!(OAuthError::from(unknown.clone()), OAuthError::from(unpaired));
    assert_eq!((unknown.code(), unknown.reason()), (ErrorCode::InvalidTarget, "target_not_paired"));
}

#[test]
fn a_pairing_does_not_hold_backwards() {
    let world = world().by("api-b").towards(Some(A)).subject(|token| token.aud = [B].into_iter().collect());
    assert_eq!(world.refused().1, "target_not_paired");
}

#[test]
fn without_a_target_the_one_paired_api_that_owns_the_scopes_is_meant() {
    assert_eq!(world().towards(None).asking("read:receipts").granted().target.identifier, B);
}

#[rstest]
#[case::no_scope_either(None)]
#[case::scope_of_nobody(Some("read:nothing"))]
#[case::only_openid(Some("openid"))]
fn without_a_target_a_request_that_could_mean_any_is_refused(#[case] scope: Option<&str>) {
    let mut world = world().towards(None);
    world.asked.scope = scope.map(|scope| scope.parse().unwrap());
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "target_missing"));
}

#[test]
fn without_a_target_two_apis_with_the_same_scope_are_told_apart_by_nobody() {
    let world = world()
        .api(C, |api| {
            api.scopes.insert("read:receipts".parse().unwrap(), String::new());
        })
        .with(pairing(A, C, r#"["read:receipts"]"#));
    assert_eq!(world.towards(None).asking("read:receipts").refused().1, "target_missing");
}

#[test]
fn a_target_that_asks_its_users_is_closed_without_consent() {
    let world = world().api(B, |api| api.skip_consent = false);
    assert_eq!(world.refused(), (ErrorCode::InteractionRequired, "consent_missing"));
}

// Scope.

#[test]
fn too_wide_a_scope_is_refused_and_the_answer_says_what_would_do() {
    let refusal = world().asking("read:receipts admin:all").decide().unwrap_err();
    assert_eq!((refusal.code(), refusal.reason()), (ErrorCode::InvalidScope, "scope_outside_pairing"));
    assert!(refusal.description().contains("it allows read:receipts write:receipts"), "{}", refusal.description());
}

#[test]
fn a_pairing_that_trims_leaves_the_excess_out() {
    let world = world().pairing(A, |pairing| pairing.on_excess = crate::registry::OnExcess::Trim);
    assert_eq!(world.asking("read:receipts admin:all").granted().scope.to_string(), "read:receipts");
}

#[test]
fn a_narrow_token_never_widens() {
    let narrow = || world().subject(|token| token.scope = "read:reports".parse().unwrap());
    assert_eq!(narrow().asking("write:receipts").refused(), (ErrorCode::InvalidScope, "scope_requires_more"));
    assert_eq!(world().asking("write:receipts").granted().scope.to_string(), "write:receipts");
}

#[test]
fn no_scope_asked_gives_the_defaults_never_everything() {
    assert_eq!(world().granted().scope.to_string(), "read:receipts");
    let named = world().pairing(A, |pairing| pairing.default_scopes = Some(vec!["write:receipts".parse().unwrap()]));
    assert_eq!(named.granted().scope.to_string(), "write:receipts");
}

#[test]
fn a_token_never_holds_a_scope_that_its_user_lacks_the_permission_for() {
    let bob = || world().user(|user| drop(user.permissions.insert(B.into(), "read:receipts".parse().unwrap())));
    assert_eq!(bob().asking("read:receipts write:receipts").granted().scope.to_string(), "read:receipts");
    assert_eq!(bob().asking("write:receipts").refused(), (ErrorCode::InvalidScope, "nothing_left"));
}

#[test]
fn a_right_that_was_taken_away_at_the_source_opens_nothing_at_the_target() {
    let world = world().api(A, |api| api.enforce_permissions = true).asking("write:receipts");
    assert_eq!(world.refused(), (ErrorCode::InvalidScope, "nothing_left"));
}

#[test]
fn a_condition_is_met_by_a_scope_of_the_source_api_only() {
    let world = world().subject(|token| token.scope = "read:reports write:receipts".parse().unwrap());
    assert_eq!(world.asking("write:receipts").refused().1, "scope_requires_more");
}

// openid and offline_access.

#[test]
fn openid_gives_an_id_token_and_no_openid_at_the_target() {
    let granted = world().asking("openid read:receipts").granted();
    assert!(granted.id_token);
    assert_eq!(granted.scope.to_string(), "read:receipts");
    assert_eq!(granted.response_scope().to_string(), "openid read:receipts");
}

#[test]
fn offline_access_needs_a_target_that_allows_it() {
    let asked = || world().asking("offline_access read:receipts");
    assert_eq!(asked().refused(), (ErrorCode::InvalidScope, "offline_access_not_allowed"));
    assert!(asked().api(B, |api| api.allow_offline_access = true).granted().refresh_token);
}

#[test]
fn a_machine_has_nobody_to_identify() {
    let machine = || world().without_user().pairing(A, |pairing| pairing.machine_subjects = true);
    assert_eq!(machine().asking("openid").refused(), (ErrorCode::InvalidScope, "no_user_to_identify"));
}

// Actors.

#[test]
fn the_chain_is_taken_from_the_subject_token_and_grows_at_its_head() {
    let first = world().granted();
    let second = world().next_hop(&first, "api-b", C).granted();
    assert_eq!(chain(&second), ["api-b", "api-a", "demo-app"]);
}

#[test]
fn a_chain_that_is_too_deep_is_refused() {
    let mut world = world();
    world.limits.max_actors = 2;
    let first = world.granted();
    let mut second = self::world().next_hop(&first, "api-b", C);
    second.limits.max_actors = 2;
    assert_eq!(second.refused(), (ErrorCode::InvalidRequest, "chain_too_deep"));
}

#[test]
fn a_chain_that_comes_back_is_refused_unless_the_pairing_allows_it() {
    let first = world().granted();
    let back = |may_loop| {
        let mut back = pairing(B, A, r#"["read:reports"]"#);
        back.may_loop = may_loop;
        world().with(back).next_hop(&first, "api-b", A).decide()
    };
    assert_eq!(back(false).unwrap_err().reason(), "chain_loops");
    assert_eq!(chain(&back(true).unwrap()), ["api-b", "api-a", "demo-app"]);
}

#[test]
fn an_api_paired_with_itself_loops_too() {
    let world = world().with(pairing(A, A, r#"["read:reports"]"#)).towards(Some(A));
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "chain_loops"));
}

// Lifetime.

#[test]
fn the_new_token_never_outlives_the_subject_token_unless_the_pairing_says_so() {
    assert_eq!(world().granted().expires_at, NOW + Duration::minutes(5));
    let longer = world().pairing(A, |pairing| pairing.may_outlive_subject = true);
    assert_eq!(longer.granted().expires_at, NOW + Duration::minutes(10));
}

#[test]
fn the_new_token_never_outlives_the_grant() {
    let mut world = world().pairing(A, |pairing| pairing.may_outlive_subject = true);
    world.grant = GrantStanding::Live { until: NOW + Duration::minutes(1) };
    assert_eq!(world.granted().expires_at, NOW + Duration::minutes(1));
}

#[test]
fn a_token_that_would_be_dead_on_arrival_is_not_minted() {
    let world = |left| world().subject(|token| token.exp = NOW + Duration::seconds(left));
    assert_eq!(world(9).refused(), (ErrorCode::InvalidRequest, "lifetime_too_short"));
    assert!(world(10).decide().is_ok());
}

// Machines.

#[test]
fn a_machine_is_refused_unless_the_pairing_takes_machines() {
    assert_eq!(world().without_user().refused(), (ErrorCode::InvalidRequest, "machine_subject"));
    let taken = world().without_user().pairing(A, |pairing| pairing.machine_subjects = true);
    assert_eq!(taken.granted().scope.to_string(), "read:receipts");
}

// Every chain.

fn some_scope(names: &'static [&'static str]) -> impl Strategy<Value = Scope> {
    proptest::sample::subsequence(names, 0..=names.len())
        .prop_map(|names| names.into_iter().map(|name| name.parse().unwrap()).collect())
}

const RECEIPTS: &[&str] = &["read:receipts", "write:receipts"];
const REPORTS: &[&str] = &["read:reports", "write:reports"];
const ANY: &[&str] = &["read:receipts", "write:receipts", "read:rates", "openid", "offline_access", "admin:all"];

proptest! {
    #[test]
    fn no_exchange_gives_what_the_rules_do_not_give(
        asked in proptest::option::of(some_scope(ANY)),
        held in some_scope(REPORTS),
        permitted in some_scope(RECEIPTS),
        left in 0_i64..1200,
        trims: bool,
        outlives: bool,
    ) {
        let mut world = world()
            .subject(|token| { token.scope = held.clone(); token.exp = NOW + Duration::seconds(left); })
            .user(|user| drop(user.permissions.insert(B.into(), permitted.clone())))
            .pairing(A, |pairing| {
                if trims { pairing.on_excess = crate::registry::OnExcess::Trim; }
                pairing.may_outlive_subject = outlives;
            });
        world.asked.scope = asked;
        if let Ok(granted) = world.decide() {
            prop_assert!(!granted.scope.is_empty());
            prop_assert!(granted.scope.is_subset(&permitted));
            prop_assert!(granted.scope.is_subset(&world.pairings[0].scope_open_to(&held)));
            let asked = world.asked.scope_of_an_api();
            prop_assert!(asked.is_empty() || granted.scope.is_subset(&asked));
            prop_assert!(outlives || granted.expires_at <= world.subject.exp);
            prop_assert!(granted.expires_at <= NOW + granted.target.token_lifetime);
            prop_assert_eq!(chain(&granted), ["api-a", "demo-app"]);
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
