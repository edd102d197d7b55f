//! Who acts: the chain, agents and their tokens, `may_act`.

use rstest::rstest;
use shared_claims::claims::{Confirmation, MayAct};

use super::*;

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

// may_act.

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
fn may_act_may_name_an_agent() {
    let named = |sub: &str| MayAct { sub: Some(sub.into()), client_id: Some("api-a".into()) };
    let world = |may_act| {
        let world = world().client(agent("worker", "api-a")).showing_actor("worker", |_| {});
        world.subject(|token| token.may_act = Some(may_act))
    };
    assert!(world(named("worker")).decide().is_ok());
    assert_eq!(world(named("api-a")).refused().1, "may_act_names_another");
}

// Actor tokens.

fn with_worker() -> World {
    world().client(agent("worker", "api-a"))
}

#[test]
fn an_agent_acts_inside_the_asker_around_the_subjects_chain() {
    let granted = with_worker().showing_actor("worker", |_| {}).granted();
    assert_eq!(chain(&granted), ["worker", "demo-app"]);
    assert_eq!(granted.actor.client_id.as_deref(), Some("api-a"));
}

#[test]
fn the_askers_own_token_names_the_asker() {
    let granted = world().showing_actor("api-a", |_| {}).granted();
    assert_eq!(granted.actor, world().granted().actor);
}

#[rstest]
#[case::of_another_api("api-b")]
#[case::of_an_app("demo-app")]
#[case::of_nobody_known("stranger")]
fn a_token_that_does_not_belong_to_the_asker_names_no_actor(#[case] client_id: &str) {
    let world = world().showing_actor(client_id, |_| {});
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "actor_not_of_asker"));
}

#[test]
fn an_agent_of_another_api_is_none_of_the_askers() {
    let world = world().client(agent("worker", "api-b")).showing_actor("worker", |_| {});
    assert_eq!(world.refused().1, "actor_not_of_asker");
}

#[test]
fn an_agents_token_must_have_been_made_for_the_askers_api() {
    let world = with_worker().showing_actor("worker", |token| token.aud = Audience::from_iter([B]));
    assert_eq!(world.refused().1, "actor_not_of_asker");
}

#[rstest]
#[case::a_user(|token: &mut AccessTokenClaims| { token.sub = "usr_bob".into(); token.auth_time = Some(NOW); })]
#[case::a_chain_of_its_own(|token: &mut AccessTokenClaims| token.act = Some(Actor::client("demo-app")))]
#[case::another_subject(|token: &mut AccessTokenClaims| token.sub = "usr_bob".into())]
fn an_actor_token_is_a_machines_own(#[case] change: fn(&mut AccessTokenClaims)) {
    let world = with_worker().showing_actor("worker", change);
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "actor_not_a_machine"));
}

#[test]
fn a_bound_actor_token_is_shown_by_whoever_proves_its_key() {
    for (jkt, x5t_s256) in [(Some("its key"), None), (None, Some("certificate")), (None, None)] {
        let bound = Confirmation { jkt: jkt.map(Into::into), x5t_s256: x5t_s256.map(Into::into) };
        let world = || with_worker().showing_actor("worker", |token| token.cnf = Some(bound.clone()));
        assert_eq!(world().refused().1, "actor_bound_to_another_key");
        assert_eq!(world().proving("another key").refused().1, "actor_bound_to_another_key");
        assert_eq!(world().proving("its key").decide().is_ok(), jkt.is_some());
    }
}

#[rstest]
#[case::ended(GrantStanding::Ended)]
#[case::run_out(GrantStanding::Live { until: NOW })]
fn a_revoked_actor_token_names_nobody(#[case] standing: GrantStanding) {
    let mut world = with_worker().showing_actor("worker", |_| {});
    world.actor_grant = standing;
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "actor_token_revoked"));
}

#[test]
fn an_agent_that_was_taken_from_its_api_breaks_the_chains_it_acted_in() {
    let first = with_worker().showing_actor("worker", |_| {}).granted();
    let mut second = with_worker().next_hop(&first, "api-b", C);
    assert!(second.decide().is_ok());
    second.clients.retain(|client| client.id.as_str() != "worker");
    assert_eq!(second.refused().1, "chain_no_longer_allowed");
}

#[test]
fn a_chain_is_found_to_loop_behind_an_agent_too() {
    let first = with_worker().showing_actor("worker", |_| {}).granted();
    let back = with_worker().with(pairing(B, A, r#"["read:reports"]"#)).next_hop(&first, "api-b", A);
    assert_eq!(back.refused().1, "chain_loops");
}
