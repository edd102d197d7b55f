//! Why an exchange is refused: an OAuth code (RFC 8693 section 2.2.2), a stable name, and a sentence that says what would
//! be allowed to this client, and nothing about other clients, users or tokens.

use shared_claims::Scope;

use crate::protocol::{ErrorCode, OAuthError};

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    NotAnApiClient,
    NotAddressedToAsker { own_api: String },
    SubjectTokenRevoked,
    ChainNoLongerAllowed,
    UserBlocked,
    BindingNotSupported,
    MayActNamesAnother,
    TargetMissing,
    TargetNotPaired,
    MachineSubject,
    ConsentMissing,
    ScopeOutsidePairing { excess: Scope, allowed: Scope },
    ScopeRequiresMore { missing: Scope },
    NothingLeft,
    NoUserToIdentify,
    OfflineAccessNotAllowed,
    ChainTooDeep { max_actors: usize },
    ChainLoops,
    LifetimeTooShort,
}

impl Refusal {
    /// The OAuth error code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NotAnApiClient => ErrorCode::UnauthorizedClient,
            Self::TargetNotPaired => ErrorCode::InvalidTarget,
            Self::ScopeOutsidePairing { .. }
            | Self::ScopeRequiresMore { .. }
            | Self::NothingLeft
            | Self::NoUserToIdentify
            | Self::OfflineAccessNotAllowed => ErrorCode::InvalidScope,
            Self::ConsentMissing => ErrorCode::InteractionRequired,
            Self::NotAddressedToAsker { .. }
            | Self::SubjectTokenRevoked
            | Self::ChainNoLongerAllowed
            | Self::UserBlocked
            | Self::BindingNotSupported
            | Self::MayActNamesAnother
            | Self::TargetMissing
            | Self::MachineSubject
            | Self::ChainTooDeep { .. }
            | Self::ChainLoops
            | Self::LifetimeTooShort => ErrorCode::InvalidRequest,
        }
    }

    /// The stable name, the same in `error_description`, the ledger and docs/exchange-rules.md.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotAnApiClient => "not_an_api_client",
            Self::NotAddressedToAsker { .. } => "not_addressed_to_asker",
            Self::SubjectTokenRevoked => "subject_token_revoked",
            Self::ChainNoLongerAllowed => "chain_no_longer_allowed",
            Self::UserBlocked => "user_blocked",
            Self::BindingNotSupported => "binding_not_supported",
            Self::MayActNamesAnother => "may_act_names_another",
            Self::TargetMissing => "target_missing",
            Self::TargetNotPaired => "target_not_paired",
            Self::MachineSubject => "machine_subject",
            Self::ConsentMissing => "consent_missing",
            Self::ScopeOutsidePairing { .. } => "scope_outside_pairing",
            Self::ScopeRequiresMore { .. } => "scope_requires_more",
            Self::NothingLeft => "nothing_left",
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
                "this client is not the client identity of a registered API: set its api and grant it the grant type".into()
            }
            Self::NotAddressedToAsker { own_api } => format!(
                "the subject token was not issued for {own_api}, the API of this client: \
                 an API can only exchange tokens that it was called with"
            ),
            Self::SubjectTokenRevoked => "the grant behind the subject token has ended: the user must sign in again".into(),
            Self::ChainNoLongerAllowed => {
                "a client or pairing that the subject token came through is not allowed any more".into()
            }
            Self::UserBlocked => "the user behind the subject token is blocked".into(),
            Self::BindingNotSupported => {
                "the subject token is bound to a key, and this server does not exchange bound tokens yet".into()
            }
            Self::MayActNamesAnother => "the subject token's may_act does not name this client".into(),
            Self::TargetMissing => {
                "name the API to be called in audience or resource: none or several paired APIs have the asked scopes".into()
            }
            Self::TargetNotPaired => "this API is not paired with the asked target".into(),
            Self::MachineSubject => "the subject token has no user, and the pairing does not take tokens of machines".into(),
            Self::ConsentMissing => "the target asks for the consent of the user to this pairing, and there is none".into(),
            Self::ScopeOutsidePairing { excess, allowed } => {
                format!("the pairing does not give {excess}: it allows {}", listed(allowed))
            }
            Self::ScopeRequiresMore { missing } => {
                format!("the subject token needs {missing} for the asked scope, and does not have it")
            }
            Self::NothingLeft => "the user has no permission for any of the asked scopes at the target".into(),
            Self::NoUserToIdentify => "openid and offline_access need a user, and the subject token has none".into(),
            Self::OfflineAccessNotAllowed => {
                "offline_access is not allowed: the target API must allow it, and this client must have the grant type \
                 refresh_token"
                    .into()
            }
            Self::ChainTooDeep { max_actors } => format!("a chain may have at most {max_actors} actors, the app included"),
            Self::ChainLoops => "the chain has already passed through the asked target".into(),
            Self::LifetimeTooShort => "the subject token ends in less than 10 seconds: get a fresh one".into(),
        }
    }
}

fn listed(scope: &Scope) -> String {
    if scope.is_empty() { "nothing to this subject token".to_owned() } else { scope.to_string() }
}

impl From<Refusal> for OAuthError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.reason(), refusal.description())
    }
}
