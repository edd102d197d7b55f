//! Each row of the exchange table, in both dialects.

use rstest::rstest;
use shared_claims::claims::Confirmation;

use super::*;

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

// Binding.

#[test]
fn a_bound_subject_token_yields_no_bearer_token() {
    let bound = Confirmation { jkt: Some("thumbprint".into()), x5t_s256: None };
    let world = world().subject(|token| token.cnf = Some(bound));
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "binding_would_be_lost"));
}

#[test]
fn a_bound_subject_token_yields_a_token_that_is_bound_to_the_askers_own_key() {
    let bound = Confirmation { jkt: Some("the app's".into()), x5t_s256: None };
    let granted = world().subject(|token| token.cnf = Some(bound)).proving("api-a's").granted();
    assert_eq!(granted.bound_to, Some(Confirmation { jkt: Some("api-a's".into()), x5t_s256: None }));
}

#[test]
fn an_asker_that_proves_a_key_gets_a_bound_token_whatever_the_subject_is() {
    assert_eq!(world().granted().bound_to, None);
    let granted = world().proving("api-a's").granted();
    assert_eq!(granted.bound_to.and_then(|bound_to| bound_to.jkt).as_deref(), Some("api-a's"));
}

#[test]
fn a_target_that_demands_bound_tokens_gives_no_other() {
    let demanding = || world().api(B, |api| api.dpop_bound_access_tokens_required = true);
    assert_eq!(demanding().refused(), (ErrorCode::InvalidRequest, "binding_required"));
    assert!(demanding().proving("api-a's").granted().bound_to.is_some());
}

#[test]
fn a_client_whose_tokens_are_bound_gets_no_other() {
    let mut world = world();
    world.clients.iter_mut().find(|client| client.id.as_str() == "api-a").unwrap().dpop_bound_access_tokens = true;
    assert_eq!(world.refused(), (ErrorCode::InvalidRequest, "binding_required"));
    assert!(world.proving("api-a's").granted().bound_to.is_some());
}

// Target and pairing.

