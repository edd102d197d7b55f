//! What somebody may try who has got hold of a token, or of an API: each a real request that is really refused, with the auth
//! server's own explanation. The page makes those itself that take no more than a token.

use serde::Serialize;
use serde_json::Value;

use super::by_hand::{Attempt, ByHand, Wish};
use super::watching::Neighbour;
use crate::config::ClientIdentity;

/// A chain that grows by one hop at a time is refused long before (`exchange.max_actors`).
const MOST_HOPS: usize = 20;

/// An attack by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// More than the pairing allows.
    WiderScope,
    /// An API that is not paired, or is none.
    UnpairedTarget,
    /// Another API asks, for whom the token was not issued.
    ForeignToken,
    /// One hop after the other, until there is one too many.
    TooDeep,
    /// What the user lacks the permission for, if they do.
    NoPermission,
    /// What the user has not agreed to, if they have not.
    NoConsent,
}

impl Attack {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "wider-scope" => Self::WiderScope,
            "unpaired-target" => Self::UnpairedTarget,
            "foreign-token" => Self::ForeignToken,
            "too-deep" => Self::TooDeep,
            "no-permission" => Self::NoPermission,
            "no-consent" => Self::NoConsent,
            _ => return None,
        })
    }
}

/// What was tried, what came of it, and why.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub sent: Vec<Attempt>,
    /// Of the last exchange, as the auth server tells it.
    pub explanation: Option<Value>,
}

/// Who is there to be attacked, and to attack.
pub struct Scene {
    pub by_hand: ByHand,
    /// API A's own client identity.
    pub own: ClientIdentity,
    pub api_b: Neighbour,
    pub read_receipts: String,
    pub write_receipts: String,
    /// The API that asks its users first: its identifier, and the scope of reading there.
    pub archive: Option<(String, String)>,
    /// Another API: its client identity, and what it takes to call it.
    pub other: Option<Other>,
}

/// Another API's client identity, in API A's hands for the demo alone.
pub struct Other {
    pub client: ClientIdentity,
    pub identifier: String,
    pub scope: String,
}

impl Scene {
    /// None: the API that it takes is not in this configuration.
    pub async fn attack(&self, attack: Attack, token: &str) -> Option<Outcome> {
        let api_b = self.api_b.identifier.as_str();
        let wish = |audience, scope| Wish { subject: token, audience, scope };
        Some(match attack {
            Attack::WiderScope => self.exchange(&self.own, wish(api_b, "admin:all")).await,
            Attack::UnpairedTarget => {
                self.exchange(&self.own, wish("https://unpaired.example", &self.read_receipts)).await
            }
            Attack::ForeignToken => self.exchange(&self.other.as_ref()?.client, wish(api_b, &self.read_receipts)).await,
            Attack::TooDeep => self.drive_too_deep(self.other.as_ref()?, token).await,
            Attack::NoPermission => self.exchange(&self.own, wish(api_b, &self.write_receipts)).await,
            Attack::NoConsent => {
                let (archive, scope) = self.archive.as_ref()?;
                self.exchange(&self.own, wish(archive, scope)).await
            }
        })
    }

    /// What is left of a chain that was revoked: an exchange of its first token, and a call with the last.
    pub async fn revoked(&self, token: &str, token_b: Option<&str>) -> Outcome {
        let wish = Wish { subject: token, audience: &self.api_b.identifier, scope: &self.read_receipts };
        let mut outcome = self.exchange(&self.own, wish).await;
        if let Some(token_b) = token_b {
            let url = format!("{}/api/receipts", self.api_b.url.as_str().trim_end_matches('/'));
            let shown = self.api_b.publicly(&url).unwrap_or_else(|| url.clone());
            let call = self.by_hand.get(&self.own.id, self.api_b.name, &url, &shown, token_b).await;
            outcome.sent.push(call);
        }
        outcome
    }

    async fn exchange(&self, client: &ClientIdentity, wish: Wish<'_>) -> Outcome {
        let sent = vec![self.by_hand.exchange(client, wish).await];
        Outcome { sent, explanation: self.by_hand.explanation(client, wish).await }
    }

    /// API A hands on to the other API, and that to itself, which its pairing allows: the chain of actors grows until the
    /// rule of its depth refuses.
    async fn drive_too_deep(&self, other: &Other, token: &str) -> Outcome {
        let Other { client, identifier, scope } = other;
        let (mut asker, mut subject, mut sent) = (&self.own, token.to_owned(), Vec::new());
        loop {
            let wish = Wish { subject: &subject, audience: identifier, scope };
            let attempt = self.by_hand.exchange(asker, wish).await;
            let next = attempt.token().filter(|_| sent.len() < MOST_HOPS);
            sent.push(attempt);
            let Some(next) = next else {
                let explanation = self.by_hand.explanation(asker, wish).await;
                return Outcome { sent, explanation };
            };
            (asker, subject) = (client, next);
        }
    }
}
