//! The decision, row by row and for every chain. No server, database or clock.

mod actors;
mod chains;
mod explaining;
mod failures_of_others;
mod rules;

use std::sync::Arc;

use shared_claims::{AccessTokenClaims, Actor, Audience};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::protocol::{Dialect, ErrorCode};
use crate::registry::{Client, Pairing, Registry};

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const LIVE: GrantStanding = GrantStanding::Live { until: datetime!(2026-04-01 12:00 UTC) };
const A: &str = "https://api-a.example";
const B: &str = "https://api-b.example";
const C: &str = "https://api-c.example";

/// A world in which API A may call API B, and B may call C; one exchange of Alice's token, to be changed by a test.
#[derive(Debug)]
struct World {
    apis: Vec<Api>,
    clients: Vec<Client>,
    pairings: Vec<Pairing>,
    subject: AccessTokenClaims,
    asker: &'static str,
    asked: Asked,
    grant: GrantStanding,
    user: Option<User>,
    consents: Consents,
    actor: Option<AccessTokenClaims>,
    actor_grant: GrantStanding,
    asker_key: Option<&'static str>,
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
        asked: Asked { dialect: Dialect::TokenExchange, target: Some(B.into()), scope: None },
        grant: LIVE,
        user: Some(alice()),
        consents: Consents::default(),
        actor: None,
        actor_grant: LIVE,
        asker_key: None,
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
    let grant_types = r#"["urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer","refresh_token"]"#;
    let document =
        format!(r#"{{"id":"{id}","name":"{id}","secret":"{secret}","api":"{api}","grant_types":{grant_types}}}"#);
    serde_json::from_str(&document).unwrap()
}

/// A worker inside the API client `outer`.
fn agent(id: &str, outer: &str) -> Client {
    let secret = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let document = format!(
        r#"{{"id":"{id}","name":"{id}","secret":"{secret}","agent_of":"{outer}","grant_types":["client_credentials"]}}"#
    );
    serde_json::from_str(&document).unwrap()
}

fn pairing(source: &str, target: &str, scopes: &str) -> Pairing {
    serde_json::from_str(&format!(r#"{{"source":"{source}","target":"{target}","scopes":{scopes}}}"#)).unwrap()
}

fn alice() -> User {
    let both: Scope = "read:receipts write:receipts".parse().unwrap();
    User { blocked: false, permissions: Arc::new([(B.to_owned(), both)].into()) }
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

    /// The asker proves a key of its own.
    fn proving(mut self, jkt: &'static str) -> Self {
        self.asker_key = Some(jkt);
        self
    }

    fn user(mut self, change: impl FnOnce(&mut User)) -> Self {
        change(self.user.as_mut().unwrap());
        self
    }

    fn permitting(self, api: &str, scope: &str) -> Self {
        self.user(|user| drop(Arc::make_mut(&mut user.permissions).insert(api.into(), scope.parse().unwrap())))
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

    fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// The machine's own token for API A that `client_id` shows, or lends to its API.
    fn showing_actor(mut self, client_id: &str, change: impl FnOnce(&mut AccessTokenClaims)) -> Self {
        let mut token = AccessTokenClaims {
            sub: client_id.to_owned(),
            client_id: client_id.to_owned(),
            aud: Audience::from_iter([A]),
            jti: "actor-jti".to_owned(),
            scope: Scope::default(),
            auth_time: None,
            sid: None,
            txn: Some("grt_2".to_owned()),
            ..token_a()
        };
        change(&mut token);
        self.actor = Some(token);
        self
    }

    fn agreed_to(mut self, source: &str, target: &str, scope: &str) -> Self {
        self.consents = Consents::from_iter([(source.to_owned(), target.to_owned(), scope.parse().unwrap())]);
        self
    }

    fn registry(&self) -> Registry {
        Registry::new(self.apis.clone(), self.clients.clone(), self.pairings.clone()).unwrap()
    }

    fn with_facts<T>(&self, registry: &Registry, asked: &Asked, judge: impl FnOnce(&Facts<'_>) -> T) -> T {
        judge(&Facts {
            now: NOW,
            registry,
            asker: registry.client(self.asker).unwrap(),
            asked,
            subject: &self.subject,
            grant: self.grant,
            user: self.user.as_ref(),
            consents: &self.consents,
            actor: self.actor.as_ref().map(|claims| ActorToken { claims, grant: self.actor_grant }),
            asker_key: self.asker_key,
            limits: self.limits,
        })
    }

    /// Decides in one dialect; that the explanation comes to the same is looked at with every decision.
    #[track_caller]
    fn decide_in(&self, dialect: Dialect) -> Result<Granted, Refusal> {
        self.decide_by(&self.registry(), dialect)
    }

    /// The same by a registry that is made once for a whole chain.
    #[track_caller]
    fn decide_by(&self, registry: &Registry, dialect: Dialect) -> Result<Granted, Refusal> {
        let asked = Asked { dialect, ..self.asked.clone() };
        let (decision, explanation) = self.with_facts(registry, &asked, |facts| (decide(facts), explain(facts)));
        assert_eq!(decision, explanation.decision);
        decision
    }

    #[track_caller]
    fn decide(&self) -> Result<Granted, Refusal> {
        self.decide_in(Dialect::TokenExchange)
    }

    /// Refused in both dialects, for the same reason, each with its own code.
    #[track_caller]
    fn refused(&self) -> (ErrorCode, &'static str) {
        let [exchange, bearer] = [Dialect::TokenExchange, Dialect::JwtBearer].map(|dialect| self.decide_in(dialect));
        let refusal = exchange.unwrap_err();
        assert_eq!(Err(&refusal), bearer.as_ref());
        let code = refusal.code();
        let about_the_token = code == ErrorCode::InvalidRequest && refusal.reason() != "target_missing";
        let by_rfc_7523 = if about_the_token { ErrorCode::InvalidGrant } else { code };
        assert_eq!(refusal.code_in(Dialect::JwtBearer), by_rfc_7523);
        (code, refusal.reason())
    }

    /// Granted alike in both dialects.
    #[track_caller]
    fn granted(&self) -> Granted {
        let [exchange, bearer] = [Dialect::TokenExchange, Dialect::JwtBearer].map(|dialect| self.decide_in(dialect));
        assert_eq!(exchange, bearer);
        exchange.unwrap()
    }
}

fn chain(granted: &Granted) -> Vec<&str> {
    granted.actor.history().map(|actor| actor.sub.as_str()).collect()
}
