//! Why an exchange is refused: an OAuth code (RFC 8693 section 2.2.2), a stable name, and a sentence that says what would
//! be allowed to this client, and nothing about other clients, users or tokens.

use shared_claims::Scope;

use crate::protocol::{Dialect, ErrorCode, OAuthError, SignInChallenge};

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotAnApiClient,
    NotAddressedToAsker { own_api: String },
    SubjectTokenRevoked,
    ChainNoLongerAllowed,
    UserBlocked,
    BindingWouldBeLost,
    BindingRequired,
    ActorBoundToAnotherKey,
    ActorIsTheSubject,
    ActorNotAMachine,
    ActorNotOfAsker,
    ActorTokenRevoked,
    MayActNamesAnother,
    TargetMissing { paired: Vec<String> },
    TargetNotPaired { asked: String, paired: Vec<String> },
    MachineSubject,
    ConsentMissing { missing: Scope },
    SignInTooWeak { challenge: SignInChallenge },
    ScopeOutsidePairing { excess: Scope, allowed: Scope },
    ScopeRequiresMore { asked: Scope, missing: Scope },
    NothingLeft { asked: Scope },
    NoUserToIdentify,
    OfflineAccessNotAllowed,
    ChainTooDeep { max_actors: usize },
    ChainLoops,
    LifetimeTooShort,
}

impl Refusal {
    /// The OAuth error code in a dialect: what RFC 8693 section 2.2.2 calls an invalid request, RFC 7523 section 3.1
    /// calls an invalid grant where it is about the token that was shown.
    #[must_use]
    pub fn code_in(&self, dialect: Dialect) -> ErrorCode {
        match (dialect, self.code()) {
            (Dialect::JwtBearer, ErrorCode::InvalidRequest) if !matches!(self, Self::TargetMissing { .. }) => {
                ErrorCode::InvalidGrant
            }
            (_, code) => code,
        }
    }

