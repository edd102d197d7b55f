//! The question "who can get this scope?": `SCOPE`, or `API/SCOPE` where several APIs have a scope of the same name.

use shared_claims::ScopeToken;

use super::Path;
use crate::registry::Registry;

/// A scope at one or several APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub scope: ScopeToken,
    /// Identifiers of the APIs that have it; never empty.
    pub apis: Vec<String>,
}

impl Wanted {
    /// Reads the question. An error says which scopes there are.
    pub fn read(text: &str, registry: &Registry) -> Result<Self, String> {
        let bare = text.parse().ok().and_then(|scope: ScopeToken| {
            let owners = registry.apis().filter(|api| api.scopes.contains_key(&scope));
            let apis: Vec<_> = owners.map(|api| api.identifier.clone()).collect();
            (!apis.is_empty()).then_some(Self { scope, apis })
        });
        let in_full = || {
            registry.apis().find_map(|api| {
                let rest = text.strip_prefix(api.identifier.as_str())?;
                let name = rest.strip_prefix('/').unwrap_or(rest);
                let (scope, _) = api.scopes.get_key_value(&name.parse::<ScopeToken>().ok()?)?;
                // Between an identifier and a name stands a slash, which may be the identifier's own.
                let apart = rest != name || api.identifier.ends_with('/');
                apart.then(|| Self { scope: scope.clone(), apis: vec![api.identifier.clone()] })
            })
        };
        bare.or_else(in_full).ok_or_else(|| unknown(text, registry))
    }

    #[must_use]
    pub fn is_where(&self, path: &Path) -> bool {
        path.to.scope.contains(self.scope.as_str()) && self.apis.contains(&path.to.api)
    }
}

fn unknown(text: &str, registry: &Registry) -> String {
    if let Some(name) = registry.api(text).and_then(|api| api.scopes.keys().next()) {
        return format!("{text} is an API: name one of its scopes, such as {text}/{name}");
    }
    let owners = registry.apis().filter(|api| !api.scopes.is_empty());
    let known: Vec<_> = owners.map(|api| format!("{} at {}", api.scope(), api.identifier)).collect();
    format!("no API has the scope {text:?}: there are {}", known.join(", "))
}
