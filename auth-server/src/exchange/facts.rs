//! What a decision is made from. Whoever gathers the facts has authenticated the asker and verified the subject token.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared_claims::{AccessTokenClaims, Scope};
use time::OffsetDateTime;

use crate::protocol::{Dialect, ExchangeRequest};
use crate::registry::{Client, Registry};

/// Everything that a decision looks at.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub now: OffsetDateTime,
    pub registry: &'a Registry,
    /// The authenticated client that asks.
    pub asker: &'a Client,
    pub asked: &'a Asked,
    /// The subject token: signature, `typ`, `iss` and `exp` are already checked.
    pub subject: &'a AccessTokenClaims,
    /// How the grant stands that the subject token derives from.
    pub grant: GrantStanding,
    /// The user behind the grant; `None` for a machine's grant.
    pub user: Option<&'a User>,
    /// Which pairings the user has agreed to, for the client of the grant.
    pub consents: &'a Consents,
    /// The token of an agent inside the asker, where one is shown.
    pub actor: Option<ActorToken<'a>>,
    /// The thumbprint of the key that the asker has proved to hold with this request (RFC 9449 section 5), if it did.
    pub asker_key: Option<&'a str>,
    pub limits: Limits,
}

/// An actor token (RFC 8693 section 2.1): verified like the subject token.
#[derive(Clone, Copy, Debug)]
pub struct ActorToken<'a> {
    pub claims: &'a AccessTokenClaims,
    /// How the grant stands that it derives from.
    pub grant: GrantStanding,
}

/// What a user has agreed that APIs may do for them at other APIs, when one app calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consents(BTreeMap<(String, String), Scope>);

impl Consents {
    /// What `source` may do at `target`.
    #[must_use]
    pub fn to(&self, source: &str, target: &str) -> Scope {
        self.0.get(&(source.to_owned(), target.to_owned())).cloned().unwrap_or_default()
    }
}

impl FromIterator<(String, String, Scope)> for Consents {
    fn from_iter<I: IntoIterator<Item = (String, String, Scope)>>(consents: I) -> Self {
        let mut all = BTreeMap::<(String, String), Scope>::new();
        for (source, target, scope) in consents {
            let known = all.entry((source, target)).or_default();
            *known = known.union(&scope);
        }
        Self(all)
    }
}

/// Asks for an ID token (OpenID Connect Core section 3.1.2.1).
pub(super) const OPENID: &str = "openid";
/// Asks for a refresh token (OpenID Connect Core section 11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// What the request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub dialect: Dialect,
    /// The target's identifier, from `audience` or `resource`. `None`: the request names no target.
    pub target: Option<String>,
    /// `None`: the request names no scope.
    pub scope: Option<Scope>,
}

impl Asked {
    /// What is asked of an API: the scope without `openid` and `offline_access`.
    pub(super) fn scope_of_an_api(&self) -> Scope {
        let asked = self.scope.as_ref();
        asked.map(|asked| asked.filter(|name| ![OPENID, OFFLINE_ACCESS].contains(&name.as_str()))).unwrap_or_default()
    }
}

impl From<&ExchangeRequest<'_>> for Asked {
    fn from(request: &ExchangeRequest<'_>) -> Self {
        Self {
            dialect: request.dialect,
            target: request.target.as_ref().map(|target| target.as_str().to_owned()),
            scope: request.scope.clone(),
        }
    }
}

/// How a grant stands at the moment of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantStanding {
    /// Good until the given time.
    Live { until: OffsetDateTime },
    /// Revoked, run out, or not on record any more.
    Ended,
}

/// What a decision needs to know of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub blocked: bool,
    /// What the user may do, by API identifier. Shared with whoever remembers it: it is read for every exchange.
    pub permissions: Arc<BTreeMap<String, Scope>>,
}

/// Where somebody has no permissions.
static NOTHING: Scope = Scope::empty();

impl User {
    /// What the user may do at an API.
    #[must_use]
    pub fn permissions_at(&self, api: &str) -> &Scope {
        self.permissions.get(api).unwrap_or(&NOTHING)
    }
}

/// Bounds that the operator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many actors a chain may have, the app included.
    pub max_actors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_actors: 5 }
    }
}
