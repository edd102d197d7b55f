//! The facts of an exchange, gathered: the tokens verified, and what stands behind them looked up.

use std::sync::Arc;

use shared_claims::AccessTokenClaims;
use shared_claims::validator::InvalidToken;
use time::OffsetDateTime;

use crate::exchange::{self, ActorToken, Asked, Consents, Facts, GrantStanding, Limits};
use crate::grants::GrantError;
use crate::protocol::bearer::ShownToken;
use crate::protocol::{Dialect, ErrorCode, ExchangeRequest, OAuthError, Target};
use crate::registry::{Client, Registry};
use crate::server::AuthServer;
use crate::store::{BehindToken, Found, Grant, GrantId, Holder, PairingConsent, Standing, Store, User, UserId};
use crate::tokens::{KeyRing, OwnTokens};

/// Where facts are looked up.
pub struct Where<'a> {
    pub issuer: &'a str,
    pub own_tokens: &'a OwnTokens,
    pub store: &'a Store,
    pub keys: &'a KeyRing,
    pub registry: &'a Registry,
    pub now: OffsetDateTime,
}

impl<'a> Where<'a> {
    /// In a running server, at one moment.
    #[must_use]
    pub fn of(server: &'a AuthServer, keys: &'a KeyRing, registry: &'a Registry, now: OffsetDateTime) -> Self {
        Self {
            issuer: server.issuer.as_str(),
            own_tokens: &server.own_tokens,
            store: &server.store,
            keys,
            registry,
            now,
        }
    }
}

/// What a decision is made from, and what the decision is made good with.
pub struct Gathered {
    pub subject: Arc<AccessTokenClaims>,
    /// What the subject token stands on, if its grant is live.
    pub found: Found,
    pub actor: Option<(Arc<AccessTokenClaims>, GrantStanding)>,
    user: Option<exchange::User>,
    consents: Consents,
}

/// How what stands behind a token is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Also in memory: for what is put on record only if it is still so ([`Use::stands_on`](crate::audit::Use)).
    Memory,
    Anew,
}

impl Gathered {
    /// Verifies the tokens of a request and looks up what they stand on.
    pub async fn from_request(
        place: &Where<'_>,
        asker: &Client,
        request: &ExchangeRequest<'_>,
        look: Look,
    ) -> Result<Self, GrantError> {
        let subject = verify(place, request.subject_token, &refused_subject_token(request.dialect))?;
        let consents = asks_users(place, asker, request.target.as_ref().map(Target::as_str));
        let found = behind(place, &subject, consents, look).await?;
        let actor = match request.actor_token {
            Some(token) => Some(gather_actor(place, token).await?),
            None => None,
        };
        let user = found.standing.holder.as_ref().map(facts_of);
        let consents = by_pairing(found.standing.consents.as_deref().unwrap_or_default());
        Ok(Self { subject, found, actor, user, consents })
    }

    /// The grant that the subject token derives from, if it is live.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        self.found.standing.grant.as_ref()
    }

    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        self.found.standing.holder.as_ref().map(|holder| &holder.id)
    }

    /// The facts about a subject that is known to be one of this server's.
    pub async fn of(
        place: &Where<'_>,
        asker: &Client,
        subject: AccessTokenClaims,
        grant: Grant,
        user: &User,
        actor: Option<(AccessTokenClaims, GrantStanding)>,
    ) -> Result<Self, GrantError> {
        let consents = if asks_users(place, asker, None) {
            place.store.list_pairing_consents(&user.id, &grant.client_id).await?
        } else {
            Vec::new()
        };
        let holder = Holder {
            id: user.id.clone(),
            username: user.username.clone(),
            blocked: user.blocked,
            permissions: Arc::new(user.permissions.clone()),
        };
        let (user, consents) = (Some(facts_of(&holder)), by_pairing(&consents));
        let standing = Arc::new(Standing { grant: Some(grant), holder: Some(holder), ..Standing::default() });
        let actor = actor.map(|(claims, grant)| (Arc::new(claims), grant));
        let found = Found { standing, ..Found::default() };
        Ok(Self { subject: Arc::new(subject), found, actor, user, consents })
    }

    #[must_use]
    pub fn facts<'a>(
        &'a self,
        place: &Where<'a>,
        client: &'a Client,
        asked: &'a Asked,
        asker_key: Option<&'a str>,
        limits: Limits,
    ) -> Facts<'a> {
        Facts {
            now: place.now,
            registry: place.registry,
            asker: client,
            asked,
            subject: &self.subject,
            grant: standing(&self.found.standing),
            user: self.user.as_ref(),
            consents: &self.consents,
            actor: self.actor.as_ref().map(|(claims, grant)| ActorToken { claims, grant: *grant }),
            asker_key,
            limits,
        }
    }
}