    /// The OAuth error code by RFC 8693.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotAnApiClient => ErrorCode::UnauthorizedClient,
            Self::TargetNotPaired { .. } => ErrorCode::InvalidTarget,
            Self::ScopeOutsidePairing { .. }
            | Self::ScopeRequiresMore { .. }
            | Self::NothingLeft { .. }
            | Self::NoUserToIdentify
            | Self::OfflineAccessNotAllowed => ErrorCode::InvalidScope,
            Self::ConsentMissing { .. } => ErrorCode::InteractionRequired,
            Self::SignInTooWeak { .. } => ErrorCode::InsufficientUserAuthentication,
            Self::NotAddressedToAsker { .. }
            | Self::SubjectTokenRevoked
            | Self::ChainNoLongerAllowed
            | Self::UserBlocked
            | Self::BindingWouldBeLost
            | Self::BindingRequired
            | Self::ActorBoundToAnotherKey
            | Self::ActorIsTheSubject
            | Self::ActorNotAMachine
            | Self::ActorNotOfAsker
            | Self::ActorTokenRevoked
            | Self::MayActNamesAnother
            | Self::TargetMissing { .. }
            | Self::MachineSubject
            | Self::ChainTooDeep { .. }
            | Self::ChainLoops
            | Self::LifetimeTooShort => ErrorCode::InvalidRequest,
        }
    }

    /// The stable name, the same in `error_description`, the ledger and docs/on-behalf-of.md.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotAnApiClient => "not_an_api_client",
            Self::NotAddressedToAsker { .. } => "not_addressed_to_asker",
            Self::SubjectTokenRevoked => "subject_token_revoked",
            Self::ChainNoLongerAllowed => "chain_no_longer_allowed",
            Self::UserBlocked => "user_blocked",
            Self::BindingWouldBeLost => "binding_would_be_lost",
            Self::BindingRequired => "binding_required",
            Self::ActorBoundToAnotherKey => "actor_bound_to_another_key",
            Self::ActorIsTheSubject => "actor_is_the_subject",
            Self::ActorNotAMachine => "actor_not_a_machine",
            Self::ActorNotOfAsker => "actor_not_of_asker",
            Self::ActorTokenRevoked => "actor_token_revoked",
            Self::MayActNamesAnother => "may_act_names_another",
            Self::TargetMissing { .. } => "target_missing",
            Self::TargetNotPaired { .. } => "target_not_paired",
            Self::MachineSubject => "machine_subject",
            Self::ConsentMissing { .. } => "consent_missing",
            Self::SignInTooWeak { .. } => "sign_in_too_weak",
            Self::ScopeOutsidePairing { .. } => "scope_outside_pairing",
            Self::ScopeRequiresMore { .. } => "scope_requires_more",
            Self::NothingLeft { .. } => "nothing_left",
            Self::NoUserToIdentify => "no_user_to_identify",
            Self::OfflineAccessNotAllowed => "offline_access_not_allowed",
            Self::ChainTooDeep { .. } => "chain_too_deep",
            Self::ChainLoops => "chain_loops",
            Self::LifetimeTooShort => "lifetime_too_short",
        }
    }

    /// One sentence for the asking client's developer.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::NotAnApiClient => {
                "this client is not the client identity of a registered API: set its api and grant it the grant type"
                    .into()
            }
            Self::NotAddressedToAsker { own_api } => format!(
                "the subject token was not issued for {own_api}, the API of this client: \
                 an API can only exchange tokens that it was called with"
            ),
            Self::SubjectTokenRevoked => {
                "the grant behind the subject token has ended: the user must sign in again".into()
            }
            Self::ChainNoLongerAllowed => {
                "a client or pairing that the subject token came through is not allowed any more".into()
            }
            Self::UserBlocked => "the user behind the subject token is blocked".into(),
            Self::BindingWouldBeLost => {
                "the subject token is bound to a key, and so must be what comes of it: prove a key of this client's own in \
                 the header DPoP"
                    .into()
            }
            Self::BindingRequired => {
                "the target or this client takes only tokens that are bound to a key: prove one in the header DPoP".into()
            }
            Self::ActorBoundToAnotherKey => {
                "the actor_token is bound to a key that this request does not prove: prove that one in the header DPoP"
                    .into()
            }
            Self::ActorIsTheSubject => "the actor_token is the subject_token: leave it out".into(),
            Self::ActorNotAMachine => {
                "the actor_token must be a machine's own token: it has a user or a chain of its own".into()
            }
            Self::ActorNotOfAsker => {
                "the actor_token belongs neither to this client nor to an agent of it that was given a token for its API"
                    .into()
            }
            Self::ActorTokenRevoked => "the grant behind the actor_token has ended: get a fresh one".into(),
            Self::MayActNamesAnother => "the subject token's may_act does not name this client or its actor".into(),
            Self::TargetMissing { paired } => format!(
                "name the API to be called in audience or resource, since not exactly one paired API has the asked \
                 scopes: this API is paired with {}",
                named(paired)
            ),
            Self::TargetNotPaired { asked, paired } => {
                format!("this API is not paired with {asked}: it is paired with {}", named(paired))
            }
            Self::MachineSubject => {
                "the subject token has no user, and the pairing does not take tokens of machines".into()
            }
            Self::ConsentMissing { missing } => format!(
                "the target asks its users first, and this one has not agreed to {missing}: have the app send the user \
                 to /authorize with prompt=consent"
            ),
            Self::SignInTooWeak { challenge } => format!(
                "the asked scope demands a sign-in {}: have the app send the user to /authorize with the same",
                demanded(challenge)
            ),
            Self::ScopeOutsidePairing { excess, allowed } => {
                format!("the pairing does not give {excess}: it allows {}", listed(allowed))
            }
            Self::ScopeRequiresMore { asked, missing } => {
                format!("for {asked} the subject token needs {missing}, and does not have it")
            }
            Self::NothingLeft { asked } => {
                format!("the user has no permission for anything that was asked at the target: {}", listed(asked))
            }
            Self::NoUserToIdentify => "openid and offline_access need a user, and the subject token has none".into(),
            Self::OfflineAccessNotAllowed => {
                "offline_access is not allowed: the target API must allow it, and this client must have the grant type \
                 refresh_token"
                    .into()
            }
            Self::ChainTooDeep { max_actors } => {
                format!("a chain may have at most {max_actors} actors, the app included")
            }
            Self::ChainLoops => "the chain has already passed through the asked target".into(),
            Self::LifetimeTooShort => "the subject token ends in less than 10 seconds: get a fresh one".into(),
        }
    }
}

impl Refusal {
    /// As it is answered in a dialect.
    #[must_use]
    pub fn into_error(self, dialect: Dialect) -> OAuthError {
        let error = OAuthError::new(self.code_in(dialect), self.reason(), self.description());
        match self {
            Self::SignInTooWeak { challenge } => error.with_challenge(challenge),
            _ => error,
        }
    }
}

fn listed(scope: &Scope) -> String {
    if scope.is_empty() { "nothing to this subject token".to_owned() } else { scope.to_string() }
}

fn demanded(challenge: &SignInChallenge) -> String {
    let acr = (!challenge.acr_values.is_empty()).then(|| format!("of acr_values {}", challenge.acr_values.join(" ")));
    let age = challenge.max_age.map(|max_age| format!("within max_age {}", max_age.whole_seconds()));
    acr.into_iter().chain(age).collect::<Vec<_>>().join(", ")
}

fn named(apis: &[String]) -> String {
    if apis.is_empty() { "none".to_owned() } else { apis.join(", ") }
}
