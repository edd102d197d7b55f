//! What an API keeps to check its callers' tokens: its own name, its issuer, and the issuer's keys (RFC 6749 section 7,
//! RFC 9068 section 4).

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use url::Url;

use crate::access_token::PresentedToken;
use crate::discovery::Discovery;
use crate::dpop::{Demand, InvalidProof, Proof, SeenProofs};
use crate::jwks::Jwks;
use crate::protected_resource::{self, ProtectedResourceMetadata};
use crate::status_list::{StalePolicy, StatusLists, StatusRefusal};
use crate::validator::{InvalidExpectation, InvalidToken, KeySet, UnverifiedToken, Validator};
use crate::{AccessToken, AccessTokenClaims, Clock, RecentTokens, Scope, SystemClock, TokenHash, http};

/// For how long a request may wait for the issuer's keys.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Why nobody is let in with this token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unauthenticated {
    /// The token is no good: answer 401 `invalid_token`.
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    /// The token cannot be checked now: answer 503. The cause is in the log.
    #[error("the token cannot be checked now: the keys or status lists of its issuer cannot be reached")]
    Unavailable,
    /// The chain that the token belongs to has ended: answer 401 `invalid_token`.
    #[error("what the token came from has ended")]
    Ended,
    /// The proof that came with the token proves nothing: answer 401 `invalid_dpop_proof`.
    #[error(transparent)]
    Proof(#[from] InvalidProof),
}

impl From<StatusRefusal> for Unauthenticated {
    fn from(refusal: StatusRefusal) -> Self {
        match refusal {
            StatusRefusal::Ended => Self::Ended,
            StatusRefusal::Unknown => Self::Unavailable,
        }
    }
}

impl Unauthenticated {
    /// A name that stays the same from version to version.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(invalid) => invalid.reason(),
            Self::Unavailable => "keys_unavailable",
            Self::Ended => "token_revoked",
            Self::Proof(invalid) => invalid.reason(),
        }
    }
}

/// The resource server cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidResourceServer {
    #[error(transparent)]
    Expectation(#[from] InvalidExpectation),
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
    /// A proof names the address that it was made for.
    #[error("to demand bound tokens the API must know its own address: set its public_url")]
    NoAddress,
}

/// Checks the tokens that come to one API. Clones share the issuer's keys.
#[derive(Clone)]
pub struct ResourceServer(Arc<Inner>);

struct Inner {
    validator: Validator,
    validated: RecentTokens<Validated>,
    jwks: Jwks,
    status_lists: StatusLists,
    clock: Arc<dyn Clock>,
    metadata: ProtectedResourceMetadata,
    metadata_url: Option<Url>,
    /// The own addresses, as callers know them.
    addresses: Vec<Url>,
    seen_proofs: SeenProofs,
}

/// How many tokens are known at a time: a client calls many times with the same one, and its signature holds for ever. The
/// claims of one take about a kilobyte.
const VALIDATED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// A token that was validated before, and the keys that it was verified with.
#[derive(Clone)]
struct Validated {
    kid: Arc<str>,
    claims: Arc<AccessTokenClaims>,
    keys: Arc<KeySet>,
}

impl std::fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResourceServer").field("metadata", &self.0.metadata).finish_non_exhaustive()
    }
}

/// Settings of a [`ResourceServer`].
pub struct ResourceServerBuilder {
    issuer: String,
    identifier: String,
    backchannel_url: Option<Url>,
    public_url: Option<Url>,
    also_reached_at: Vec<Url>,
    scopes: Scope,
    stale_policy: StalePolicy,
    require_bound_tokens: bool,
    clock: Arc<dyn Clock>,
}

impl ResourceServerBuilder {
    /// The auth server's base address, where this service reaches it under another name than browsers do.
    #[must_use]
    pub fn backchannel_url(mut self, url: impl Into<Option<Url>>) -> Self {
        self.backchannel_url = url.into();
        self
    }

    /// This API's own base address as its callers know it. Challenges then name the API's metadata (RFC 9728).
    #[must_use]
    pub fn public_url(mut self, url: impl Into<Option<Url>>) -> Self {
        self.public_url = url.into();
        self
    }

    /// Further base addresses of this API, for callers that know it under another name than the public one (in a network of
    /// containers, say): a proof names the address that its maker called.
    #[must_use]
    pub fn also_reached_at(mut self, addresses: impl IntoIterator<Item = Url>) -> Self {
        self.also_reached_at.extend(addresses);
        self
    }

    /// The scopes that this API knows, for its metadata.
    #[must_use]
    pub fn scopes(mut self, scopes: Scope) -> Self {
        self.scopes = scopes;
        self
    }

    /// What becomes of callers when the status of their tokens cannot be told any more. Unless set, nobody is let in once
    /// a status list is older than five minutes.
    #[must_use]
    pub fn stale_policy(mut self, policy: StalePolicy) -> Self {
        self.stale_policy = policy;
        self
    }

