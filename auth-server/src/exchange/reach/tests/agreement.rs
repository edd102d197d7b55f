//! The graph and the exchange say the same: over random configurations, the ways that are told are those that exchange after
//! exchange grants to a user who may do everything and agrees to everything, no more and no less.

use std::collections::{BTreeMap, BTreeSet};

use shared_claims::{AccessTokenClaims, Audience};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::exchange::{ActorToken, Asked, Consents, Facts, GrantStanding, Granted, Limits, User, decide};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const LIVE: GrantStanding = GrantStanding::Live { until: datetime!(2026-04-01 12:00 UTC) };

/// The first token of a chain: it names no actor.
fn first_token(app: &Client, scope: &Scope, subject: Subject) -> AccessTokenClaims {
    let user = subject == Subject::User;
    AccessTokenClaims {
        iss: "https://issuer.example".into(),
        sub: if user { "usr_alice".into() } else { app.id.to_string() },
        aud: Audience::from_iter([A]),
        exp: NOW + Duration::minutes(5),
        iat: NOW,
        nbf: None,
        jti: "jti".into(),
        client_id: app.id.to_string(),
        azp: None,
        scope: scope.clone(),
        auth_time: user.then_some(NOW),
        acr: user.then(|| "1".to_owned()),
        amr: vec![],
        sid: None,
        txn: Some("grt_1".into()),
        act: None,
        may_act: app.may_act.clone(),
        cnf: None,
        status: None,
    }
}

/// What an agent of the asker shows, if it can get a token for this API at all.
fn token_of_agent(agent: &Client, api: &str) -> Option<AccessTokenClaims> {
    let scope = agent.allowed_scope(api).filter(|scope| !scope.is_empty())?;
    let token = first_token(agent, scope, Subject::Machine);
    Some(AccessTokenClaims { aud: Audience::from_iter([api]), jti: "agent".into(), may_act: None, ..token })
}

struct Exchanges<'a> {
    registry: &'a Registry,
    user: Option<User>,
    consents: Consents,
    max_actors: usize,
    ways: BTreeSet<Vec<String>>,
}

impl Exchanges<'_> {
    /// Follows all that is granted, asking for one scope at a time, as every client and with every agent.
    fn follow(&mut self, token: &AccessTokenClaims, way: &[String]) {
        for (asker, target) in self.registry.clients().flat_map(|asker| APIS.map(|target| (asker, target))) {
            let granted: Vec<_> = ["r", "w"].iter().filter_map(|name| self.ask(token, asker, target, name)).collect();
            let Some(last) = granted.last() else { continue };
            let scope = granted.iter().fold(Scope::empty(), |all, one| all.union(&one.scope));
            let source = asker.api.clone().unwrap();
            let hop = Hop { source, target: target.to_owned(), scope: scope.clone() };
            let way = [way, &told(&[hop])].concat();
            self.ways.insert(way.clone());
            let next = AccessTokenClaims {
                aud: Audience::from_iter([target]),
                client_id: asker.id.to_string(),
                act: Some(last.actor.clone()),
                may_act: asker.may_act.clone(),
                scope,
                ..token.clone()
            };
            self.follow(&next, &way);
        }
    }

    fn ask(&self, token: &AccessTokenClaims, asker: &Client, target: &str, scope: &str) -> Option<Granted> {
        let source = token.aud.iter().next()?;
        let agents = self.registry.clients().filter_map(|agent| token_of_agent(agent, source));
        let actors = [None].into_iter().chain(agents.map(Some));
        actors.into_iter().find_map(|actor| self.decide(token, asker, target, scope, actor.as_ref()))
    }

    fn decide(
        &self,
        token: &AccessTokenClaims,
        asker: &Client,
        target: &str,
        scope: &str,
        actor: Option<&AccessTokenClaims>,
    ) -> Option<Granted> {
        let request = Asked { target: Some(target.into()), scope: Some(scope.parse().unwrap()), ..Asked::default() };
        decide(&Facts {
            now: NOW,
            registry: self.registry,
            asker,
            asked: &request,
            subject: token,
            grant: LIVE,
            user: self.user.as_ref(),
            consents: &self.consents,
            actor: actor.map(|claims| ActorToken { claims, grant: LIVE }),
            asker_key: None,
            limits: Limits { max_actors: self.max_actors },
        })
        .ok()
    }
}

