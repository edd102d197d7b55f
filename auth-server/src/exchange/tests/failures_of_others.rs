//! How exchanges elsewhere were broken, each tried here. Those that need tokens, HTTP or a cache are tried through the
//! running server (e2e) and in shared-claims.

use shared_claims::claims::Confirmation;

use super::*;
use crate::protocol::GrantType;

#[test]
fn a_chain_is_not_stripped_by_exchanging_again() {
    let first = world().granted();
    let again = pairing(B, B, r#"["read:receipts"]"#);
    let mut world = world().with(Pairing { may_loop: true, ..again }).next_hop(&first, "api-b", B);
    world.asked.scope = None;
    assert_eq!(chain(&world.granted()), ["api-b", "api-a", "demo-app"]);
}

#[test]
fn a_chain_is_not_taken_from_the_actor_token() {
    let spliced = Actor::client("api-a").after(Some(Actor::client("other-app")));
    let world = world().client(agent("worker", "api-a")).showing_actor("worker", |token| token.act = Some(spliced));
    assert_eq!(world.refused().1, "actor_not_a_machine");
}

#[test]
fn the_subject_of_one_chain_does_not_meet_the_actor_of_another() {
    let of_bob = |token: &mut AccessTokenClaims| {
        *token =
            AccessTokenClaims { sub: "usr_bob".into(), jti: "bobs".into(), txn: Some("grt_2".into()), ..token_a() };
    };
    assert_eq!(world().showing_actor("api-a", of_bob).refused().1, "actor_not_a_machine");
}

#[test]
fn one_token_is_not_subject_and_actor() {
    let machine = world().without_user().pairing(A, |pairing| pairing.machine_subjects = true);
    let same = machine.subject.clone();
    assert_eq!(machine.showing_actor("demo-app", |token| *token = same).refused().1, "actor_is_the_subject");
}

#[test]
fn a_client_that_may_ask_in_one_dialect_may_not_ask_in_the_other() {
    let only = |grant_type: GrantType| {
        let mut world = world();
        world.clients.retain(|client| client.id.as_str() != "api-a");
        let mut asker = api_client("api-a", A);
        asker.grant_types.remove(&grant_type);
        world.client(asker)
    };
    let world = only(GrantType::JwtBearer);
    assert!(world.decide_in(Dialect::TokenExchange).is_ok());
    assert_eq!(world.decide_in(Dialect::JwtBearer).unwrap_err().reason(), "not_an_api_client");
    let world = only(GrantType::TokenExchange);
    assert!(world.decide_in(Dialect::JwtBearer).is_ok());
    assert_eq!(world.decide_in(Dialect::TokenExchange).unwrap_err().reason(), "not_an_api_client");
}

#[test]
fn a_bound_subject_yields_no_bearer_token_by_either_kind_of_binding() {
    for (jkt, x5t_s256) in [(Some("key"), None), (None, Some("certificate")), (None, None)] {
        let bound = Confirmation { jkt: jkt.map(Into::into), x5t_s256: x5t_s256.map(Into::into) };
        assert_eq!(world().subject(|token| token.cnf = Some(bound)).refused().1, "binding_would_be_lost");
    }
}

#[test]
fn the_end_of_a_token_is_the_same_whichever_way_it_is_asked_for() {
    let two_hops = |target: Option<&str>| {
        let first = world().towards(target).asking("read:receipts").granted();
        (first.expires_at, world().next_hop(&first, "api-b", C).granted().expires_at)
    };
    assert_eq!(two_hops(Some(B)), two_hops(None));
    assert_eq!(two_hops(None), (token_a().exp, token_a().exp));
}