    /// Takes only tokens that are bound to a key, each with a proof that the caller holds it (RFC 9449). Unless set, a bearer
    /// token will do; a bound one needs its proof in any case.
    #[must_use]
    pub fn require_bound_tokens(mut self, required: bool) -> Self {
        self.require_bound_tokens = required;
        self
    }

    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Fails where the issuer or the identifier is empty: nothing would be checked against it.
    pub fn build(self) -> Result<ResourceServer, InvalidResourceServer> {
        if self.require_bound_tokens && self.public_url.is_none() {
            return Err(InvalidResourceServer::NoAddress);
        }
        let validator = Validator::new(&self.issuer, &self.identifier)?;
        let http = http::client(TIMEOUT)?;
        let discovery = Discovery::new(&self.issuer, self.backchannel_url, http.clone());
        let jwks = Jwks::new(discovery.clone(), http.clone(), Arc::clone(&self.clock));
        let metadata = ProtectedResourceMetadata::new(&self.identifier, &self.issuer, &self.scopes);
        let required = self.require_bound_tokens;
        let lists = (discovery, jwks.clone(), http, Arc::clone(&self.clock));
        Ok(ResourceServer(Arc::new(Inner {
            validator,
            validated: RecentTokens::keeping(VALIDATED),
            jwks,
            status_lists: StatusLists::new(lists.0, lists.1, lists.2, lists.3, self.stale_policy),
            clock: self.clock,
            metadata: if self.public_url.is_some() { metadata.with_proofs(required) } else { metadata },
            metadata_url: self.public_url.as_ref().map(protected_resource::address),
            addresses: self.public_url.into_iter().chain(self.also_reached_at).collect(),
            seen_proofs: SeenProofs::default(),
        })))
    }
}

impl ResourceServer {
    /// An API that is called `identifier` in the `aud` of tokens from `issuer`.
    #[must_use]
    pub fn builder(issuer: &str, identifier: &str) -> ResourceServerBuilder {
        ResourceServerBuilder {
            issuer: issuer.to_owned(),
            identifier: identifier.to_owned(),
            backchannel_url: None,
            public_url: None,
            also_reached_at: Vec::new(),
            scopes: Scope::empty(),
            stale_policy: StalePolicy::default(),
            require_bound_tokens: false,
            clock: Arc::new(SystemClock),
        }
    }

    /// Checks a token that came without a proof, or lay in a queue.
    pub async fn authenticate(&self, token: &str) -> Result<AccessToken, Unauthenticated> {
        let token = self.validate(token).await?;
        match (&token.claims.cnf, self.0.metadata.dpop_bound_access_tokens_required) {
            // A bound token in the hands of somebody without its key is stolen (RFC 9449 section 7.2, RFC 8705 section 3).
            (Some(_), _) => Err(InvalidToken::Bound.into()),
            (None, true) => Err(InvalidToken::NotBound.into()),
            (None, false) => Ok(token),
        }
    }

    /// Checks the token of a request, and the proof beside it (RFC 9449 section 7.1). `path`: of the request, below the API's
    /// public address.
    pub async fn authenticate_request(
        &self,
        presented: PresentedToken<'_>,
        method: &str,
        path: &str,
    ) -> Result<AccessToken, Unauthenticated> {
        let Some(proof) = presented.proof else { return self.authenticate(presented.token).await };
        let token = self.validate(presented.token).await?;
        // Without its own address the API cannot tell what a proof was made for, and says so in its metadata.
        if self.0.metadata.dpop_signing_alg_values_supported.is_empty() {
            return Err(InvalidToken::Bound.into());
        }
        let bound_to = token.claims.cnf.as_ref().ok_or(InvalidToken::NotBound)?;
        let addresses: Vec<Url> = self.0.addresses.iter().map(|base| below(base, path)).collect();
        let demand = Demand { method, addresses: &addresses, access_token: Some(presented.token), now: self.now() };
        let proof = Proof::check(proof, &demand)?;
        if bound_to.jkt.as_ref() != Some(&proof.jkt) {
            return Err(InvalidToken::BoundToAnotherKey.into());
        }
        self.0.seen_proofs.take(&proof)?;
        Ok(token)
    }

    /// Everything but whether it is bound.
    async fn validate(&self, token: &str) -> Result<AccessToken, Unauthenticated> {
        let claims = self.verify(token).await?;
        if let Some(status) = &claims.status {
            self.0.status_lists.check(&status.status_list).await?;
        }
        Ok(AccessToken::validated(claims, token))
    }

    /// What can be told from the token itself. The signature of one that is known was verified before.
    async fn verify(&self, token: &str) -> Result<Arc<AccessTokenClaims>, Unauthenticated> {
        let Inner { validated, validator, .. } = &*self.0;
        let hash = TokenHash::of(token).ok_or(InvalidToken::TooLong)?;
        if let Some(known) = validated.find(hash) {
            let keys = self.keys_for(&known.kid).await?;
            // What a key proved that was withdrawn since counts no more.
            if Arc::ptr_eq(&known.keys, &keys) {
                validator.judge(&known.claims, self.now())?;
                return Ok(known.claims);
            }
        }
        let unverified = UnverifiedToken::read(token)?;
        let keys = self.keys_for(unverified.kid()).await?;
        let claims = Arc::new(validator.validate_parts(&unverified, &keys, self.now())?);
        validated.note(hash, Validated { kid: unverified.kid().into(), claims: Arc::clone(&claims), keys });
        Ok(claims)
    }

    async fn keys_for(&self, kid: &str) -> Result<Arc<KeySet>, Unauthenticated> {
        self.0.jwks.keys_for(kid).await.map_err(|_| Unauthenticated::Unavailable)
    }

    /// What this API says of itself (RFC 9728).
    #[must_use]
    pub fn metadata(&self) -> &ProtectedResourceMetadata {
        &self.0.metadata
    }

    /// Where [`Self::metadata`] is served, if the API knows its own address.
    #[must_use]
    pub fn metadata_url(&self) -> Option<&Url> {
        self.0.metadata_url.as_ref()
    }

    fn now(&self) -> OffsetDateTime {
        self.0.clock.now()
    }
}

/// The address of a path of this API, as its callers know it.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/')));
    url
}

#[cfg(test)]
mod tests;
