//! The rules by name, in the order in which they are judged (docs/on-behalf-of.md has a section for each).

/// One rule of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    WhoMayAsk,
    AddressedToAsker,
    SubjectNotRevoked,
    ChainStillAllowed,
    UserNotBlocked,
    ActorToken,
    MayAct,
    Target,
    MachineSubject,
    Binding,
    Scope,
    Permissions,
    Openid,
    OfflineAccess,
    ChainDepth,
    ChainLoops,
    Consent,
    SignInStrength,
    Lifetime,
}

impl Rule {
    pub const ALL: [Self; 19] = [
        Self::WhoMayAsk,
        Self::AddressedToAsker,
        Self::SubjectNotRevoked,
        Self::ChainStillAllowed,
        Self::UserNotBlocked,
        Self::ActorToken,
        Self::MayAct,
        Self::Target,
        Self::MachineSubject,
        Self::Binding,
        Self::Scope,
        Self::Permissions,
        Self::Openid,
        Self::OfflineAccess,
        Self::ChainDepth,
        Self::ChainLoops,
        Self::Consent,
        Self::SignInStrength,
        Self::Lifetime,
    ];

    /// Stable, for programs and for links into the docs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WhoMayAsk => "who_may_ask",
            Self::AddressedToAsker => "addressed_to_asker",
            Self::SubjectNotRevoked => "subject_not_revoked",
            Self::ChainStillAllowed => "chain_still_allowed",
            Self::UserNotBlocked => "user_not_blocked",
            Self::Binding => "binding",
            Self::ActorToken => "actor_token",
            Self::MayAct => "may_act",
            Self::Target => "target",
            Self::MachineSubject => "machine_subject",
            Self::Scope => "scope",
            Self::Permissions => "permissions",
            Self::Consent => "consent",
            Self::SignInStrength => "sign_in_strength",
            Self::Openid => "openid",
            Self::OfflineAccess => "offline_access",
            Self::ChainDepth => "chain_depth",
            Self::ChainLoops => "chain_loops",
            Self::Lifetime => "lifetime",
        }
    }

    /// What it demands, for people.
    #[must_use]
    pub const fn demand(self) -> &'static str {
        match self {
            Self::WhoMayAsk => "the asker is the client identity of an API, and has the grant type",
            Self::AddressedToAsker => "the subject token was issued for the asker's own API",
            Self::SubjectNotRevoked => "the grant behind the subject token stands",
            Self::ChainStillAllowed => "every client and pairing that the token came by is still there",
            Self::UserNotBlocked => "the user is not blocked",
            Self::Binding => {
                "a token bound to a key yields no weaker one, and bound ones are given where they are demanded"
            }
            Self::ActorToken => "an actor token belongs to the asker",
            Self::MayAct => "may_act, where there, names who acts",
            Self::Target => "the asked API is paired with the asker's",
            Self::MachineSubject => "the subject token has a user, or the pairing takes machines",
            Self::Scope => "the asked scope lies within the pairing and what the subject token opens",
            Self::Permissions => "the user may do it at the target",
            Self::Consent => "the user has agreed, where the target asks its users",
            Self::SignInStrength => "the user signed in as the asked scopes demand it",
            Self::Openid => "an ID token is about a user",
            Self::OfflineAccess => "a refresh token is allowed by target and asker",
            Self::ChainDepth => "the chain is not too long",
            Self::ChainLoops => "the chain does not come back",
            Self::Lifetime => "the new token lives long enough to be of use",
        }
    }

    /// The setting that decides it.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::WhoMayAsk => "clients: api, grant_types, secret",
            Self::AddressedToAsker => "clients: api",
            Self::SubjectNotRevoked => "lifetimes.grant",
            Self::ChainStillAllowed => "clients, pairings",
            Self::UserNotBlocked => "users: blocked",
            Self::Binding => "apis: dpop_bound_access_tokens_required; clients: dpop_bound_access_tokens",
            Self::Openid => "none",
            Self::ActorToken => "clients: agent_of",
            Self::MayAct => "clients: may_act",
            Self::Target => "pairings: source, target",
            Self::MachineSubject => "pairings: machine_subjects",
            Self::Scope => "pairings: scopes, default_scopes, on_excess",
            Self::Permissions => "apis: enforce_permissions; users: permissions",
            Self::Consent => "apis: skip_consent",
            Self::SignInStrength => "apis: sign_in",
            Self::OfflineAccess => "apis: allow_offline_access; clients: grant_types",
            Self::ChainDepth => "exchange.max_actors",
            Self::ChainLoops => "pairings: may_loop",
            Self::Lifetime => "apis: token_lifetime; pairings: may_outlive_subject",
        }
    }
}
