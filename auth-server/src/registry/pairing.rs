//! A pairing: the rule that lets a source API exchange its callers' tokens for tokens of a target API.

use serde::{Deserialize, Serialize};
use shared_claims::{Scope, ScopeToken};

/// What happens when an exchange asks for a scope that the pairing does not give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExcess {
    /// The exchange is refused.
    #[default]
    Refuse,
    /// The excess is left out, and the response's `scope` tells.
    Trim,
}

/// A scope of the target API, and the scope that the subject token must hold to get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PairedScopeDocument")]
pub struct PairedScope {
    pub scope: ScopeToken,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires: Option<ScopeToken>,
}

impl PairedScope {
    /// Whether a subject token with `subject_scope` may get this scope.
    #[must_use]
    pub fn is_open_to(&self, subject_scope: &Scope) -> bool {
        self.requires.as_ref().is_none_or(|required| subject_scope.contains(required.as_str()))
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a scope name, or a table { scope = \"...\", requires = \"...\" }")]
enum PairedScopeDocument {
    Unconditional(ScopeToken),
    Conditional(ConditionalScope),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionalScope {
    scope: ScopeToken,
    #[serde(default)]
    requires: Option<ScopeToken>,
}

impl From<PairedScopeDocument> for PairedScope {
    fn from(document: PairedScopeDocument) -> Self {
        match document {
            PairedScopeDocument::Unconditional(scope) => Self { scope, requires: None },
            PairedScopeDocument::Conditional(ConditionalScope { scope, requires }) => Self { scope, requires },
        }
    }
}

/// Lets the client identity of `source` exchange tokens issued for `source` for tokens of `target`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairing {
    pub source: String,
    pub target: String,
    pub scopes: Vec<PairedScope>,
    /// What an exchange that names no scope gets. `None`: all scopes that require nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_scopes: Option<Vec<ScopeToken>>,
    #[serde(default)]
    pub on_excess: OnExcess,
    /// Whether a token without a user may be exchanged.
    #[serde(default)]
    pub machine_subjects: bool,
    /// Whether the new token may live longer than the subject token.
    #[serde(default)]
    pub may_outlive_subject: bool,
    /// Whether the target may be one that the chain has already passed through.
    #[serde(default)]
    pub may_loop: bool,
}

impl Pairing {
    /// All scopes of the target that this pairing may give.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scopes.iter().map(|paired| paired.scope.clone()).collect()
    }

    /// What of `scope` this pairing gives to no subject token.
    #[must_use]
    pub fn excess_of(&self, scope: &Scope) -> Scope {
        scope.filter(|name| !self.scopes.iter().any(|paired| paired.scope == *name))
    }

    /// The scopes that a subject token with `subject_scope` may get.
    #[must_use]
    pub fn scope_open_to(&self, subject_scope: &Scope) -> Scope {
        self.scopes
            .iter()
            .filter(|paired| paired.is_open_to(subject_scope))
            .map(|paired| paired.scope.clone())
            .collect()
    }

    /// What an exchange that names no scope asks for.
    #[must_use]
    pub fn default_scope(&self) -> Scope {
        match &self.default_scopes {
            Some(named) => named.iter().cloned().collect(),
            None => self.scopes.iter().filter(|paired| paired.requires.is_none()).map(|p| p.scope.clone()).collect(),
        }
    }

    /// The key of this pairing among others, for messages and database rows.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} -> {}", self.source, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipts() -> Pairing {
        serde_json::from_str(
            r#"{"source":"https://a.example","target":"https://b.example",
                "scopes":["read:receipts",{"scope":"write:receipts","requires":"write:reports"}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_conditional_scope_needs_its_condition() {
        assert_eq!(receipts().scope_open_to(&"read:reports".parse().unwrap()).to_string(), "read:receipts");
        assert_eq!(
            receipts().scope_open_to(&"write:reports".parse().unwrap()).to_string(),
            "read:receipts write:receipts"
        );
    }

    #[test]
    fn the_default_is_what_requires_nothing_never_everything() {
        assert_eq!(receipts().default_scope().to_string(), "read:receipts");
    }

    #[test]
    fn a_pairing_that_says_nothing_about_excess_refuses_it() {
        assert_eq!(receipts().on_excess, OnExcess::Refuse);
    }
}
