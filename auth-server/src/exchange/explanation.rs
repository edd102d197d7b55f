//! Why an exchange is granted or refused: every rule with its verdict, what was looked at, and the setting behind it.

use shared_claims::{AccessTokenClaims, Actor};

use super::examiner::EveryVerdict;
use super::target::{self, Target};
use super::{Facts, GrantStanding, Granted, Refusal, Rule, asker, examine};
use crate::registry::Api;

/// The decision, and how it came about.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The same that [`super::decide`] gives.
    pub decision: Result<Granted, Refusal>,
    /// One for each rule, in their order.
    pub verdicts: Vec<Verdict>,
}

/// What became of one rule.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub rule: Rule,
    pub outcome: Outcome,
    /// What the rule was judged by, in words.
    pub looked_at: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(Refusal),
    /// A rule before it failed that it cannot be judged without.
    NotJudged,
}

impl Explanation {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let mut examiner = EveryVerdict::default();
        let outcome = examine(facts, &mut examiner);
        let decision = match examiner.first_refusal() {
            Some(first) => Err(first.clone()),
            None => outcome,
        };
        let source = asker::own_api(facts).ok();
        let target = source.and_then(|source| target::choose(source, facts).ok());
        let scene = Scene { facts, source, target };
        let verdicts = Rule::ALL.into_iter().map(|rule| Verdict {
            rule,
            outcome: outcome_of(rule, &examiner),
            looked_at: scene.looked_at(rule),
        });
        Self { decision, verdicts: verdicts.collect() }
    }

    /// What the asker itself may hear. Of a token that was issued for another API: that it was, and nothing of the grant, the
    /// user and what they may do.
    #[must_use]
    pub fn for_the_asker(self) -> Self {
        let is_the_askers =
            |verdict: &Verdict| verdict.rule == Rule::AddressedToAsker && verdict.outcome == Outcome::Passed;
        if self.verdicts.iter().any(is_the_askers) {
            return self;
        }
        let withheld = |verdict: Verdict| match verdict.rule {
            Rule::WhoMayAsk | Rule::AddressedToAsker => verdict,
            rule => Verdict { rule, outcome: Outcome::NotJudged, looked_at: String::new() },
        };
        Self { decision: self.decision, verdicts: self.verdicts.into_iter().map(withheld).collect() }
    }
}

fn outcome_of(rule: Rule, examiner: &EveryVerdict) -> Outcome {
    match examiner.heard.iter().find(|(heard, _)| *heard == rule) {
        Some((_, None)) => Outcome::Passed,
        Some((_, Some(refusal))) => Outcome::Failed(refusal.clone()),
        None => Outcome::NotJudged,
    }
}

/// What the rules look at, for putting it into words.
struct Scene<'a> {
    facts: &'a Facts<'a>,
    source: Option<&'a Api>,
    target: Option<Target>,
}

impl Scene<'_> {
    fn looked_at(&self, rule: Rule) -> String {
        let Facts { asker, subject, asked, limits, .. } = self.facts;
        let own = asker.api.as_deref().unwrap_or("none");
        match rule {
            Rule::WhoMayAsk => format!("client {}, its API {own}", asker.id),
            Rule::AddressedToAsker => format!("aud {}, own API {own}", audience(subject)),
            Rule::SubjectNotRevoked => match self.facts.grant {
                GrantStanding::Live { until } => format!("the grant lives until {until}"),
                GrantStanding::Ended => "the grant has ended, or is not on record".to_owned(),
            },
            Rule::ChainStillAllowed => format!("from {} by {}", subject.client_id, chain(subject)),
            Rule::UserNotBlocked => self.user(|user| if user.blocked { "blocked" } else { "not blocked" }.to_owned()),
            Rule::Binding => {
                let subject = if subject.cnf.is_some() { "bound to a key" } else { "a bearer token" };
                let asker = if self.facts.asker_key.is_some() { "proved a key" } else { "proved no key" };
                format!("the subject token is {subject}, and the asker has {asker}")
            }
            Rule::ActorToken => match &self.facts.actor {
                Some(shown) => format!("the actor token of {}", shown.claims.sub),
                None => "none was shown: the asker acts".to_owned(),
            },
            Rule::MayAct => match &subject.may_act {
                Some(may_act) => format!("sub {:?}, client_id {:?}", may_act.sub, may_act.client_id),
                None => "none".to_owned(),
            },
            Rule::Target => format!("asked {}", asked.target.as_deref().unwrap_or("none by name")),
            Rule::MachineSubject => self.user(|_| "a user".to_owned()),
            Rule::Scope => self.pairing_scope(),
            Rule::Permissions => self.permissions(),
            Rule::Consent => self.consent(),
            Rule::SignInStrength => match (subject.auth_time, &subject.acr) {
                (Some(auth_time), acr) => {
                    format!("signed in at {auth_time}, acr {}", acr.as_deref().unwrap_or("none"))
                }
                (None, _) => "nobody signed in".to_owned(),
            },
            Rule::Openid | Rule::OfflineAccess => {
                format!("asked {}", asked.scope.as_ref().map_or_else(|| "no scope".to_owned(), ToString::to_string))
            }
            Rule::ChainDepth => format!("at most {} actors, so far {}", limits.max_actors, chain(subject)),
            Rule::ChainLoops => format!("towards {} by {}", self.target_name(), chain(subject)),
            Rule::Lifetime => format!("the subject token ends at {}", subject.exp),
        }
    }

    fn user(&self, tell: impl FnOnce(&super::User) -> String) -> String {
        self.facts.user.map_or_else(|| "no user: a machine's token".to_owned(), tell)
    }

    fn target_name(&self) -> &str {
        self.target.as_ref().map_or("no target", |target| &target.api.identifier)
    }

    fn pairing_scope(&self) -> String {
        let Some(target) = &self.target else { return "no pairing".to_owned() };
        let given = target.pairing.scopes.iter().map(|paired| match &paired.requires {
            Some(required) => format!("{} (requires {required})", paired.scope),
            None => paired.scope.to_string(),
        });
        let given = given.collect::<Vec<_>>().join(", ");
        format!("pairing {}: {given}; subject token: {}", target.pairing.name(), self.facts.subject.scope)
    }

    fn permissions(&self) -> String {
        match (&self.target, self.facts.user) {
            (Some(target), Some(user)) if target.api.enforce_permissions => {
                format!("the user's permissions there: {}", user.permissions_at(&target.api.identifier))
            }
            _ => "not enforced".to_owned(),
        }
    }

    fn consent(&self) -> String {
        match (self.source, &self.target) {
            (Some(source), Some(target)) if !target.api.skip_consent => {
                format!("agreed to: {}", self.facts.consents.to(&source.identifier, &target.api.identifier))
            }
            _ => "not asked for".to_owned(),
        }
    }
}

fn audience(subject: &AccessTokenClaims) -> String {
    subject.aud.iter().collect::<Vec<_>>().join(" ")
}

fn chain(subject: &AccessTokenClaims) -> String {
    let actors: Vec<_> = subject.act.iter().flat_map(Actor::history).map(|actor| actor.sub.as_str()).collect();
    if actors.is_empty() { "no actor yet".to_owned() } else { actors.join(" after ") }
}
