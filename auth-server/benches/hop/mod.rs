//! A chain of APIs, each paired with the next, and one exchange of Alice's token at some hop of it. Every rule has
//! something to look at: permissions are enforced, consent is asked for.

use std::sync::Arc;

use auth_server::exchange::{Asked, Consents, Facts, GrantStanding, Granted, Limits, Refusal, User, decide};
use auth_server::registry::Registry;
use serde_json::json;
use shared_claims::{AccessTokenClaims, Audience, Scope};
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

/// The longest chain that the limit of five actors allows: the app, four APIs that ask, and one that is only called.
const APIS: usize = 5;

pub struct Hop {
    registry: Registry,
    subject: AccessTokenClaims,
    asker: String,
    asked: Asked,
    user: User,
    consents: Consents,
}

impl Hop {
    /// The exchange at hop `number`, 1 to 4, of a chain that got there by exchanging.
    pub fn new(number: usize) -> Self {
        let permissions = (1..=APIS).map(|number| (api(number), scopes())).collect();
        let mut hop = Self {
            registry: registry(),
            subject: first_token(),
            asker: client(1),
            asked: asked(2),
            user: User { blocked: false, permissions: Arc::new(permissions) },
            consents: (1..APIS).map(|number| (api(number), api(number + 1), scopes())).collect(),
        };
        for next in 2..=number {
            let granted = hop.decide().unwrap();
            hop.subject.aud = Audience::from_iter([granted.target.identifier.as_str()]);
            hop.subject.client_id.clone_from(&hop.asker);
            hop.subject.scope = granted.scope;
            hop.subject.act = Some(granted.actor);
            hop.asker = client(next);
            hop.asked = asked(next + 1);
        }
        hop
    }

    pub fn decide(&self) -> Result<Granted, Refusal> {
        decide(&Facts {
            now: NOW,
            registry: &self.registry,
            asker: self.registry.client(&self.asker).unwrap(),
            asked: &self.asked,
            subject: &self.subject,
            grant: GrantStanding::Live { until: datetime!(2026-04-01 12:00 UTC) },
            user: Some(&self.user),
            consents: &self.consents,
            actor: None,
            asker_key: None,
            limits: Limits::default(),
        })
    }
}

fn api(number: usize) -> String {
    format!("https://api-{number}.example")
}

fn client(number: usize) -> String {
    format!("api-{number}")
}

fn scopes() -> Scope {
    "read:receipts write:receipts".parse().unwrap()
}

fn asked(target: usize) -> Asked {
    let scope = Some(scopes());
    Asked { target: Some(api(target)), scope, ..Asked::default() }
}

fn registry() -> Registry {
    let app = json!({ "id": "demo-app", "name": "App", "grant_types": [] });
    let clients = (1..=APIS).map(|number| {
        let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
        json!({
            "id": client(number), "name": "Client", "api": api(number), "grant_types": [exchange], "secret": "a".repeat(43),
        })
    });
    let apis = (1..=APIS).map(|number| {
        let scopes = json!({ "read:receipts": "", "write:receipts": "" });
        json!({ "identifier": api(number), "name": "API", "scopes": scopes, "enforce_permissions": true })
    });
    let pairings = (1..APIS).map(|number| {
        let scopes = json!(["read:receipts", { "scope": "write:receipts", "requires": "write:receipts" }]);
        json!({ "source": api(number), "target": api(number + 1), "scopes": scopes })
    });
    Registry::new(
        apis.map(|api| serde_json::from_value(api).unwrap()),
        std::iter::once(app).chain(clients).map(|client| serde_json::from_value(client).unwrap()),
        pairings.map(|pairing| serde_json::from_value(pairing).unwrap()),
    )
    .unwrap()
}

/// The token that Alice's app calls the first API with.
fn first_token() -> AccessTokenClaims {
    let now = NOW.unix_timestamp();
    serde_json::from_value(json!({
        "iss": "https://issuer.example", "sub": "usr_alice", "aud": [api(1), "https://issuer.example/userinfo"],
        "iat": now - 60, "exp": now + 540, "jti": "jti-1", "client_id": "demo-app", "scope": scopes(),
        "auth_time": now - 600, "acr": "1", "amr": ["pwd"], "sid": "ses_1", "txn": "grt_1",
    }))
    .unwrap()
}
