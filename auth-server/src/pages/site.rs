//! What every page shares: the name at its head and where this server's paths begin.

use super::assets::versioned_path;

#[derive(Clone, Debug)]
pub struct Site {
    name: String,
    base_path: String,
}

impl Site {
    /// `base_path`: the path of the issuer, empty or `/` where it has none. Never taken from a request's `Host`.
    #[must_use]
    pub fn new(name: impl Into<String>, base_path: &str) -> Self {
        Self { name: name.into(), base_path: base_path.trim_end_matches('/').to_owned() }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of an endpoint, for links and form actions.
    #[must_use]
    pub fn path(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.base_path)
    }

    /// The path of an embedded file, which changes whenever the file does.
    #[must_use]
    pub fn asset(&self, name: &str) -> String {
        self.path(&versioned_path(name))
    }
}
