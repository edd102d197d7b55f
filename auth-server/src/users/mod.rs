//! People: passwords, signing in, sessions, and what a token may tell about them (OpenID Connect Core section 5).

mod device;
mod passwords;
mod profile;
mod provision;
mod sessions;
mod sign_in;

pub use device::device;
pub use passwords::{PasswordError, PasswordSettings, Passwords};
pub use profile::{claims_named, claims_of, scope_of_claim};
pub use provision::{ConfiguredPassword, ConfiguredUser, ProvisionError, provision};
pub use sessions::{NewSession, SessionLifetimes, Sessions, SignedIn};
pub use sign_in::{Refusal, SignIn, SignInError, SignInPolicy};