#[test]
fn unknown_and_unpaired_targets_get_the_same_answer() {
    let unknown = world().towards(Some("https://nowhere.example")).decide().unwrap_err();
    let unpaired = world().towards(Some(C)).decide().unwrap_err();
    assert_eq!((unknown.code(), unknown.reason()), (ErrorCode::InvalidTarget, "target_not_paired"));
    assert_eq!(unknown.description().replace("https://nowhere.example", C), unpaired.description());
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

// Consent.

fn asking_its_users() -> World {
    world().api(B, |api| api.skip_consent = false)
}

#[test]
fn a_target_that_asks_its_users_is_closed_without_consent() {
    assert_eq!(asking_its_users().refused(), (ErrorCode::InteractionRequired, "consent_missing"));
    assert!(asking_its_users().agreed_to(A, B, "read:receipts").granted().scope.contains("read:receipts"));
}

#[test]
fn consent_is_given_scope_by_scope() {
    let world = asking_its_users().agreed_to(A, B, "read:receipts").asking("read:receipts write:receipts");
    let refusal = world.decide().unwrap_err();
    assert_eq!(refusal, Refusal::ConsentMissing { missing: "write:receipts".parse().unwrap() });
}

#[rstest]
#[case::to_another_target(A, C)]
#[case::through_another_source(C, B)]
#[case::backwards(B, A)]
fn consent_to_one_pairing_is_none_to_another(#[case] source: &str, #[case] target: &str) {
    assert_eq!(asking_its_users().agreed_to(source, target, "read:receipts").refused().1, "consent_missing");
}

#[test]
fn what_the_user_may_not_do_anyway_needs_no_consent() {
    let world = asking_its_users().permitting(B, "read:receipts");
    let world = world.agreed_to(A, B, "read:receipts").asking("read:receipts write:receipts");
    assert_eq!(world.granted().scope.to_string(), "read:receipts");
}

#[test]
fn a_machine_has_nobody_to_ask_its_pairing_decides() {
    let machine = asking_its_users().without_user().pairing(A, |pairing| pairing.machine_subjects = true);
    assert!(machine.decide().is_ok());
}

// Sign-in strength.

fn demanding(strength: &str) -> World {
    let strength = serde_json::from_str(strength).unwrap();
    world().api(B, |api| drop(api.sign_in.insert("write:receipts".parse().unwrap(), strength)))
}

#[test]
fn a_scope_may_demand_a_fresh_sign_in() {
    let after = |minutes| {
        let signed_in = NOW - Duration::minutes(minutes);
        demanding(r#"{"max_age":"5m"}"#).subject(|token| token.auth_time = Some(signed_in)).asking("write:receipts")
    };
    assert!(after(5).decide().is_ok());
    assert_eq!(after(6).refused(), (ErrorCode::InsufficientUserAuthentication, "sign_in_too_weak"));
    assert!(after(6).asking("read:receipts").decide().is_ok(), "other scopes do not demand it");
}

#[test]
fn a_scope_may_demand_a_kind_of_sign_in() {
    let with = |acr: Option<&str>| {
        demanding(r#"{"acr":["1","2"]}"#).subject(|token| token.acr = acr.map(Into::into)).asking("write:receipts")
    };
    assert!(with(Some("1")).decide().is_ok());
    assert_eq!(with(Some("0")).refused().1, "sign_in_too_weak");
    assert_eq!(with(None).refused().1, "sign_in_too_weak");
}

#[test]
fn a_refusal_for_a_weak_sign_in_carries_what_would_do() {
    let world =
        demanding(r#"{"acr":["1"],"max_age":"5m"}"#).subject(|token| token.auth_time = Some(NOW - Duration::HOUR));
    let error = world.asking("write:receipts").decide().unwrap_err().into_error(Dialect::TokenExchange);
    let body = serde_json::to_value(&error).unwrap();
    assert_eq!((&body["acr_values"], &body["max_age"]), (&"1".into(), &300.into()));
}

#[test]
fn a_token_without_a_sign_in_time_is_not_fresh() {
    let world = demanding(r#"{"max_age":"5m"}"#).subject(|token| token.auth_time = None).asking("write:receipts");
    assert_eq!(world.refused().1, "sign_in_too_weak");
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
    let bob = || world().permitting(B, "read:receipts");
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

#[test]
fn a_pairing_that_trims_still_needs_something_left() {
    let world = world().pairing(A, |pairing| pairing.on_excess = crate::registry::OnExcess::Trim);
    assert_eq!(world.asking("admin:all").refused(), (ErrorCode::InvalidScope, "nothing_left"));
}

// openid and offline_access.

#[test]
fn openid_gives_an_id_token_and_no_openid_at_the_target() {
    let granted = world().asking("openid read:receipts").granted();
    assert!(granted.id_token);
    assert_eq!(granted.scope.to_string(), "read:receipts");
    assert_eq!(granted.scope_beside().to_string(), "openid");
}

#[test]
fn offline_access_needs_a_target_that_allows_it() {
    let asked = || world().asking("offline_access read:receipts");
    let refusal = asked().decide().unwrap_err();
    assert_eq!((refusal.code(), refusal.reason()), (ErrorCode::InvalidScope, "offline_access_not_allowed"));
    assert!(asked().api(B, |api| api.allow_offline_access = true).granted().refresh_token);
}

#[test]
fn offline_access_needs_a_client_that_may_refresh() {
    let mut world = world().api(B, |api| api.allow_offline_access = true).asking("offline_access read:receipts");
    world.clients.retain(|client| client.id.as_str() != "api-a");
    let mut asker = api_client("api-a", A);
    asker.grant_types.remove(&crate::protocol::GrantType::RefreshToken);
    assert_eq!(world.client(asker).decide().unwrap_err().reason(), "offline_access_not_allowed");
}

#[test]
fn a_machine_has_nobody_to_identify() {
    let machine = || world().without_user().pairing(A, |pairing| pairing.machine_subjects = true);
    let refusal = machine().asking("openid").decide().unwrap_err();
    assert_eq!((refusal.code(), refusal.reason()), (ErrorCode::InvalidScope, "no_user_to_identify"));
}

#[test]
fn the_names_that_microsofts_libraries_always_add_are_wishes_in_their_dialect() {
    let world = world().asking("openid offline_access read:receipts");
    let granted = world.decide_in(Dialect::JwtBearer).unwrap();
    assert_eq!((granted.id_token, granted.refresh_token), (true, false));
    let machine = world.without_user().pairing(A, |pairing| pairing.machine_subjects = true);
    let granted = machine.decide_in(Dialect::JwtBearer).unwrap();
    assert_eq!((granted.id_token, granted.refresh_token), (false, false));
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
