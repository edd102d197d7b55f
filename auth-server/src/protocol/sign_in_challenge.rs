//! What a sign-in must be like for the same request to succeed (RFC 9470 section 3): an error carries it, the API passes
//! it on to its caller, the app asks for it at `/authorize`.

use time::Duration;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInChallenge {
    /// One of these authentication context classes. Empty: any.
    pub acr_values: Vec<String>,
    /// How long ago the sign-in may have been; whole seconds on the wire.
    pub max_age: Option<Duration>,
}
