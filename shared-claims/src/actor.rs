//! Who acts for the user: the `act` claim (RFC 8693 section 4.1).
//!
//! Outermost is the current actor; each actor nested inside acted before it. Only the outermost counts for access
//! decisions, the rest is history (RFC 8693 section 4.1).

use serde::{Deserialize, Serialize};

/// One actor and, inside it, those who acted before.
///
/// Members identify only: no `exp`, `aud` or the like, and nothing unknown is read (RFC 8693 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The actor's subject: a client id for clients.
    pub sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Actor>>,
}

/// Who one actor is, without those who acted before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActorIdentity<'a> {
    pub sub: &'a str,
    pub client_id: Option<&'a str>,
}

impl Actor {
    /// A client that acts, with nobody before it.
    #[must_use]
    pub fn client(client_id: &str) -> Self {
        Self { sub: client_id.to_owned(), client_id: Some(client_id.to_owned()), act: None }
    }

    /// This actor, acting after `earlier`.
    #[must_use]
    pub fn after(mut self, earlier: Option<Actor>) -> Self {
        self.act = earlier.map(Box::new);
        self
    }

    /// This actor alone: what a decision may look at (RFC 8693 section 4.1).
    #[must_use]
    pub fn identity(&self) -> ActorIdentity<'_> {
        ActorIdentity { sub: &self.sub, client_id: self.client_id.as_deref() }
    }

    /// All actors of the chain, the current one first.
    pub fn history(&self) -> impl Iterator<Item = &Actor> {
        std::iter::successors(Some(self), |actor| actor.act.as_deref())
    }

    /// How many actors the chain has, this one included.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.history().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_actor_comes_first_in_the_history() {
        let chain = Actor::client("api-a").after(Some(Actor::client("demo-app")));
        let names: Vec<_> = chain.history().map(|actor| actor.sub.as_str()).collect();
        assert_eq!(names, ["api-a", "demo-app"]);
        assert_eq!(chain.depth(), 2);
    }

    #[test]
    fn an_actor_is_written_as_rfc_8693_nests_it() {
        let chain = Actor::client("api-a").after(Some(Actor::client("demo-app")));
        let expected = r#"{"sub":"api-a","client_id":"api-a","act":{"sub":"demo-app","client_id":"demo-app"}}"#;
        assert_eq!(serde_json::to_string(&chain).unwrap(), expected);
    }

    #[test]
    fn an_actor_without_a_subject_is_refused() {
        assert!(serde_json::from_str::<Actor>(r#"{"client_id":"api-a"}"#).is_err());
    }
}