/// One of this server's own access tokens that has not expired.
fn verify(
    place: &Where<'_>,
    token: ShownToken<'_>,
    refused: &impl Fn(InvalidToken) -> OAuthError,
) -> Result<Arc<AccessTokenClaims>, OAuthError> {
    place.own_tokens.verify(token.as_str(), place.keys, place.now).map_err(refused)
}

/// RFC 8693 section 2.2.2 calls a bad subject token an invalid request, RFC 7523 section 3.1 a bad assertion an invalid
/// grant.
fn refused_subject_token(dialect: Dialect) -> impl Fn(InvalidToken) -> OAuthError {
    let code = match dialect {
        Dialect::TokenExchange => ErrorCode::InvalidRequest,
        Dialect::JwtBearer => ErrorCode::InvalidGrant,
    };
    move |error| {
        let (reason, description) = match error {
            InvalidToken::Expired => {
                ("subject_token_expired", "the subject token has expired: the caller needs a fresh one")
            }
            InvalidToken::WrongType => (
                "subject_token_not_an_access_token",
                "the subject token is of another kind: send an access token (at+jwt)",
            ),
            InvalidToken::Malformed | InvalidToken::TooLong | InvalidToken::UnsupportedHeader => {
                ("subject_token_malformed", "the subject token is not a JWT of this server: send it bare and whole")
            }
            _ => ("subject_token_invalid", "the subject token is not a valid access token of this server"),
        };
        OAuthError::new(code, reason, description)
    }
}

fn refused_actor_token(error: InvalidToken) -> OAuthError {
    let (reason, description) = match error {
        InvalidToken::Expired => ("actor_token_expired", "the actor token has expired: get a fresh one"),
        InvalidToken::WrongType => {
            ("actor_token_not_an_access_token", "the actor token is of another kind: send an access token (at+jwt)")
        }
        _ => ("actor_token_invalid", "the actor token is not a valid access token of this server"),
    };
    OAuthError::invalid_request(reason, description)
}

async fn gather_actor(
    place: &Where<'_>,
    token: ShownToken<'_>,
) -> Result<(Arc<AccessTokenClaims>, GrantStanding), GrantError> {
    let claims = verify(place, token, &refused_actor_token)?;
    let Found { standing: found, .. } = behind(place, &claims, false, Look::Anew).await?;
    Ok((claims, standing(&found)))
}

/// The live grant that a token derives from, and its user.
async fn behind(place: &Where<'_>, token: &AccessTokenClaims, consents: bool, look: Look) -> Result<Found, GrantError> {
    let Some(txn) = &token.txn else { return Ok(Found::default()) };
    let jti = (!place.own_tokens.is_used(&token.jti)).then(|| token.jti.clone());
    let grant = GrantId::from(txn.as_str());
    let asked = BehindToken { grant, jti, consents, may_be_remembered: look == Look::Memory };
    let found = place.store.behind_token(asked).await?;
    let is_live = found.standing.grant.as_ref().is_some_and(|grant| grant.is_live(place.now));
    Ok(if is_live { found } else { Found { standing: Arc::default(), ..found } })
}

fn standing(found: &Standing) -> GrantStanding {
    match &found.grant {
        // A grant of a user who is no longer on record is nobody's.
        Some(grant) if grant.user_id.is_some() && found.holder.is_none() => GrantStanding::Ended,
        Some(grant) => GrantStanding::Live { until: grant.expires_at },
        None => GrantStanding::Ended,
    }
}

fn facts_of(holder: &Holder) -> exchange::User {
    exchange::User { blocked: holder.blocked, permissions: Arc::clone(&holder.permissions) }
}

/// Whether the target that is named asks its users at all; where none is, whether any target of the asker's API does.
fn asks_users(place: &Where<'_>, asker: &Client, target: Option<&str>) -> bool {
    let asks = |target: &str| place.registry.api(target).is_some_and(|api| !api.skip_consent);
    let source = asker.api.as_deref().unwrap_or_default();
    target.map_or_else(|| place.registry.pairings_of(source).any(|pairing| asks(&pairing.target)), asks)
}

fn by_pairing(consents: &[PairingConsent]) -> Consents {
    let owned = |PairingConsent { source, target, scope }: &_| (source.clone(), target.clone(), scope.clone());
    consents.iter().map(owned).collect()
}
