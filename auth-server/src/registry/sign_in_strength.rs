//! How somebody must have signed in for a scope to be given (RFC 9470 section 3).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The authentication context class of a sign-in by password. Level 1, as certified clients ask for it (`acr_values=1`).
pub const ACR_PASSWORD: &str = "1";

/// Every authentication context class that a sign-in at this server can have.
const SUPPORTED_ACR: [&str; 1] = [ACR_PASSWORD];

/// What a scope demands of its user's sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInStrength {
    /// One of these authentication context classes. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr: Vec<String>,
    /// How long ago it may have been.
    #[serde(default, with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
}

impl SignInStrength {
    /// A demand that no sign-in can meet would close the scope for ever.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.acr.is_empty() && self.max_age.is_none() {
            return Err("it demands nothing: give acr, max_age or both".to_owned());
        }
        let met = |acr: &String| SUPPORTED_ACR.contains(&acr.as_str());
        if !self.acr.is_empty() && !self.acr.iter().any(met) {
            return Err(format!("no sign-in here has the acr {}: use {}", self.acr.join(" "), SUPPORTED_ACR.join(" ")));
        }
        if self.max_age.is_some_and(|max_age| max_age < Duration::from_secs(10)) {
            return Err("max_age under 10s would be over before the call that it is for".to_owned());
        }
        Ok(())
    }
}