fn everything() -> Scope {
    "r w".parse().unwrap()
}

fn some_api(identifier: &'static str) -> impl Strategy<Value = Api> {
    (any::<[bool; 2]>(), proptest::bool::weighted(0.3)).prop_map(move |([permissions, consent], demands)| {
        let demand = if demands { r#""w":{"max_age":"5m"}"# } else { "" };
        let document = format!(
            r#"{{"identifier":"{identifier}","name":"x","scopes":{{"r":"","w":""}},"enforce_permissions":{permissions},
                "skip_consent":{consent},"sign_in":{{{demand}}}}}"#
        );
        serde_json::from_str(&document).unwrap()
    })
}

/// What may stand in an app's or an API client's `may_act`; mostly nothing.
fn some_may_act() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just(String::new()),
        1 => Just(r#","may_act":{"client_id":"api-a"}"#.to_owned()),
        1 => Just(r#","may_act":{"sub":"api-b"}"#.to_owned()),
        1 => Just(r#","may_act":{"sub":"agent"}"#.to_owned()),
    ]
}

fn some_clients() -> impl Strategy<Value = Vec<Client>> {
    let may_act = proptest::collection::vec(some_may_act(), 3);
    let api_of_app = proptest::option::weighted(0.3, proptest::sample::select(APIS.to_vec()));
    (may_act, api_of_app, proptest::sample::subsequence(APIS.to_vec(), 0..=3)).prop_map(
        |(may_act, api_of_app, known)| {
            let api_of_app = api_of_app.map(|api| format!(r#","api":"{api}""#)).unwrap_or_default();
            let known: Vec<_> = known.iter().map(|api| format!(r#""{api}":["r"]"#)).collect();
            let of_agent = format!(r#","agent_of":"api-a","allowed_scopes":{{{}}}"#, known.join(","));
            let asker = |id: &str, api: &str, may_act: &str| {
                client(id, "urn:ietf:params:oauth:grant-type:token-exchange", &format!(r#","api":"{api}"{may_act}"#))
            };
            vec![
                client("app", "client_credentials", &format!("{api_of_app}{}", may_act[0])),
                asker("api-a", A, &may_act[1]),
                asker("api-b", B, &may_act[2]),
                asker("api-c", C, ""),
                client("agent", "client_credentials", &of_agent),
            ]
        },
    )
}

fn pairings_for_both() -> impl Strategy<Value = Vec<Pairing>> {
    (some_pairings(), proptest::collection::vec(proptest::bool::weighted(0.7), 9)).prop_map(|(pairings, machines)| {
        let taking = pairings.into_iter().zip(machines);
        taking.map(|(pairing, machine_subjects)| Pairing { machine_subjects, ..pairing }).collect()
    })
}

proptest! {
    #[test]
    fn the_ways_that_are_told_are_those_that_exchanges_grant(
        apis in [some_api(A), some_api(B), some_api(C)],
        clients in some_clients(),
        pairings in pairings_for_both(),
        scope in some_scope(),
        machine in any::<bool>(),
        max_actors in 0_usize..5,
    ) {
        let registry = Registry::new(apis, clients, pairings).unwrap();
        let app = registry.client("app").unwrap();
        let subject = if machine { Subject::Machine } else { Subject::User };

        let pairs = APIS.iter().flat_map(|source| APIS.map(|target| ((*source).to_owned(), target.to_owned())));
        let permissions = APIS.iter().map(|api| ((*api).to_owned(), everything())).collect::<BTreeMap<_, _>>();
        let mut exchanges = Exchanges {
            registry: &registry,
            user: (!machine).then_some(User { blocked: false, permissions: permissions.into() }),
            consents: pairs.map(|(source, target)| (source, target, everything())).collect(),
            max_actors,
            ways: BTreeSet::new(),
        };
        exchanges.follow(&first_token(app, &scope, subject), &[]);

        let start = Start { api: A, scope: &scope, subject, app: Some(app) };
        let ways = ways_from(&registry, start, max_actors);
        let told: BTreeSet<_> = ways.iter().map(|way| told(way)).collect();
        prop_assert_eq!(told.len(), ways.len(), "each way once");
        prop_assert_eq!(told, exchanges.ways);
    }
}
