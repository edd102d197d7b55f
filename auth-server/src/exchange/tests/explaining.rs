//! The answer to "why was this refused?".

use super::*;

fn explained(world: &World) -> Explanation {
    world.with_facts(&world.registry(), &world.asked, explain)
}

fn outcome(explanation: &Explanation, rule: Rule) -> &Outcome {
    &explanation.verdicts.iter().find(|verdict| verdict.rule == rule).unwrap().outcome
}

#[test]
fn every_rule_has_a_verdict_in_order() {
    for world in [world(), world().by("demo-app"), world().towards(None)] {
        let rules: Vec<_> = explained(&world).verdicts.iter().map(|verdict| verdict.rule).collect();
        assert_eq!(rules, Rule::ALL);
    }
}

#[test]
fn a_grant_passes_every_rule() {
    let explanation = explained(&world());
    assert!(explanation.verdicts.iter().all(|verdict| verdict.outcome == Outcome::Passed));
    assert!(explanation.verdicts.iter().all(|verdict| !verdict.looked_at.is_empty()));
}

#[test]
fn more_than_one_rule_that_does_not_hold_is_told_and_the_first_is_the_answer() {
    let world = world().user(|user| user.blocked = true).asking("admin:all");
    let explanation = explained(&world);
    assert_eq!(explanation.decision, Err(Refusal::UserBlocked));
    assert_eq!(outcome(&explanation, Rule::UserNotBlocked), &Outcome::Failed(Refusal::UserBlocked));
    assert!(matches!(outcome(&explanation, Rule::Scope), Outcome::Failed(Refusal::ScopeOutsidePairing { .. })));
}

#[test]
fn a_rule_that_cannot_be_judged_without_another_is_said_to_be_open() {
    let explanation = explained(&world().towards(Some("https://nowhere.example")));
    assert!(matches!(outcome(&explanation, Rule::Target), Outcome::Failed(Refusal::TargetNotPaired { .. })));
    assert_eq!(outcome(&explanation, Rule::Scope), &Outcome::NotJudged);
    assert_eq!(outcome(&explanation, Rule::UserNotBlocked), &Outcome::Passed);
}

#[test]
fn of_a_token_for_another_api_the_asker_hears_nothing_but_that() {
    let mut for_another = world();
    for_another.subject.aud = [C].into_iter().collect();
    for world in [for_another, world().by("demo-app")] {
        let world = world.user(|user| user.blocked = true);
        let told = explained(&world).for_the_asker();
        assert_eq!(told.decision.unwrap_err(), world.decide().unwrap_err());
        for verdict in &told.verdicts[2..] {
            assert_eq!((&verdict.outcome, verdict.looked_at.as_str()), (&Outcome::NotJudged, ""), "{verdict:?}");
        }
    }
    let own = explained(&world()).for_the_asker();
    assert!(own.verdicts.iter().all(|verdict| verdict.outcome == Outcome::Passed && !verdict.looked_at.is_empty()));
}

#[test]
fn names_of_rules_are_told_apart() {
    let names: std::collections::BTreeSet<_> = Rule::ALL.into_iter().map(Rule::name).collect();
    assert_eq!(names.len(), Rule::ALL.len());
}

#[test]
fn a_refusal_says_nothing_about_other_clients_and_users() {
    let world = world().asking("admin:all").with(pairing(C, B, r#"["read:receipts"]"#));
    let description = world.decide().unwrap_err().description();
    for secret in ["usr_alice", "api-b", "api-c", "demo-app", C] {
        assert!(!description.contains(secret), "{description}");
    }
}
