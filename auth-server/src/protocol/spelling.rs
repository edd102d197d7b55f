//! How scopes were spelt in a request: bare, or with their API's identifier before them. Microsoft's libraries look for
//! the same spelling in the response before they keep it in their caches.

use shared_claims::{Scope, ScopeToken};

/// Asks for the pairing's defaults, behind an API's identifier.
pub(super) const DEFAULT: &str = ".default";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spelling {
    /// Asked for by their bare name.
    pub(super) bare: Scope,
    /// `{target identifier}/.default` was asked for.
    pub(super) default: bool,
}

impl Spelling {
    /// The granted scope of `target`, spelt as it was asked for.
    #[must_use]
    pub fn of(&self, granted: &Scope, target: &str) -> Scope {
        let in_full = |name: &str| format!("{target}/{name}").parse::<ScopeToken>().ok();
        let spelt = granted.iter().filter_map(|name| {
            if self.bare.contains(name.as_str()) { Some(name.clone()) } else { in_full(name.as_str()) }
        });
        spelt.chain(self.default.then(|| in_full(DEFAULT)).flatten()).collect()
    }
}
